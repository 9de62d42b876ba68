"""keyturn device: create, show, list, delete, freeze and unfreeze, over the application API."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from engine.cli.client import open_client, segment
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption, read_secret
from engine.cli.output import show_fields, show_json, show_table
from engine.registry.record import AuthType

device = typer.Typer(no_args_is_help=True, help="Register devices, and look after them.")

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE_ID")]

_SECRETS = ("secret", "secondary_secret")
_SHOWN = ("device_id", "node_id", "device_name", "description", "product_id", "product_name", "gateway_id", "status")


@device.command()
def create(
    product_id: Annotated[str, typer.Option("--product-id", metavar="ID", help="The product that it is one of.")],
    node_id: Annotated[str, typer.Option("--node-id", metavar="ID", help="Its own id: IMEI, MAC or serial number.")],
    device_id: Annotated[
        str | None, typer.Option("--device-id", metavar="ID", help="Left out: product and node id, joined by _.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    description: Annotated[str | None, typer.Option(help="What else there is to say about it.")] = None,
    gateway_id: Annotated[str | None, typer.Option(metavar="ID", help="The gateway behind which it stands.")] = None,
    secret_file: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Read its secret from a file, or with - from standard input. Left out: "
            "one is allocated, and shown once.",
        ),
    ] = None,
    auth_type: Annotated[
        AuthType,
        typer.Option(metavar="TYPE", help="SECRET; or CERTIFICATES, of a device CA (keyturn ca)."),
    ] = AuthType.SECRET,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="HEX", help="Its certificate's SHA-256 or SHA-1; left out: the first that it connects with."
        ),
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Delete it again when it does not connect in time; 0: never.")
    ] = None,
    secure_access: Annotated[
        bool, typer.Option(help="A CoAP device: whether it needs DTLS, or its node ID lets it in over plain CoAP.")
    ] = True,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Register a device."""
    auth_info: dict[str, object] = {"auth_type": auth_type, "secure_access": secure_access}
    if secret_file is not None:
        auth_info["secret"] = read_secret(secret_file)
    if fingerprint is not None:
        auth_info["fingerprint"] = fingerprint
    if timeout is not None:
        auth_info["timeout"] = timeout
    body = {
        "product_id": product_id,
        "node_id": node_id,
        "device_id": device_id,
        "device_name": name,
        "description": description,
        "gateway_id": gateway_id,
        "auth_info": auth_info,
    }
    made = open_client(data).post("/devices", body)
    # A secret that was given is known already; one that was allocated is seen here and, on request, in `show`.
    _show(made if secret_file is None else _without_secrets(made), as_json)


@device.command()
def show(
    device_id: DeviceId,
    show_secret: Annotated[bool, typer.Option("--show-secret", help="Its secrets too.")] = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Show a device."""
    found = open_client(data).get(f"/devices/{segment(device_id)}")
    _show(found if show_secret else _without_secrets(found), as_json)


@device.command("list")
def list_devices(
    product_id: Annotated[str | None, typer.Option("--product-id", metavar="ID", help="Of this product only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """List devices, newest first."""
    found, count = open_client(data).newest("/devices", "devices", {"product_id": product_id}, limit)
    if as_json:
        show_json(found)
        return
    columns = ("device_id", "status", "product_name", "node_id", "device_name")
    show_table(columns, ([each.get(column) for column in columns] for each in found))
    typer.echo(f"{len(found)} of {count}")


@device.command()
def delete(device_id: DeviceId, data: DataOption = DEFAULT_DATA) -> None:
    """Delete a device; its session ends."""
    open_client(data).delete(f"/devices/{segment(device_id)}")
    typer.echo(f"{device_id} deleted")


@device.command()
def freeze(device_id: DeviceId, data: DataOption = DEFAULT_DATA) -> None:
    """Keep a device from connecting, until it is unfrozen; its session ends."""
    open_client(data).post(f"/devices/{segment(device_id)}/freeze")
    typer.echo(f"{device_id} frozen")


@device.command()
def unfreeze(device_id: DeviceId, data: DataOption = DEFAULT_DATA) -> None:
    """Let a frozen device connect again."""
    open_client(data).post(f"/devices/{segment(device_id)}/unfreeze")
    typer.echo(f"{device_id} unfrozen")


def _show(found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    auth_info = {name: value for name, value in found.get("auth_info", {}).items() if value is not None}
    show_fields({**{name: found[name] for name in _SHOWN if found.get(name) is not None}, **auth_info})


def _without_secrets(found: Mapping[str, Any]) -> dict[str, Any]:
    auth_info = {name: value for name, value in found.get("auth_info", {}).items() if name not in _SECRETS}
    return {**found, "auth_info": auth_info}
