"""Changes of all lines of a batch task, some at a time: no other write ever waits for thirty thousand lines.

Each step is a whole change of its own. Between two of them the task may be worked, stopped or deleted, and what a crash
breaks off is as if fewer lines had been meant.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

BEGINNING = -1
"""Before every line."""


class LineUpdate(NamedTuple):
    """What an UPDATE sets, and of which lines; literals of this module."""

    change: str
    condition: str


# The + keeps SQLite on the primary key, in whose order the lines are taken, at 0.1 us a line that is passed over.
WAITS = "+status IN ('Waitting', 'FailWaitRetry')"
STOPPED = LineUpdate("status = 'Stopped', retry_at = NULL", WAITS)
CONFIRMED = LineUpdate("is_held = 0", "is_held = 1 AND +status = 'Waitting'")
RETRIED = LineUpdate(
    "status = 'Waitting', is_held = 0, attempts = 0, retry_at = NULL, error_code = NULL, error_msg = NULL",
    "+status IN ('Fail', 'FailWaitRetry', 'Stopped')",
)
FAILED = LineUpdate(
    "status = 'Fail', attempts = attempts + 1, retry_at = NULL, error_code = :error_code, error_msg = :error_msg", WAITS
)


def sweep(
    connection: sqlite3.Connection,
    task_id: str,
    update: LineUpdate,
    after: int,
    most: int,
    values: Mapping[str, object] | None = None,
) -> int | None:
    """Update the first `most` lines behind the line `after` that fit; the last of them, None when no more follow."""
    key = {"task_id": task_id, "after": after, "most": most}
    picking = f"""
        SELECT number FROM batch_line WHERE task_id = :task_id AND number > :after AND {update.condition}
        ORDER BY number LIMIT :most
    """  # noqa: S608 literals of this module, values are bound
    numbers = [number for (number,) in connection.execute(picking, key)]
    if not numbers:
        return None
    updating = f"""
        UPDATE batch_line SET {update.change}
        WHERE task_id = :task_id AND number BETWEEN :first AND :last AND {update.condition}
    """  # noqa: S608 the same
    connection.execute(updating, {**(values or {}), "task_id": task_id, "first": numbers[0], "last": numbers[-1]})
    return numbers[-1] if len(numbers) == most else None


def update_targets(
    connection: sqlite3.Connection, task_id: str, update: LineUpdate, targets: Sequence[str]
) -> frozenset[str]:
    """Update the lines of these targets that fit; the targets of which there were any."""
    statement = f"UPDATE batch_line SET {update.change} WHERE task_id = ? AND target = ? AND {update.condition}"  # noqa: S608 the same
    return frozenset(target for target in targets if connection.execute(statement, (task_id, target)).rowcount)


def clear(connection: sqlite3.Connection, task_id: str, most: int) -> bool:
    """Delete so many lines of the task; whether there were that many."""
    statement = """
        DELETE FROM batch_line WHERE task_id = ?1 AND number IN (
            SELECT number FROM batch_line WHERE task_id = ?1 ORDER BY number LIMIT ?2
        )
    """
    return connection.execute(statement, (task_id, most)).rowcount == most


def purge(connection: sqlite3.Connection, most: int) -> bool:
    """Delete so many lines of a task that is_deleted, and the task with the last of them; whether there was one."""
    row = connection.execute("SELECT task_id FROM batch_task WHERE is_deleted = 1 LIMIT 1").fetchone()
    if row is None:
        return False
    if not clear(connection, row[0], most):
        connection.execute("DELETE FROM batch_task WHERE task_id = ?", row)
    return True
