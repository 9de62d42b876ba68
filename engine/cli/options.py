"""Options that several commands share, and what they read: secrets from where nobody sees them, and certificates."""

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
_CERTIFICATE_BYTES = 65535
"""The API's own bound (AddCertificate, CheckCertificate)."""


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


def read_certificate(path: Path) -> str:
    """The text of a PEM file, for the API to judge. UsageError for what it need not see: a key above all."""
    text = _read_start(path, _CERTIFICATE_BYTES + 1).decode("ascii", "replace")
    if "PRIVATE KEY-----" in text:
        raise UsageError(f"{path}: it holds a private key, which Keyturn never wants; name the certificate's file")
    if len(text) > _CERTIFICATE_BYTES:
        raise UsageError(f"{path}: longer than {_CERTIFICATE_BYTES} bytes")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise UsageError(f"{path}: no certificate in it; PEM is expected (-----BEGIN CERTIFICATE-----)")
    return text


def _read_start(path: Path, most: int = _SECRET_BYTES) -> bytes:
    with path.open("rb") as file:
        return file.read(most)
