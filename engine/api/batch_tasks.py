"""Batch tasks: create, list, show, retry, stop, confirm, delete (iotda-rest.md A.2). The node works them."""

from typing import Annotated, Literal

import msgspec
from litestar import Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.authentication import CallerOf
from engine.api.batch_document import BatchDocument
from engine.api.batch_schema import (
    BatchTargetResults,
    BatchTargets,
    CreateBatchTask,
    TaskAnswer,
    TaskIdPath,
    TaskList,
    TaskPolicy,
    TaskWithDetails,
    target_results,
    task_answer,
    task_detail,
)
from engine.api.body import StrictBody
from engine.api.changes import audit_entry
from engine.api.problems import ApiProblem, Problem, raise_refusal, unless_refused
from engine.api.schema import (
    DEFAULT_APP,
    ID,
    ProjectIdPath,
    page_of,
    read_compact_time,
)
from engine.api.services import ApiServices, ServicesOf
from engine.limits import Limits
from engine.registry.sealing import Slot
from engine.registry.store import PageRequest
from engine.registry.store_batches import BatchTask, LineStatus, TaskFilter, TaskStatus, TaskType, marker_of

_FROM_FILE_ONLY = (TaskType.CREATE_DEVICES, TaskType.UPDATE_DEVICES)
_SCHEDULE_SECONDS = 7 * 24 * 3600
"""iotda-rest.md A.2."""
_DetailStatus = Literal["Success", "Fail", "Processing", "FailWaitRetry", "Stopped", "Waitting", "Removed"]


@post(
    "/",
    dto=StrictBody[CreateBatchTask],
    responses=PROBLEMS,
    summary="CreateBatchTask",
    operation_id="CreateBatchTask",
)
async def create_task(
    project_id: ProjectIdPath, data: JSONBody[CreateBatchTask], caller: CallerOf, services: ServicesOf
) -> TaskAnswer:
    """Do one thing to many devices: those that are named, those that match, or those in an uploaded file."""
    file_id = await _check_targets(data, project_id, services)
    now = services.clock.wall()
    policy = data.task_policy or TaskPolicy()
    scheduled_at = _scheduled_at(policy, now)
    if (policy.retry_count is None) != (policy.retry_interval is None):
        raise ApiProblem(Problem.INVALID_INPUT, "task_policy: retry_count and retry_interval come together.")
    task = BatchTask(
        task_id=await services.store.allocate_record_id(now),
        project_id=project_id,
        app_id=data.app_id or DEFAULT_APP,
        task_name=data.task_name,
        task_type=data.task_type,
        actor=caller.actor,
        created_at=int(now),
        need_confirm=data.need_confirm is True,
        scheduled_at=scheduled_at,
        retry_count=policy.retry_count or 0,
        retry_interval_seconds=60 * (policy.retry_interval or 0),
        file_id=file_id,
        targets_filter=msgspec.json.encode(data.targets_filter) if data.targets_filter and not data.targets else None,
        targets=msgspec.json.encode(data.targets) if data.targets else None,
    )
    audit = audit_entry(
        services,
        caller,
        "batch-task.create",
        task.task_id,
        task_name=task.task_name,
        task_type=task.task_type,
        targets=len(data.targets or ()),
        document_source=file_id,
    )
    raise_refusal(await services.store.batches.add_task(task, audit))
    return task_answer(task, {})


@get("/", responses=PROBLEMS, summary="ListBatchTasks", operation_id="ListBatchTasks")
async def list_tasks(
    project_id: ProjectIdPath,
    page: NamedDependency[PageRequest],
    matching: NamedDependency[TaskFilter],
    services: ServicesOf,
) -> TaskList:
    """List batch tasks and how far each is, newest first, without their targets."""
    found = await services.store.batches.list_tasks(project_id, matching, page)
    task_ids = [task.task_id for task in found.tasks]
    progress = await services.store.batches.progress(task_ids)
    return TaskList([task_answer(task, progress[task.task_id]) for task in found.tasks], page_of(task_ids, found.count))


@get("/{task_id:str}", responses=PROBLEMS, summary="ShowBatchTask", operation_id="ShowBatchTask")
async def show_task(
    project_id: ProjectIdPath,
    task_id: TaskIdPath,
    page: NamedDependency[PageRequest],
    services: ServicesOf,
    task_detail_status: Annotated[_DetailStatus | None, QueryParameter(description="Only lines that stand so.")] = None,
    target: Annotated[
        str | None, QueryParameter(max_length=128, pattern=ID, description="Only the line of this device.")
    ] = None,
) -> TaskWithDetails:
    """Show a batch task, how far it is, and what came of each line."""
    task = await find_task(services, project_id, task_id)
    answer = task_answer(task, (await services.store.batches.progress([task_id]))[task_id])
    if task_detail_status == "Removed":
        return TaskWithDetails(batchtask=answer, task_details=[], page=page_of([], 0))
    status = None if task_detail_status is None else LineStatus(task_detail_status)
    found = await services.store.batches.list_lines(task_id, status, target, page)
    return TaskWithDetails(
        batchtask=answer,
        task_details=[task_detail(line, is_of_file=task.file_id is not None) for line in found.lines],
        page=page_of([marker_of(line) for line in found.lines], found.count),
    )


@delete("/{task_id:str}", responses=PROBLEMS, summary="DeleteBatchTask", operation_id="DeleteBatchTask")
async def delete_task(project_id: ProjectIdPath, task_id: TaskIdPath, caller: CallerOf, services: ServicesOf) -> None:
    """Delete a finished batch task; what it did stays done."""
    audit = audit_entry(services, caller, "batch-task.delete", task_id)
    raise_refusal(await services.store.batches.delete_task(project_id, task_id, audit))


