"""The part of the Store that keeps batch tasks (iotda-rest.md A.2, batch). Same rules as store.py.

A task's lines are added while it is `Initializing`. `apply` makes the changes of some lines and marks those lines
`Processing` in one transaction; once the changes are told over the bus, `settle` notes what came of each. So a line's
change and its outcome cannot part: after a crash a line is either as before, or `Processing` and needs only telling.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from engine.registry.record import AuditEntry, Device
from engine.registry.store import DeviceFilter, DeviceUpdate, PageRequest, StoreRefusal


class TaskType(enum.StrEnum):
    """What a task does to each of its targets."""

    CREATE_DEVICES = "createDevices"
    DELETE_DEVICES = "deleteDevices"
    FREEZE_DEVICES = "freezeDevices"
    UNFREEZE_DEVICES = "unfreezeDevices"
    UPDATE_DEVICES = "updateDevices"


class TaskStatus(enum.StrEnum):
    """Where a task stands, in the reference service's spelling."""

    INITIALIZING = "Initializing"
    WAITTING = "Waitting"
    PROCESSING = "Processing"
    SUCCESS = "Success"
    FAIL = "Fail"
    PARTIAL_SUCCESS = "PartialSuccess"
    STOPPED = "Stopped"
    STOPPING = "Stopping"


class LineStatus(enum.StrEnum):
    """Where a line stands: the reference service's subtask."""

    WAITTING = "Waitting"
    PROCESSING = "Processing"
    SUCCESS = "Success"
    FAIL = "Fail"
    FAIL_WAIT_RETRY = "FailWaitRetry"
    STOPPED = "Stopped"


UNFINISHED = (TaskStatus.INITIALIZING, TaskStatus.WAITTING, TaskStatus.PROCESSING, TaskStatus.STOPPING)


