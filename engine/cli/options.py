"""Options that several commands share, and secrets read from where nobody else sees them."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UsageError

DEFAULT_DATA = Path("keyturn-data")

DataOption = Annotated[
    Path, typer.Option("--data", metavar="DIR", envvar="KEYTURN_DATA", help="The data directory made by keyturn init.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SECRET_BYTES = 4096
"""Read at most so much: a wrong path must not be read to its end."""


def read_secret(source: str | None) -> str:
    """A secret from a file, from standard input ("-") or, with None, from a prompt (standard input when piped).

    One line end after it is dropped. Never from the command line, where every user of the machine would see it.
    """
    if source is None and sys.stdin.isatty():
        secret = getpass.getpass("Secret: ")
    else:
        data = sys.stdin.buffer.read(_SECRET_BYTES) if source in (None, "-") else _read_start(Path(source))
        try:
            secret = data.decode("ascii")
        except UnicodeDecodeError:
            raise UsageError("the secret is not ASCII text") from None
        secret = secret.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise UsageError("the secret is empty")
    return secret


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_SECRET_BYTES)
