"""The gate's record: what `keyturn gate` measured, and of which build on which machine."""

import importlib
import platform
import ssl
from pathlib import Path

import msgspec

from engine.gate.measure import Timing

RECORD_NAME = "gate.json"
"""The record's file in the data directory."""


class Build(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a measured ratio depends on: a record of another build does not count.

    module: SHA-256 of the native module's file. library: what it is linked with. python: the interpreter and the
    library of its own that the reference runs on. machine: system, host name, kernel and processor.
    """

    module: str
    library: str
    python: str
    machine: str


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Timings by the operation's name."""

    build: Build
    timings: dict[str, Timing]


def current_build() -> Build:
    """The build that runs now. ImportError where there is no native module."""
    compiled = importlib.import_module("engine.gate.compiled")
    return Build(
        module=compiled.module_digest(),
        library=compiled.library_version(),
        python=f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        machine=" ".join(part for part in platform.uname() if part),
    )


def read_record(path: Path) -> Record | None:
    """The record, or None where there is none that counts: absent, unreadable, or of another build.

    A record is only ever a short cut past measuring at start, so none of these is a fault.
    """
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        return record if record.build == current_build() else None
    except (OSError, ImportError, msgspec.DecodeError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Write the record as indented JSON. OSError where the file cannot be written."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
