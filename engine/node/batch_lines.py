"""What a task does to one target: the same changes, checks and audit entries as the single calls of the API."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from engine.api.authentication import Caller
from engine.api.batch_document import BatchDocument, Row, Target, UpdateRow, target_of
from engine.api.batch_schema import TargetsFilter
from engine.api.changes import audit_entry
from engine.api.device_schema import CreateDevice
from engine.api.devices import deletion_audit, device_update, freezing_audit
from engine.api.new_device import creation_audit, sealed_device
from engine.api.problems import ApiProblem, Problem
from engine.api.services import ApiServices
from engine.registry.record import Device, Product
from engine.registry.sealing import Slot
from engine.registry.store import DeviceFilter
from engine.registry.store_access import Role
from engine.registry.store_batches import (
    BatchLine,
    BatchTask,
    CreateLine,
    DeleteLine,
    FreezeLine,
    LineChange,
    LineStatus,
    TaskType,
    UpdateLine,
)


class Named:
    """Targets that the request named or its filter found: the same to a task as the rows of a file."""

    def __init__(self, device_ids: Sequence[str]) -> None:
        self._device_ids = device_ids

    def numbers(self) -> Iterator[int]:
        """Their places, counted from 1."""
        return iter(range(1, len(self._device_ids) + 1))

    def row(self, number: int) -> Target:
        """The target in a place."""
        return Target(self._device_ids[number - 1])


Source = BatchDocument | Named


async def read_file(services: ApiServices, task: BatchTask, file_id: str) -> BatchDocument:
    """The file that a task reads. ApiProblem when it is gone."""
    sealed = await services.store.batches.file_content(task.project_id, file_id)
    if sealed is None:
        raise ApiProblem(Problem.BATCH_FILE_ABSENT)
    content = services.sealer.unseal(sealed, task.project_id, file_id, Slot.BATCH_FILE)
    return BatchDocument.read(content, task.task_type, services.limits.batch_targets)


async def find_source(services: ApiServices, task: BatchTask) -> Source:
    """Where a task's lines come from, when it begins. ApiProblem when there is nothing to do, or too much."""
    if task.file_id is not None:
        return await read_file(services, task, task.file_id)
    whole = await services.store.batches.task(task.project_id, task.task_id)
    if whole is not None and whole.targets is not None:
        return Named(msgspec.json.decode(whole.targets, type=list[str]))
    most = services.limits.batch_targets
    found = await services.store.batches.matching_devices(task.project_id, _filter_of(task), most + 1)
    if not 0 < len(found) <= most:
        what = "no device" if not found else f"more than {most} devices"
        raise ApiProblem(Problem.INVALID_INPUT, f"targets_filter: it matches {what}.")
    return Named(found)


def first_line(source: Source, number: int, is_held: bool, seen: dict[str, int]) -> BatchLine:
    """A line as it begins: waiting, or failed at once when it is broken or a target stands twice.

    `seen`: the number of the first line of each target, kept from line to line.
    """
    try:
        target = target_of(source.row(number))
    except ApiProblem as problem:
        return failed_line(number, "", problem)
    if seen.setdefault(target, number) != number:
        return failed_line(
            number, target, ApiProblem(Problem.BATCH_TARGET_REPEATED, f"Its first line is {seen[target]}.")
        )
    return BatchLine(number=number, target=target, is_held=is_held)


def failed_line(number: int, target: str, problem: ApiProblem) -> BatchLine:
    """A line that failed before anything was changed."""
    return BatchLine(
        number=number,
        target=target,
        status=LineStatus.FAIL,
        attempts=1,
        error_code=problem.problem.value.code,
        error_msg=message_of(problem),
    )


def message_of(problem: ApiProblem) -> str:
    """What the single call would have answered."""
    return f"{problem.problem.value.message} {problem.detail}".strip()


class Workshop:
    """Makes the changes for a group of lines, with one look-up for all of them."""

    def __init__(
        self, services: ApiServices, task: BatchTask, products: Mapping[str, Product], devices: Mapping[str, Device]
    ) -> None:
        self._services = services
        self._task = task
        self._caller = Caller(task.project_id, task.actor, Role.OPERATOR, reads_secrets=False)
        self._products = products
        self._devices = devices

    @classmethod
    async def open(cls, services: ApiServices, task: BatchTask, rows: Sequence[Row]) -> "Workshop":
        """For these rows."""
        product_ids = sorted({row.product_id for row in rows if isinstance(row, CreateDevice)})
        device_ids = [row.device_id for row in rows if not isinstance(row, CreateDevice)]
        return cls(
            services,
            task,
            await services.store.products(task.project_id, product_ids),
            await services.store.devices(task.project_id, device_ids),
        )

    async def change(self, number: int, row: Row) -> LineChange:
        """The change that a line asks for. ApiProblem when the single call would refuse it before the store does."""
        services, caller, task_id = self._services, self._caller, self._task.task_id
        if isinstance(row, CreateDevice):
            if row.product_id not in self._products:
                raise ApiProblem(Problem.PRODUCT_ABSENT)
            new = await sealed_device(services, row, self._products[row.product_id])
            return CreateLine(number, new, creation_audit(services, caller, new, batch_task=task_id))
        if row.device_id not in self._devices:
            raise ApiProblem(Problem.DEVICE_ABSENT)
        device = self._devices[row.device_id]
        if isinstance(row, UpdateRow):
            audit = audit_entry(services, caller, "device.update", row.device_id, batch_task=task_id)
            return UpdateLine(number, row.device_id, device_update(device, row), audit)
        if self._task.task_type is TaskType.DELETE_DEVICES:
            audit = deletion_audit(services, caller, device, batch_task=task_id)
            return DeleteLine(number, row.device_id, audit)
        frozen = self._task.task_type is TaskType.FREEZE_DEVICES
        audit = freezing_audit(services, caller, row.device_id, frozen=frozen, batch_task=task_id)
        return FreezeLine(number, row.device_id, frozen, audit)


def _filter_of(task: BatchTask) -> DeviceFilter:
    fields = msgspec.json.decode(task.targets_filter or b"{}", type=TargetsFilter)
    return DeviceFilter(**msgspec.structs.asdict(fields))
