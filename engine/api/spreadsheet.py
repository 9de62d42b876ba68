"""CSV that a person opens in a spreadsheet, which takes a cell that begins with = + - @ for a formula (THREATS)."""

import csv
import io
from collections.abc import Iterable, Sequence

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TEXT_MARK = "'"
"""What spreadsheets know as "this is text" (OWASP, CSV injection)."""


def spreadsheet_text(rows: Iterable[Sequence[object]]) -> str:
    """These rows as CSV; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_BEGIN_FORMULAS):
        return _TEXT_MARK + value
    return value
