"""Batch tasks in SQLite: a BatchStore on the readers and the writer of SqliteStore."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from sqlite3 import Connection

import trio

from engine.limits import Limits
from engine.registry import batch_changes, batch_ends, batch_sweeps, listing
from engine.registry.batch_rows import (
    IS_UNFINISHED,
    SELECT_FILE,
    SELECT_LINE,
    SELECT_TASK,
    SELECT_TASK_SUMMARY,
    file_from_row,
    line_from_row,
    task_from_row,
)
from engine.registry.readers import Readers
from engine.registry.record import AuditEntry
from engine.registry.store import DeviceFilter, PageRequest, StoreRefusal
from engine.registry.store_batches import (
    BatchFile,
    BatchLine,
    BatchTask,
    LineChange,
    LineOutcome,
    LinePage,
    LineStatus,
    Progress,
    TaskFilter,
    TaskPage,
    TaskStatus,
)
from engine.registry.writer import Writer

_LARGEST = 2**63 - 1
"""What SQLite can bind; a marker may be larger."""

# What the runner asks all the time. SQLite would walk the primary key past every line that is done.
_BY_STATUS = f"{SELECT_LINE} INDEXED BY batch_line_by_status WHERE task_id = :task_id"
UNFINISHED_TASKS = f"{SELECT_TASK_SUMMARY} INDEXED BY batch_task_unfinished WHERE {IS_UNFINISHED} ORDER BY task_id"
CHANGED_LINES = f"{_BY_STATUS} AND status = 'Processing' ORDER BY number"
WAITING_LINES = f"{_BY_STATUS} AND status = 'Waitting' AND is_held = 0 ORDER BY number LIMIT :limit"
RETRYING_LINES = f"{_BY_STATUS} AND status = 'FailWaitRetry' AND retry_at <= :now ORDER BY number LIMIT :limit"


class SqliteBatches:
    """A BatchStore. Writes and lists are checkpoints; the runner's small reads are not."""

    def __init__(self, readers: Readers, writer: Writer, limits: Limits) -> None:
        self._readers = readers
        self._writer = writer
        self._limits = limits

    async def add_file(self, file: BatchFile, sealed_content: bytes, audit: AuditEntry) -> StoreRefusal | None:
        """See BatchStore."""
        most = self._limits.batch_files
        work = partial(batch_changes.add_file, file=file, sealed_content=sealed_content, most=most, audit=audit)
        return await self._writer.write(work)

    async def files(self, project_id: str) -> Sequence[BatchFile]:
        """See BatchStore."""
        return await self._readers.read_in_thread(partial(_files, project_id=project_id))

    async def file_content(self, project_id: str, file_id: str) -> bytes | None:
        """See BatchStore."""
        return await self._readers.read_in_thread(partial(_content, project_id=project_id, file_id=file_id))

    async def delete_file(self, project_id: str, file_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See BatchStore."""
        work = partial(batch_changes.delete_file, project_id=project_id, file_id=file_id, audit=audit)
        return await self._writer.write(work)

    async def add_task(self, task: BatchTask, audit: AuditEntry) -> StoreRefusal | None:
        """See BatchStore."""
        most = self._limits.batch_tasks
        return await self._writer.write(partial(batch_changes.add_task, task=task, most=most, audit=audit))

    async def task(self, project_id: str, task_id: str) -> BatchTask | None:
        """See BatchStore."""
        return await self._readers.read_in_thread(partial(_task, project_id=project_id, task_id=task_id))

    async def list_tasks(self, project_id: str, matching: TaskFilter, page: PageRequest) -> TaskPage:
        """See BatchStore."""
        work = partial(_list_tasks, project_id=project_id, matching=matching, page=page)
        return await self._readers.read_in_thread(work)

    async def list_lines(
        self, task_id: str, status: LineStatus | None, target: str | None, page: PageRequest
    ) -> LinePage:
        """See BatchStore."""
        work = partial(_list_lines, task_id=task_id, status=status, target=target, page=page)
        return await self._readers.read_in_thread(work)

    async def progress(self, task_ids: Sequence[str]) -> Mapping[str, Progress]:
        """See BatchStore."""
        return await self._readers.read_in_thread(partial(_progress, task_ids=task_ids))

    async def delete_task(self, project_id: str, task_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See BatchStore."""
        work = partial(batch_changes.delete_task, project_id=project_id, task_id=task_id, audit=audit)
        return await self._writer.write(work)

    async def stop(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """See BatchStore."""
        work = partial(batch_changes.stop, project_id=project_id, task_id=task_id, targets=targets, audit=audit)
        return await self._writer.write(work)

    async def retry(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """See BatchStore."""
        most = self._limits.batch_tasks
        if targets is None:
            return await self._sweep(
                partial(batch_changes.retry_some, project_id=project_id, task_id=task_id, most=most, audit=audit)
            )
        work = partial(
            batch_changes.retry, project_id=project_id, task_id=task_id, targets=targets, most=most, audit=audit
        )
        return await self._writer.write(work)

    async def confirm(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """See BatchStore."""
        if targets is None:
            return await self._sweep(
                partial(batch_changes.confirm_some, project_id=project_id, task_id=task_id, audit=audit)
            )
        work = partial(batch_changes.confirm, project_id=project_id, task_id=task_id, targets=targets, audit=audit)
        return await self._writer.write(work)

    async def _sweep(self, step: Callable[..., StoreRefusal | int | None]) -> StoreRefusal | frozenset[str]:
        """All lines, limits.batch_lines to a write, so that other writes come in between."""
        step = partial(step, most_lines=self._limits.batch_lines)
        # Whoever hangs up has still asked for all of it.
        with trio.CancelScope(shield=True):
            last = await self._writer.write(partial(step, after=batch_sweeps.BEGINNING))
            if isinstance(last, StoreRefusal):
                return last
            while isinstance(last, int):
                last = await self._writer.write(partial(step, after=last))
        return frozenset()

    async def unfinished(self) -> Sequence[BatchTask]:
        """See BatchStore."""
        return self._readers.read_inline(_unfinished)

    async def matching_devices(self, project_id: str, matching: DeviceFilter, limit: int) -> Sequence[str]:
        """See BatchStore."""
        work = partial(listing.list_device_ids, project_id=project_id, matching=matching, limit=limit)
        return await self._readers.read_in_thread(work)

    async def add_lines(self, task_id: str, lines: Sequence[BatchLine], *, is_first: bool, is_last: bool) -> bool:
        """See BatchStore."""
        if is_first:
            clearing = partial(batch_changes.clear_lines, task_id=task_id, most_lines=self._limits.batch_lines)
            while await self._writer.write(clearing):
                pass
        work = partial(batch_changes.add_lines, task_id=task_id, lines=lines, is_last=is_last)
        return await self._writer.write(work)

    async def changed_lines(self, task_id: str) -> Sequence[BatchLine]:
        """See BatchStore."""
        return self._readers.read_inline(partial(_changed_lines, task_id=task_id))

    async def due_lines(self, task_id: str, now: float, limit: int) -> Sequence[BatchLine]:
        """See BatchStore."""
        return self._readers.read_inline(partial(_due_lines, task_id=task_id, now=now, limit=limit))

    async def apply(self, task_id: str, changes: Sequence[LineChange]) -> Mapping[int, StoreRefusal | None]:
        """See BatchStore."""
        return await self._writer.write(partial(batch_changes.apply, task_id=task_id, line_changes=changes))

    async def settle(self, task_id: str, outcomes: Sequence[LineOutcome]) -> None:
        """See BatchStore."""
        return await self._writer.write(partial(batch_changes.settle, task_id=task_id, outcomes=outcomes))

    async def finish(self, task_id: str, audit: AuditEntry) -> TaskStatus | None:
        """See BatchStore."""
        work = partial(
            batch_ends.finish,
            task_id=task_id,
            most_lines=self._limits.batch_lines,
            most_kept=self._limits.batch_tasks_kept,
            audit=audit,
        )
        return await self._writer.write(work)

    async def fail_task(self, task_id: str, code: str, message: str, audit: AuditEntry) -> None:
        """See BatchStore."""
        work = partial(
            batch_ends.fail_some,
            task_id=task_id,
            code=code,
            message=message,
            most_lines=self._limits.batch_lines,
            most_kept=self._limits.batch_tasks_kept,
            audit=audit,
        )
        while await self._writer.write(work):
            pass

    async def purge(self) -> bool:
        """See BatchStore."""
        if not self._readers.read_inline(_has_deleted):
            return False
        return await self._writer.write(partial(batch_sweeps.purge, most=self._limits.batch_lines))


def _files(connection: Connection, project_id: str) -> Sequence[BatchFile]:
    rows = connection.execute(f"{SELECT_FILE} WHERE project_id = ? ORDER BY file_id DESC", (project_id,))
    return [file_from_row(row) for row in rows]


def _content(connection: Connection, project_id: str, file_id: str) -> bytes | None:
    statement = "SELECT sealed_content FROM batch_file WHERE file_id = ? AND project_id = ?"
    row = connection.execute(statement, (file_id, project_id)).fetchone()
    return None if row is None else bytes(row[0])


def _task(connection: Connection, project_id: str, task_id: str) -> BatchTask | None:
    statement = f"{SELECT_TASK} WHERE task_id = ? AND project_id = ? AND is_deleted = 0"
    row = connection.execute(statement, (task_id, project_id)).fetchone()
    return None if row is None else task_from_row(row)


def _list_tasks(connection: Connection, project_id: str, matching: TaskFilter, page: PageRequest) -> TaskPage:
    wanted = {"app_id": matching.app_id, "task_type": matching.task_type, "status": matching.status}
    values: dict[str, object] = {
        "project_id": project_id,
        "is_deleted": 0,
        **{k: v for k, v in wanted.items() if v is not None},
    }
    where = " AND ".join(f"{column} = :{column}" for column in values)
    counting = f"SELECT count(*) FROM batch_task WHERE {where}"  # noqa: S608 literals of this module, values are bound
    (count,) = connection.execute(counting, values).fetchone()
    paging = (
        f"{SELECT_TASK_SUMMARY} WHERE {where} AND task_id < :marker ORDER BY task_id DESC LIMIT :limit OFFSET :offset"
    )
    rows = connection.execute(paging, {**values, **_paging(page)})
    return TaskPage([task_from_row(row) for row in rows], count)


def _list_lines(
    connection: Connection, task_id: str, status: LineStatus | None, target: str | None, page: PageRequest
) -> LinePage:
    wanted = {"status": status, "target": target}
    values: dict[str, object] = {"task_id": task_id, **{k: v for k, v in wanted.items() if v is not None}}
    where = " AND ".join(f"{column} = :{column}" for column in values)
    counting = f"SELECT count(*) FROM batch_line WHERE {where}"  # noqa: S608 literals of this module, values are bound
    (count,) = connection.execute(counting, values).fetchone()
    below = min(int(page.marker, 16), _LARGEST)
    paging = f"{SELECT_LINE} WHERE {where} AND number < :below ORDER BY number DESC LIMIT :limit OFFSET :offset"
    rows = connection.execute(paging, {**values, **_paging(page), "below": below})
    return LinePage([line_from_row(row) for row in rows], count)


def _paging(page: PageRequest) -> dict[str, object]:
    return {"marker": page.marker, "limit": page.limit, "offset": page.offset}


def _progress(connection: Connection, task_ids: Sequence[str]) -> Mapping[str, Progress]:
    return {task_id: batch_ends.count_lines(connection, task_id) for task_id in task_ids}


def _unfinished(connection: Connection) -> Sequence[BatchTask]:
    return [task_from_row(row) for row in connection.execute(UNFINISHED_TASKS)]


def _has_deleted(connection: Connection) -> bool:
    return connection.execute("SELECT 1 FROM batch_task WHERE is_deleted = 1 LIMIT 1").fetchone() is not None


def _changed_lines(connection: Connection, task_id: str) -> Sequence[BatchLine]:
    return [line_from_row(row) for row in connection.execute(CHANGED_LINES, {"task_id": task_id})]


def _due_lines(connection: Connection, task_id: str, now: float, limit: int) -> Sequence[BatchLine]:
    values = {"task_id": task_id, "now": now, "limit": limit}
    rows = connection.execute(WAITING_LINES, values).fetchall()
    if len(rows) < limit:
        rows += connection.execute(RETRYING_LINES, {**values, "limit": limit - len(rows)}).fetchall()
    return [line_from_row(row) for row in rows]
