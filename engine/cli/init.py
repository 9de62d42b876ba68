"""keyturn init: make a data directory."""

import time
from typing import Annotated

import msgspec
import trio
import typer

from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption
from engine.cli.output import show_fields, show_json
from engine.clock import Clock
from engine.node.data_directory import initialise


def init(
    data: DataOption = DEFAULT_DATA,
    project_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The project's id; left out: one is made up.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a data directory, and print the credentials of its first project.

    DIR gets keyturn.toml, the registry, the master key that seals the devices' secrets, credentials.json for
    applications, and a platform CA with a server certificate for localhost under tls/. Nothing is ever overwritten.
    """
    credentials = trio.run(initialise, data, project_id, Clock(time.time, time.monotonic))
    if as_json:
        show_json(credentials)
        return
    show_fields(msgspec.structs.asdict(credentials))
    typer.echo(f"\nStart the node with: keyturn serve --data {data}", err=True)
