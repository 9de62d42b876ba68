"""What a peer named its device must not run on an operator's machine."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.spreadsheet import spreadsheet_text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0"])
def test_cell_that_begins_like_a_formula_is_marked_as_text(cell: str) -> None:
    assert next(csv.reader(io.StringIO(spreadsheet_text([[cell]]), newline=""))) == [f"'{cell}"]


def test_numbers_and_absent_values_are_written_as_they_are() -> None:
    assert spreadsheet_text([["a", -1, None], ["x,y", 'say "no"', ""]]) == 'a,-1,\r\n"x,y","say ""no""",\r\n'


@given(st.lists(st.text(), min_size=2))
def test_every_row_comes_back_as_it_was(row: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(spreadsheet_text([row]), newline=""))

    assert [cell.removeprefix("'") for cell in read] == [cell.removeprefix("'") for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in read)
