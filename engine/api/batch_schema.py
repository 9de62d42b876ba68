"""The bodies of the batch operations (iotda-rest.md A.2, batch; the SDK's models)."""

from typing import Annotated

import msgspec
from litestar.params import PathParameter
from msgspec import Meta

from engine.api.problems import Problem
from engine.api.schema import COMPACT_TIME, END, RECORD_ID, AppId, DeviceId, Page, compact_time
from engine.registry.store_batches import BatchFile, BatchLine, BatchTask, LineStatus, Progress, TaskStatus, TaskType

_TASK_NAME = f"^[\\u3400-\\u4dbf\\u4e00-\\u9fffA-Za-z0-9_]*{END}"
_PREFIX = "Only devices whose value begins so."
MOST_TARGETS = 30_000
"""Of a task (iotda-rest.md A.2); the schema's number, which limits.batch_targets may be below."""
_MOST_NAMED_TARGETS = 100
"""Of a retry, stop or confirmation (the SDK's BatchTargets)."""

TaskIdPath = Annotated[str, PathParameter(pattern=RECORD_ID, description="The batch task.")]
FileIdPath = Annotated[str, PathParameter(pattern=RECORD_ID, description="The batch file.")]


class TaskPolicy(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """When a task runs, and how often a line that failed is tried again. The last two come together."""

    schedule_time: (
        Annotated[
            str, Meta(pattern=COMPACT_TIME, description="yyyyMMdd'T'HHmmss'Z', within 7 days; at once when absent.")
        ]
        | None
    ) = None
    retry_count: Annotated[int, Meta(ge=0, le=5, description="Further tries of a line that failed.")] | None = None
    retry_interval: Annotated[int, Meta(ge=1, le=1440, description="Minutes before each of them.")] | None = None


class TargetsFilter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices, as ListDevices filters them. At least one field; the reference's group_ids are not known here."""

    product_id: Annotated[str, Meta(min_length=1, max_length=36, description="Devices of this product.")] | None = None
    gateway_id: Annotated[str, Meta(min_length=1, max_length=128, description="Sub-devices of this device.")] | None = (
        None
    )
    app_id: Annotated[str, Meta(min_length=1, max_length=36, description="Devices in this resource space.")] | None = (
        None
    )
    node_id: Annotated[str, Meta(min_length=1, max_length=64, description=_PREFIX)] | None = None
    device_name: Annotated[str, Meta(min_length=1, max_length=256, description=_PREFIX)] | None = None


class CreateBatchTask(msgspec.Struct, frozen=True, kw_only=True):
    """The body of CreateBatchTask. Of targets, targets_filter and document_source the first that is given counts."""

    task_name: Annotated[str, Meta(min_length=1, max_length=128, pattern=_TASK_NAME, description="The task's name.")]
    task_type: Annotated[TaskType, Meta(description="What is done to each target.")]
    app_id: Annotated[AppId, Meta(description="The resource space; the default one when absent.")] | None = None
    targets: (
        Annotated[
            list[DeviceId],
            Meta(min_length=1, max_length=MOST_TARGETS, description="Devices; not for createDevices, updateDevices."),
        ]
        | None
    ) = None
    targets_filter: (
        Annotated[TargetsFilter, Meta(description="Devices at the time the task starts; for the same types.")] | None
    ) = None
    document_source: Annotated[str, Meta(max_length=128, description="The file_id of an uploaded CSV file.")] | None = (
        None
    )
    task_policy: Annotated[TaskPolicy, Meta(description="At once and without retries when absent.")] | None = None
    need_confirm: Annotated[bool, Meta(description="Wait for ConfirmBatchTask; false when absent.")] | None = None


class BatchTargets(msgspec.Struct, frozen=True, kw_only=True):
    """The body of RetryBatchTask, StopBatchTask and ConfirmBatchTask; {} means every line."""

    targets: (
        Annotated[
            list[DeviceId], Meta(min_length=1, max_length=_MOST_NAMED_TARGETS, description="Only these devices' lines.")
        ]
        | None
    ) = None


class BatchTargetResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one named target: "success" or "failure"."""

    target: str
    status: str
    error_code: str | None = None
    error_msg: str | None = None


class BatchTargetResults(msgspec.Struct, frozen=True):
    """One result for each target that was named; none when none was."""

    targets: list[BatchTargetResult]


class TaskProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines of the task stand where."""

    total: int
    processing: int
    success: int
    fail: int
    waitting: int
    fail_wait_retry: int
    stopped: int
    removed: int = 0


class TaskAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A batch task. ListBatchTasks leaves `targets` out."""

    task_id: str
    task_name: str
    task_type: TaskType
    status: TaskStatus
    task_progress: TaskProgress
    create_time: str
    need_confirm: bool = False
    targets: list[str] | None = None
    targets_filter: TargetsFilter | None = None
    document_source: str | None = None
    task_policy: TaskPolicy | None = None
    status_desc: str | None = None


class TaskList(msgspec.Struct, frozen=True):
    """The answer of ListBatchTasks."""

    batchtasks: list[TaskAnswer]
    page: Page


class LineError(msgspec.Struct, frozen=True):
    """Why a line failed; codes as in docs/errors.md."""

    error_code: str
    error_msg: str


class TaskDetail(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a task. `output` names the line of the file; `target` is "" where a broken line names none."""

    target: str
    status: LineStatus
    output: str | None = None
    error: LineError | None = None


class TaskWithDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ShowBatchTask: the task, and a page of its lines, the last line first."""

    batchtask: TaskAnswer
    task_details: list[TaskDetail]
    page: Page


class FileAnswer(msgspec.Struct, frozen=True):
    """An uploaded file."""

    file_id: str
    file_name: str
    upload_time: str


class FileList(msgspec.Struct, frozen=True):
    """The answer of ListBatchTaskFiles, newest first."""

    files: list[FileAnswer]


def file_answer(file: BatchFile) -> FileAnswer:
    """A stored file."""
    return FileAnswer(file.file_id, file.file_name, compact_time(file.uploaded_at))


def task_answer(task: BatchTask, progress: Progress) -> TaskAnswer:
    """A stored task."""
    return TaskAnswer(
        task_id=task.task_id,
        task_name=task.task_name,
        task_type=task.task_type,
        status=task.status,
        task_progress=_progress(progress),
        create_time=compact_time(task.created_at),
        need_confirm=task.need_confirm,
        targets=None if task.targets is None else msgspec.json.decode(task.targets),
        targets_filter=None
        if task.targets_filter is None
        else msgspec.json.decode(task.targets_filter, type=TargetsFilter),
        document_source=task.file_id,
        task_policy=_policy(task),
        status_desc=task.status_desc,
    )


def task_detail(line: BatchLine, *, is_of_file: bool) -> TaskDetail:
    """A stored line."""
    return TaskDetail(
        target=line.target,
        status=line.status,
        output=f"line {line.number}" if is_of_file else None,
        error=None if line.error_code is None else LineError(line.error_code, line.error_msg or ""),
    )


def target_results(named: list[str], done: frozenset[str]) -> BatchTargetResults:
    """What became of the named targets, given those that it was done to."""
    unfit = Problem.BATCH_TARGET_UNFIT.value
    return BatchTargetResults(
        [
            BatchTargetResult(target=target, status="success")
            if target in done
            else BatchTargetResult(target=target, status="failure", error_code=unfit.code, error_msg=unfit.message)
            for target in named
        ]
    )


def _progress(progress: Progress) -> TaskProgress:
    return TaskProgress(
        total=sum(progress.values()),
        processing=progress.get(LineStatus.PROCESSING, 0),
        success=progress.get(LineStatus.SUCCESS, 0),
        fail=progress.get(LineStatus.FAIL, 0),
        waitting=progress.get(LineStatus.WAITTING, 0),
        fail_wait_retry=progress.get(LineStatus.FAIL_WAIT_RETRY, 0),
        stopped=progress.get(LineStatus.STOPPED, 0),
    )


def _policy(task: BatchTask) -> TaskPolicy | None:
    """The policy as it was given; None when none was."""
    scheduled = None if task.scheduled_at is None else compact_time(task.scheduled_at)
    has_retries = task.retry_interval_seconds > 0
    if scheduled is None and not has_retries:
        return None
    return TaskPolicy(
        schedule_time=scheduled,
        retry_count=task.retry_count if has_retries else None,
        retry_interval=task.retry_interval_seconds // 60 if has_retries else None,
    )
