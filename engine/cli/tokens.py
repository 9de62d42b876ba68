"""keyturn token: what applications send in X-Auth-Token."""

from typing import Annotated

import typer

from engine.cli.access import ReadSecretsOption, RoleOption, open_access, show_made
from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption
from engine.cli.output import show_json, show_table

token = typer.Typer(no_args_is_help=True, help="Tokens: what applications send in X-Auth-Token.")


@token.command()
def create(
    name: Annotated[str, typer.Option(help="What it is for; one token of a project has it.")],
    role: RoleOption,
    read_secrets: ReadSecretsOption = False,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Make a token, and show it this once."""
    show_made(open_access(data).create_token(name, role, read_secrets=read_secrets), "token", as_json=as_json)


@token.command("list")
def list_tokens(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List the tokens that are not revoked, newest first."""
    tokens = open_access(data).list_tokens()
    if as_json:
        show_json(tokens)
        return
    show_table(
        ("name", "role", "read_secrets", "create_time"),
        [(one.name, one.role, one.read_secrets, one.create_time) for one in tokens],
    )


@token.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Revoke a token: from now on it opens nothing."""
    open_access(data).revoke_token(name)
