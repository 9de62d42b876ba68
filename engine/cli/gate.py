"""`keyturn gate`: measure every operation behind the gate on this machine, show what is chosen, keep the record."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from engine.errors import UsageError
from engine.gate.interface import Operation
from engine.gate.record import RECORD_NAME, Record, write_record
from engine.gate.selection import FIGURE, Choice, choose_offered, choose_operations, take_record
from engine.listeners.mqtt_front import MQTT_FRONT
from engine.listeners.parse_connect import PARSE_CONNECT

OFFERED: tuple[Operation[Any], ...] = (PARSE_CONNECT, MQTT_FRONT)
"""What the listeners offer behind the gate."""


def gate(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="KEYTURN_DATA",
            help="Data directory whose node shall use the record; without it, only show.",
        ),
    ] = None,
) -> None:
    """Measure the native operations against their references, and record which of them earn their place."""
    if data is not None and not data.is_dir():
        raise UsageError(f"{data}: not a directory; make a data directory with: keyturn init --data {data}")
    record = take_record(OFFERED)
    choices = gate_choices(record)
    console = Console()
    console.print(gate_table(choices, record.build.library if record else "none"))
    if data is not None and record is not None:
        path = data / RECORD_NAME
        try:
            write_record(path, record)
        except OSError as fault:
            raise UsageError(f"{path}: {fault.strerror}") from None
        console.print(f"Recorded in {path}", soft_wrap=True)


def gate_choices(record: Record | None) -> list[Choice]:
    """What is chosen of everything behind the gate by this record."""
    _, choices = choose_operations("auto", record)
    return [*choices, *(choose_offered(one, "auto", record)[1] for one in OFFERED)]


def gate_table(choices: Sequence[Choice], library: str) -> Table:
    """One row an operation; `library` is what the native module is linked with."""
    table = Table(caption=f"native module linked with {library}")
    table.add_column("operation", no_wrap=True)
    for heading in ("reference", "native", "ratio", "required", "chosen", "remark"):
        table.add_column(heading)
    for choice in choices:
        remark = "" if choice.timing and choice.why != FIGURE else choice.why  # the figures speak for themselves
        table.add_row(choice.operation, *_figures(choice), f"{choice.required:.1f} x", choice.chosen, remark)
    return table


def _figures(choice: Choice) -> tuple[str, str, str]:
    """Reference time, native time and ratio, as a person reads them."""
    if choice.timing is None:
        return "-", "-", "-"
    reference, native = choice.timing.reference_seconds * 1e6, choice.timing.native_seconds * 1e6
    return f"{reference:.2f} us", f"{native:.2f} us", f"{choice.timing.ratio:.2f} x"