class BatchFile(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file; its content is sealed in Slot.BATCH_FILE with the file_id as record id."""

    file_id: str
    project_id: str
    file_name: str
    uploaded_at: int


class BatchTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task. Instants are epoch seconds; `targets_filter` and `targets` are JSON texts, the latter only where asked.

    `actor` made the task, and the audit names it for every change that the task makes.
    """

    task_id: str
    project_id: str
    app_id: str
    task_name: str
    task_type: TaskType
    actor: str
    created_at: int
    need_confirm: bool = False
    scheduled_at: int | None = None
    retry_count: int = 0
    retry_interval_seconds: int = 0
    file_id: str | None = None
    targets_filter: bytes | None = None
    status: TaskStatus = TaskStatus.INITIALIZING
    status_desc: str | None = None
    targets: bytes | None = None


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One target of a task. `number` is the line in the file, or the place among the targets; `target` may be "".

    `is_held`: waits for the task's confirmation. `retry_at` is set in FailWaitRetry.
    """

    number: int
    target: str
    status: LineStatus = LineStatus.WAITTING
    is_held: bool = False
    attempts: int = 0
    retry_at: int | None = None
    error_code: str | None = None
    error_msg: str | None = None


class CreateLine(msgspec.Struct, frozen=True):
    """Add this device."""

    number: int
    device: Device
    audit: AuditEntry


class DeleteLine(msgspec.Struct, frozen=True):
    """Delete the device."""

    number: int
    device_id: str
    audit: AuditEntry


class FreezeLine(msgspec.Struct, frozen=True):
    """Freeze or unfreeze the device."""

    number: int
    device_id: str
    frozen: bool
    audit: AuditEntry


class UpdateLine(msgspec.Struct, frozen=True):
    """Change these fields of the device."""

    number: int
    device_id: str
    update: DeviceUpdate
    audit: AuditEntry


LineChange = CreateLine | DeleteLine | FreezeLine | UpdateLine


class LineOutcome(msgspec.Struct, frozen=True):
    """What came of a try. A failure has a code; with `retry_at` it is tried again then."""

    number: int
    error_code: str | None = None
    error_msg: str | None = None
    retry_at: int | None = None


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """ListBatchTasks' filters; None does not filter."""

    app_id: str | None = None
    task_type: TaskType | None = None
    status: TaskStatus | None = None


class TaskPage(msgspec.Struct, frozen=True):
    """As DevicePage; the tasks without their targets."""

    tasks: Sequence[BatchTask]
    count: int


class LinePage(msgspec.Struct, frozen=True):
    """Lines, the last one of the task first. `marker_of` the last one is the next marker."""

    lines: Sequence[BatchLine]
    count: int


Progress = Mapping[LineStatus, int]
"""How many lines of a task stand where; what is absent is 0."""


def marker_of(line: BatchLine) -> str:
    """What PageRequest.marker takes for the lines before this one."""
    return f"{line.number:024x}"


class BatchStore(Protocol):
    """Batch tasks and their files."""

    async def add_file(self, file: BatchFile, sealed_content: bytes, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, TOO_MANY_BATCH_FILES (limits.batch_files)."""

    async def files(self, project_id: str) -> Sequence[BatchFile]:
        """The project's files, newest first."""

    async def file_content(self, project_id: str, file_id: str) -> bytes | None:
        """A file's content, sealed; None when the project has no such file."""

    async def delete_file(self, project_id: str, file_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; BATCH_FILE_ABSENT, BATCH_FILE_IN_USE while an unfinished task reads it."""

    async def add_task(self, task: BatchTask, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, BATCH_FILE_ABSENT, TOO_MANY_BATCH_TASKS (limits.batch_tasks)."""

    async def task(self, project_id: str, task_id: str) -> BatchTask | None:
        """The task with its targets; None when the project has no such task."""

    async def list_tasks(self, project_id: str, matching: TaskFilter, page: PageRequest) -> TaskPage:
        """One page of the tasks that match, newest first."""

    async def list_lines(
        self, task_id: str, status: LineStatus | None, target: str | None, page: PageRequest
    ) -> LinePage:
        """One page of a task's lines, the last one first."""

    async def progress(self, task_ids: Sequence[str]) -> Mapping[str, Progress]:
        """How far each of these tasks is."""

    async def delete_task(self, project_id: str, task_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; BATCH_TASK_ABSENT, BATCH_TASK_UNFINISHED. It is gone at once, its lines are by `purge`."""

    async def stop(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """Stop the lines that wait (of these targets; None: all, and the task); the targets that were.

        BATCH_TASK_ABSENT, BATCH_TASK_FINISHED (or stopping already).
        """

    async def retry(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """Let lines that failed or were stopped wait again (as `stop`); the targets that do.

        All lines are so many writes; broken off by an outage or a crash it can be repeated, as can `confirm`.
        BATCH_TASK_ABSENT, BATCH_TASK_NOT_RETRIED unless it is Processing, Fail or PartialSuccess, BATCH_FILE_ABSENT,
        TOO_MANY_BATCH_TASKS as add_task.
        """

    async def confirm(
        self, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
    ) -> StoreRefusal | frozenset[str]:
        """Let held lines go (as `stop`). BATCH_TASK_ABSENT, BATCH_TASK_FINISHED, BATCH_TASK_INITIALIZING."""

    # What the runner needs.

    async def unfinished(self) -> Sequence[BatchTask]:
        """Every task of the node that is not finished, oldest first, without targets."""

    async def matching_devices(self, project_id: str, matching: DeviceFilter, limit: int) -> Sequence[str]:
        """The device_ids that match, newest first, at most `limit`."""

    async def add_lines(self, task_id: str, lines: Sequence[BatchLine], *, is_first: bool, is_last: bool) -> bool:
        """Add lines to a task that is Initializing; False, and nothing done, when it is not.

        is_first: those that an earlier, broken-off attempt added go. is_last: the task is Waitting from now on.
        """

    async def changed_lines(self, task_id: str) -> Sequence[BatchLine]:
        """Lines whose change is made and not settled (Processing)."""

    async def due_lines(self, task_id: str, now: float, limit: int) -> Sequence[BatchLine]:
        """The first lines that may be worked: waiting and not held, or failed and due for a retry."""

    async def apply(self, task_id: str, changes: Sequence[LineChange]) -> Mapping[int, StoreRefusal | None]:
        """Make these changes, mark their lines Processing; each line's refusal or None.

        A line that does not wait any more (stopped in the meantime) is left alone and out of the answer. A refused
        line stays as it was.
        """

    async def settle(self, task_id: str, outcomes: Sequence[LineOutcome]) -> None:
        """Note what came of lines, as far as they are not stopped."""

    async def finish(self, task_id: str, audit: AuditEntry) -> TaskStatus | None:
        """Give the task its final status once no line of it waits; None when one does.

        Stopping stops those first, limits.batch_lines at a time: STOPPING when it is to be asked again. Of the
        project's finished tasks the oldest are deleted that are more than limits.batch_tasks_kept.
        """

    async def fail_task(self, task_id: str, code: str, message: str, audit: AuditEntry) -> None:
        """End a task that cannot go on: every line that waits fails with this, and otherwise as `finish`."""

    async def purge(self) -> bool:
        """Take away some lines of a deleted task, or the task itself; whether there was one."""
