"""What a person reads: tables, lines and JSON. Text from peers never works as markup or as a terminal's controls."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def plain(text: str) -> str:
    """Control and format characters (escape sequences, line ends, reversals of direction) as visible escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def console() -> Console:
    """Standard output; wide enough for any row when nobody's screen sets the width."""
    return Console(width=None if sys.stdout.isatty() else 1000, highlight=False, soft_wrap=False)


def show_json(value: object) -> None:
    """Indented JSON in ASCII: what is not, a terminal's controls among it, is escaped."""
    typer.echo(json.dumps(msgspec.to_builtins(value), indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table with one row a line; None is shown as a dash."""
    table = open_table(*columns)
    for row in rows:
        table.add_row(*(Text(_cell(value), overflow="fold") for value in row))
    console().print(table)


def open_table(*columns: str) -> Table:
    """An empty table, lean enough for a terminal of 80 columns."""
    return Table(*columns, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def show_fields(fields: Mapping[str, object]) -> None:
    """One field a line, names aligned."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        typer.echo(f"{name:<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return plain(value)
    return plain(msgspec.json.encode(value).decode())