@post(
    "/{task_id:str}/retry",
    status_code=200,
    dto=StrictBody[BatchTargets],
    responses=PROBLEMS,
    summary="RetryBatchTask",
    operation_id="RetryBatchTask",
)
async def retry_task(
    project_id: ProjectIdPath,
    task_id: TaskIdPath,
    data: JSONBody[BatchTargets],
    caller: CallerOf,
    services: ServicesOf,
) -> BatchTargetResults:
    """Try lines that failed or were stopped again: those of the targets that are named, or all."""
    audit = audit_entry(services, caller, "batch-task.retry", task_id, targets=data.targets)
    done = await services.store.batches.retry(project_id, task_id, data.targets, audit)
    return target_results(data.targets or [], unless_refused(done))


@post(
    "/{task_id:str}/stop",
    status_code=200,
    dto=StrictBody[BatchTargets],
    responses=PROBLEMS,
    summary="StopBatchTask",
    operation_id="StopBatchTask",
)
async def stop_task(
    project_id: ProjectIdPath,
    task_id: TaskIdPath,
    data: JSONBody[BatchTargets],
    caller: CallerOf,
    services: ServicesOf,
) -> BatchTargetResults:
    """Stop lines that wait: those of the targets that are named, or all and so the task. What is done stays done."""
    audit = audit_entry(services, caller, "batch-task.stop", task_id, targets=data.targets)
    done = await services.store.batches.stop(project_id, task_id, data.targets, audit)
    return target_results(data.targets or [], unless_refused(done))


@post(
    "/{task_id:str}/confirm",
    status_code=200,
    dto=StrictBody[BatchTargets],
    responses=PROBLEMS,
    summary="ConfirmBatchTask",
    operation_id="ConfirmBatchTask",
)
async def confirm_task(
    project_id: ProjectIdPath,
    task_id: TaskIdPath,
    data: JSONBody[BatchTargets],
    caller: CallerOf,
    services: ServicesOf,
) -> BatchTargetResults:
    """Let a task with need_confirm go: the lines of the targets that are named, or all."""
    audit = audit_entry(services, caller, "batch-task.confirm", task_id, targets=data.targets)
    done = await services.store.batches.confirm(project_id, task_id, data.targets, audit)
    return target_results(data.targets or [], unless_refused(done))


def task_filter(
    app_id: Annotated[str | None, QueryParameter(max_length=36, pattern=ID, description="The resource space.")] = None,
    task_type: Annotated[TaskType | None, QueryParameter(description="Only tasks of this type.")] = None,
    status: Annotated[TaskStatus | None, QueryParameter(description="Only tasks that stand so.")] = None,
) -> TaskFilter:
    """ListBatchTasks' filters, as a Litestar dependency."""
    return TaskFilter(app_id=app_id, task_type=task_type, status=status)


async def _check_targets(data: CreateBatchTask, project_id: str, services: ApiServices) -> str | None:
    """The file that the task reads, None for one that does not. ApiProblem: no targets, or a file that does not fit."""
    by_request = data.targets is not None or data.targets_filter is not None
    if by_request and data.task_type not in _FROM_FILE_ONLY:
        most = services.limits.batch_targets
        if data.targets is not None and len(data.targets) > most:
            raise ApiProblem(Problem.INVALID_INPUT, f"targets: at most {most}.")
        if data.targets is None and data.targets_filter is not None and not any(_values(data.targets_filter)):
            raise ApiProblem(Problem.INVALID_INPUT, "targets_filter: at least one field.")
        return None
    if data.document_source is None:
        fields = "document_source" if data.task_type in _FROM_FILE_ONLY else "targets, targets_filter, document_source"
        raise ApiProblem(Problem.INVALID_INPUT, f"{fields}: is required for {data.task_type.value}.")
    sealed = await services.store.batches.file_content(project_id, data.document_source)
    if sealed is None:
        raise ApiProblem(Problem.BATCH_FILE_ABSENT)
    content = services.sealer.unseal(sealed, project_id, data.document_source, Slot.BATCH_FILE)
    BatchDocument.read(content, data.task_type, services.limits.batch_targets)
    return data.document_source


def _values(fields: msgspec.Struct) -> list[object]:
    return list(msgspec.structs.astuple(fields))


def _scheduled_at(policy: TaskPolicy, now: float) -> int | None:
    """When the task is to start; an instant that has passed means at once."""
    scheduled_at = read_compact_time("task_policy.schedule_time", policy.schedule_time)
    if scheduled_at is not None and scheduled_at > now + _SCHEDULE_SECONDS:
        raise ApiProblem(Problem.INVALID_INPUT, "task_policy.schedule_time: within 7 days.")
    return scheduled_at


async def find_task(services: ApiServices, project_id: str, task_id: str) -> BatchTask:
    """The project's task. ApiProblem when it has none of that id."""
    task = await services.store.batches.task(project_id, task_id)
    if task is None:
        raise ApiProblem(Problem.BATCH_TASK_ABSENT)
    return task


def batch_tasks_router(limits: Limits) -> Router:
    """The routes, with the bound of their bodies."""
    return Router(
        "/batchtasks",
        route_handlers=[
            create_task,
            list_tasks,
            show_task,
            delete_task,
            retry_task,
            stop_task,
            confirm_task,
        ],
        dependencies={"matching": Provide(task_filter, sync_to_thread=False)},
        request_max_body_size=limits.batch_body_bytes,
        tags=["batch tasks"],
    )
