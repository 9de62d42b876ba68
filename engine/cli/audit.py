"""keyturn audit: who did what to what, and which devices were let in or turned away."""

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from engine.cli.options import DEFAULT_DATA, DataOption, JsonOption
from engine.cli.output import show_json, show_table
from engine.node.data_directory import REGISTRY_FILE, read_credentials
from engine.registry.database import FAULTS, open_for_reading
from engine.registry.listing import list_audit
from engine.registry.readers import unreadable
from engine.registry.record import AuditEntry

_NO_PROJECT = ""
"""Refusals of devices that do not exist belong to no project."""


def audit(
    device: Annotated[str | None, typer.Option(metavar="ID", help="Of this device only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    data: DataOption = DEFAULT_DATA,
    as_json: JsonOption = False,
) -> None:
    """Show the audit, newest first: every change, first connections, and refusals summed up by the minute.

    It is read from the data directory, whether a node runs on it or not.
    """
    entries = read_audit(data, device, limit)
    if as_json:
        show_json([_as_object(entry) for entry in entries])
    else:
        show_table(
            ("at", "actor", "action", "target", "detail"),
            [(_instant(entry), entry.actor, entry.action, entry.target, in_words(entry)) for entry in entries],
        )


def read_audit(data: Path, target: str | None = None, limit: int = 50) -> Sequence[AuditEntry]:
    """Entries of the project and of no project, newest first. StoreUnavailable when the registry cannot be read."""
    project_id = read_credentials(data).project_id
    with contextlib.closing(open_for_reading(data / REGISTRY_FILE)) as connection:
        try:
            entries = [
                numbered
                for project in (project_id, _NO_PROJECT)
                for numbered in list_audit(connection, project, target, None, limit).entries
            ]
        except FAULTS as fault:
            raise unreadable(fault) from fault
    entries.sort(key=lambda numbered: numbered[0], reverse=True)
    return [entry for _sequence, entry in entries[:limit]]


def in_words(entry: AuditEntry) -> str:
    """The detail, on one line."""
    detail = msgspec.json.decode(entry.detail)
    return ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None)


def _as_object(entry: AuditEntry) -> dict[str, Any]:
    return {**msgspec.structs.asdict(entry), "at": _instant(entry), "detail": msgspec.json.decode(entry.detail)}


def _instant(entry: AuditEntry) -> str:
    return datetime.datetime.fromtimestamp(entry.at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
