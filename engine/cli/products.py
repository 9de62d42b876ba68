"""keyturn product: create and list, over the application API."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.cli.client import open_client
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption
from engine.cli.output import show_fields, show_json, show_table
from engine.errors import UsageError

product = typer.Typer(no_args_is_help=True, help="Products: what kind of device it is, and which protocol it speaks.")

_SHOWN = ("product_id", "name", "device_type", "protocol_type", "data_format")


@product.command()
def create(
    name: Annotated[str, typer.Option(help="What people call it.")],
    product_id: Annotated[str | None, typer.Option("--product-id", metavar="ID", help="Left out: made up.")] = None,
    device_type: Annotated[str, typer.Option(help="The kind of thing it is, such as WaterMeter.")] = "Device",
    protocol: Annotated[str, typer.Option(help="MQTT, CoAP (LwM2M) or another of the contract's.")] = "MQTT",
    data_format: Annotated[str, typer.Option(help="json or binary.")] = "json",
    services: Annotated[
        Path | None, typer.Option(metavar="FILE", help="service_capabilities, a JSON list; left out: none.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Make a product."""
    body = {
        "product_id": product_id,
        "name": name,
        "device_type": device_type,
        "protocol_type": protocol,
        "data_format": data_format,
        "service_capabilities": [] if services is None else _read_services(services),
    }
    made = open_client(data).post("/products", body)
    if as_json:
        show_json(made)
    else:
        show_fields({field: made[field] for field in _SHOWN})


@product.command("list")
def list_products(
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """List products, newest first."""
    found, count = open_client(data).newest("/products", "products", {}, limit)
    if as_json:
        show_json(found)
        return
    show_table(_SHOWN, ([each.get(column) for column in _SHOWN] for each in found))
    typer.echo(f"{len(found)} of {count}")


def _read_services(path: Path) -> list[object]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[object])
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise UsageError(f"{path}: {fault}") from None
