"""Rows become the records that were written; damage is an outage."""

import sqlite3

import pytest

from engine.registry.batch_rows import file_from_row, line_from_row, task_from_row
from engine.registry.store_batches import BatchLine, LineStatus
from tests.registry.batch_samples import batch_file, task


def test_rows_become_records() -> None:
    file, one = batch_file(), task()

    assert file_from_row((file.file_id, file.project_id, file.file_name, file.uploaded_at)) == file
    assert task_from_row(tuple(getattr(one, name) for name in one.__struct_fields__)) == one
    line = BatchLine(
        number=2, target="t", status=LineStatus.FAIL, is_held=True, attempts=3, error_code="c", error_msg="m"
    )
    assert line_from_row((2, "t", "Fail", 1, 3, None, "c", "m")) == line


def test_word_that_nobody_wrote_is_damage() -> None:
    one = task()
    row = [getattr(one, name) for name in one.__struct_fields__]
    row[one.__struct_fields__.index("status")] = "Lost"

    with pytest.raises(sqlite3.DataError, match="TaskStatus"):
        task_from_row(tuple(row))
