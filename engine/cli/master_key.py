"""keyturn master-key: the key under which the registry's secrets are sealed."""

import os

import typer

from engine.cli.options import DEFAULT_DATA, DataOption
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE, DataLock
from engine.registry.rotation import rotate_master_key

master_key = typer.Typer(no_args_is_help=True, help="The key under which the registry's secrets are sealed.")


@master_key.callback()
def _group() -> None:
    """Without this, typer would make the one command the group itself."""


@master_key.command()
def rotate(data: DataOption = DEFAULT_DATA) -> None:
    """Seal every secret again under a new master key, and drop the old one.

    The node must be stopped. A rotation that was cut short is finished by the next one; devices notice nothing.
    """
    with DataLock(data):
        changed = rotate_master_key(data / REGISTRY_FILE, data / MASTER_KEY_FILE, os.urandom)
    typer.echo(f"secrets sealed under the new master key: {changed}; back up {data / MASTER_KEY_FILE} now")
