"""keyturn access-key: what applications sign their requests with."""

from typing import Annotated

import typer

from engine.cli.access import ReadSecretsOption, RoleOption, open_access, show_made
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption
from engine.cli.output import show_json, show_table

access_key = typer.Typer(no_args_is_help=True, help="Access keys: what applications sign their requests with.")


@access_key.command()
def create(
    role: RoleOption,
    read_secrets: ReadSecretsOption = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Make an access key, and show its secret key this once."""
    show_made(open_access(data).create_access_key(role, read_secrets=read_secrets), "secret key", as_json=as_json)


@access_key.command("list")
def list_access_keys(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List the access keys, newest first."""
    keys = open_access(data).list_access_keys()
    if as_json:
        show_json(keys)
        return
    show_table(
        ("access_key", "role", "read_secrets", "create_time"),
        [(key.access_key, key.role, key.read_secrets, key.create_time) for key in keys],
    )


@access_key.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ACCESS_KEY")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Revoke an access key: from now on it opens nothing."""
    open_access(data).revoke_access_key(key)
