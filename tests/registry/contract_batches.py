"""The contract of batch tasks: their files, their lines, and that a line's change and its outcome never part."""

from typing import Any

import msgspec
import pytest

from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, DeviceUpdate, PageRequest, StoreRefusal
from engine.registry.store_batches import (
    BatchLine,
    CreateLine,
    DeleteLine,
    FreezeLine,
    LineOutcome,
    LineStatus,
    TaskFilter,
    TaskStatus,
    TaskType,
    UpdateLine,
)
from tests.registry.batch_samples import TASK, add_devices, batch_file, begin, entry, freeze, status_of, statuses, task
from tests.registry.contract import Contract, OpenStore
from tests.registry.contract_batch_sweeps import BatchSweepContract
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, record_id


class BatchFileContract(Contract):
    """Files are kept, listed and deleted; the content comes back as it was given."""

    async def test_file_is_kept_until_it_is_deleted(self, store: SqliteStore) -> None:
        file, second = batch_file(), batch_file(51, file_name="更多.csv")
        for each in (file, second):
            assert await store.batches.add_file(each, b"sealed " + each.file_id.encode(), entry()) is None

        assert await store.batches.files(PROJECT) == [second, file]
        assert await store.batches.file_content(PROJECT, file.file_id) == b"sealed " + file.file_id.encode()
        assert await store.batches.files(OTHER_PROJECT) == []
        assert await store.batches.file_content(OTHER_PROJECT, file.file_id) is None
        refused = await store.batches.delete_file(OTHER_PROJECT, file.file_id, entry())
        assert refused is StoreRefusal.BATCH_FILE_ABSENT
        assert await store.batches.delete_file(PROJECT, file.file_id, entry()) is None
        assert await store.batches.files(PROJECT) == [second]

    async def test_project_has_a_bound_of_files(self, open_store: OpenStore) -> None:
        store = await open_store(batch_files=1)
        assert await store.batches.add_file(batch_file(), b"", entry()) is None

        assert await store.batches.add_file(batch_file(51), b"", entry()) is StoreRefusal.TOO_MANY_BATCH_FILES
        absent = batch_file(52, project_id="absent")
        assert await store.batches.add_file(absent, b"", entry()) is StoreRefusal.PROJECT_ABSENT

    async def test_file_that_an_unfinished_task_reads_stays(self, store: SqliteStore) -> None:
        file = batch_file()
        await store.batches.add_file(file, b"", entry())
        await begin(store, file_id=file.file_id)

        assert await store.batches.delete_file(PROJECT, file.file_id, entry()) is StoreRefusal.BATCH_FILE_IN_USE
        await store.batches.fail_task(TASK, "c", "m", entry())
        assert await store.batches.delete_file(PROJECT, file.file_id, entry()) is None
        assert await store.batches.retry(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_FILE_ABSENT


class BatchTaskContract(Contract):
    """Tasks are made, listed, counted and deleted."""

    async def test_task_is_read_as_it_was_added(self, store: SqliteStore) -> None:
        await store.batches.add_file(batch_file(), b"", entry())
        added = task(
            need_confirm=True,
            scheduled_at=NOW + 60,
            retry_count=5,
            retry_interval_seconds=600,
            file_id=batch_file().file_id,
            targets_filter=b'{"app_id":"a"}',
            targets=b'["pump-1"]',
        )
        assert await store.batches.add_task(added, entry("batch-task.create")) is None

        assert await store.batches.task(PROJECT, TASK) == added
        assert await store.batches.task(OTHER_PROJECT, TASK) is None
        assert await store.batches.unfinished() == [msgspec.structs.replace(added, targets=None)]
        assert [each.action for _, each in (await store.list_audit(PROJECT, limit=1)).entries] == ["batch-task.create"]

    async def test_lists_are_filtered_and_paged_newest_first(self, store: SqliteStore) -> None:
        for number in range(1, 4):
            await store.batches.add_task(task(number, task_type=TaskType.DELETE_DEVICES), entry())
        await store.batches.add_task(task(4, app_id="other"), entry())
        await store.batches.fail_task(record_id(2), "c", "it failed", entry())

        async def listed(page: PageRequest | None = None, **fields: Any) -> tuple[list[int], int]:
            found = await store.batches.list_tasks(PROJECT, TaskFilter(**fields), page or PageRequest())
            return [int(each.task_id[8:], 16) for each in found.tasks], found.count

        assert await listed() == ([4, 3, 2, 1], 4)
        assert await listed(app_id="other") == ([4], 1)
        assert await listed(task_type=TaskType.DELETE_DEVICES) == ([3, 2, 1], 3)
        assert await listed(status=TaskStatus.FAIL) == ([2], 1)
        assert await listed(PageRequest(limit=1, marker=record_id(4), offset=1)) == ([2], 4)
        assert (await store.batches.list_tasks(OTHER_PROJECT, TaskFilter(), PageRequest())).count == 0

    async def test_unfinished_tasks_of_a_type_have_a_bound(self, open_store: OpenStore) -> None:
        store = await open_store(batch_tasks=2)
        for number in (1, 2):
            assert await store.batches.add_task(task(number), entry()) is None

        assert await store.batches.add_task(task(3), entry()) is StoreRefusal.TOO_MANY_BATCH_TASKS
        assert await store.batches.add_task(task(3, task_type=TaskType.DELETE_DEVICES), entry()) is None
        assert await store.batches.add_task(task(4, project_id=OTHER_PROJECT), entry()) is None
        await store.batches.fail_task(record_id(1), "c", "m", entry())
        assert await store.batches.add_task(task(5), entry()) is None
        assert await store.batches.retry(PROJECT, record_id(1), None, entry()) is StoreRefusal.TOO_MANY_BATCH_TASKS

    async def test_task_without_its_project_or_file_is_refused(self, store: SqliteStore) -> None:
        assert await store.batches.add_task(task(project_id="absent"), entry()) is StoreRefusal.PROJECT_ABSENT
        assert await store.batches.add_task(task(file_id="absent"), entry()) is StoreRefusal.BATCH_FILE_ABSENT

    async def test_only_a_finished_task_is_deleted_and_its_lines_with_it(self, store: SqliteStore) -> None:
        await begin(store)

        assert await store.batches.delete_task(PROJECT, TASK, entry()) is StoreRefusal.BATCH_TASK_UNFINISHED
        assert await store.batches.delete_task(OTHER_PROJECT, TASK, entry()) is StoreRefusal.BATCH_TASK_ABSENT
        await store.batches.fail_task(TASK, "c", "m", entry())
        assert await store.batches.delete_task(PROJECT, TASK, entry()) is None
        assert await store.batches.task(PROJECT, TASK) is None
        assert (await store.batches.list_tasks(PROJECT, TaskFilter(), PageRequest())).count == 0
        assert await store.batches.delete_task(PROJECT, TASK, entry()) is StoreRefusal.BATCH_TASK_ABSENT
        assert await store.batches.retry(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_ABSENT
        while await store.batches.purge():
            pass
        assert (await store.batches.progress([TASK]))[TASK] == {}

    async def test_project_has_a_bound_of_finished_tasks(self, open_store: OpenStore) -> None:
        store = await open_store(batch_tasks_kept=2)
        for number in range(1, 5):
            await store.batches.add_task(task(number), entry())
        for number in range(1, 4):
            await store.batches.fail_task(record_id(number), "c", "m", entry())

        found = await store.batches.list_tasks(PROJECT, TaskFilter(), PageRequest())
        assert [each.task_id for each in found.tasks] == [record_id(4), record_id(3), record_id(2)]
        assert found.count == 3

    async def test_filter_finds_the_newest_devices_first(self, store: SqliteStore) -> None:
        await add_devices(store)

        assert await store.batches.matching_devices(PROJECT, DeviceFilter(product_id="pumps"), 2) == [
            "pump-3",
            "pump-2",
        ]
        assert await store.batches.matching_devices(PROJECT, DeviceFilter(node_id="node-1"), 9) == ["pump-1"]
        assert await store.batches.matching_devices(OTHER_PROJECT, DeviceFilter(), 9) == []


class BatchLineContract(Contract):
    """Lines are worked in groups; each is accounted exactly once."""

    async def test_lines_of_a_broken_off_attempt_go_when_it_begins_again(self, store: SqliteStore) -> None:
        await store.batches.add_task(task(), entry())
        old = [BatchLine(number=number, target="old") for number in (1, 2)]
        new = BatchLine(number=1, target="new")

        assert await store.batches.add_lines(TASK, old, is_first=True, is_last=False)
        assert await status_of(store) is TaskStatus.INITIALIZING
        assert await store.batches.add_lines(TASK, [new], is_first=True, is_last=True)
        assert await status_of(store) is TaskStatus.WAITTING
        assert (await store.batches.list_lines(TASK, None, None, PageRequest())).lines == [new]
        assert not await store.batches.add_lines(TASK, old, is_first=True, is_last=True)

    async def test_change_and_its_line_are_one_transaction(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store, 2)

        answers = await store.batches.apply(TASK, [freeze(1), freeze(3)])

        assert answers == {1: None, 3: StoreRefusal.DEVICE_ABSENT}
        assert (await store.credentials(["pump-1"]))["pump-1"].frozen
        assert await statuses(store) == ["Processing", "Waitting", "Waitting"]
        assert [line.number for line in await store.batches.changed_lines(TASK)] == [1]
        assert await status_of(store) is TaskStatus.PROCESSING

    async def test_line_that_is_applied_is_not_applied_again(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store)
        await store.batches.apply(TASK, [freeze(1)])

        assert await store.batches.apply(TASK, [freeze(1)]) == {}
        await store.batches.settle(TASK, [LineOutcome(1)])
        assert await store.batches.apply(TASK, [freeze(1), freeze(2)]) == {2: None}

    @pytest.mark.parametrize("kind", ["create", "delete", "freeze", "update"])
    async def test_every_kind_of_change_is_made_with_its_audit_entry(self, store: SqliteStore, kind: str) -> None:
        await begin(store)
        await add_devices(store, 2)
        by = audit(f"device.{kind}", "pump-1", detail=b'{"batch_task":"t"}')
        change = {
            "create": CreateLine(3, device(3), by),
            "delete": DeleteLine(1, "pump-1", by),
            "freeze": FreezeLine(1, "pump-1", True, by),
            "update": UpdateLine(1, "pump-1", DeviceUpdate(device_name="new"), by),
        }[kind]

        assert await store.batches.apply(TASK, [change]) == {change.number: None}

        devices = await store.devices(PROJECT, ["pump-1", "pump-3"])
        assert ("pump-3" in devices) == (kind == "create")
        assert ("pump-1" in devices) == (kind != "delete")
        if kind != "delete":
            assert (devices["pump-1"].frozen, devices["pump-1"].device_name) == (
                kind == "freeze",
                "new" if kind == "update" else None,
            )
        (_, newest) = (await store.list_audit(PROJECT, limit=1)).entries[0]
        assert newest.action == f"device.{kind}"
        assert b'"batch_task":"t"' in newest.detail

    async def test_outcomes_are_noted_and_the_due_come_up_again(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store, 1)
        await store.batches.apply(TASK, [freeze(1)])
        await store.batches.settle(
            TASK, [LineOutcome(1), LineOutcome(2, "c", "why"), LineOutcome(3, "c", "later", NOW + 60)]
        )

        assert await statuses(store) == ["Success", "Fail", "FailWaitRetry"]
        assert (await store.batches.progress([TASK]))[TASK] == {
            LineStatus.SUCCESS: 1,
            LineStatus.FAIL: 1,
            LineStatus.FAIL_WAIT_RETRY: 1,
        }
        assert await store.batches.due_lines(TASK, NOW + 59, 9) == []
        (due,) = await store.batches.due_lines(TASK, NOW + 60, 9)
        assert (due.number, due.attempts, due.retry_at) == (3, 1, NOW + 60)
        failed = await store.batches.list_lines(TASK, LineStatus.FAIL, None, PageRequest())
        assert [(line.error_code, line.error_msg) for line in failed.lines] == [("c", "why")]

    async def test_lines_come_last_first_and_in_pages(self, store: SqliteStore) -> None:
        await begin(store, 5)

        first = await store.batches.list_lines(TASK, None, None, PageRequest(limit=2))
        assert ([line.number for line in first.lines], first.count) == ([5, 4], 5)
        second = await store.batches.list_lines(TASK, None, None, PageRequest(limit=2, marker=f"{4:024x}", offset=1))
        assert ([line.number for line in second.lines], second.count) == ([2, 1], 5)
        of_target = await store.batches.list_lines(TASK, LineStatus.WAITTING, "pump-2", PageRequest())
        assert [line.number for line in of_target.lines] == [2]
        assert [line.number for line in await store.batches.due_lines(TASK, NOW, 2)] == [1, 2]


class BatchEndContract(Contract):
    """How tasks end, are stopped, retried and confirmed."""

    @pytest.mark.parametrize(
        ("outcomes", "status"),
        [
            ([None, None], TaskStatus.SUCCESS),
            ([None, "c"], TaskStatus.PARTIAL_SUCCESS),
            (["c", "c"], TaskStatus.FAIL),
        ],
    )
    async def test_task_ends_once_no_line_waits(
        self, store: SqliteStore, outcomes: list[str | None], status: TaskStatus
    ) -> None:
        await begin(store, 2)
        await add_devices(store)
        assert await store.batches.finish(TASK, entry()) is None
        await store.batches.apply(TASK, [freeze(number) for number, code in enumerate(outcomes, 1) if code is None])
        assert await store.batches.finish(TASK, entry()) is None
        await store.batches.settle(TASK, [LineOutcome(number, code, code) for number, code in enumerate(outcomes, 1)])

        assert await store.batches.finish(TASK, entry()) is status
        assert await status_of(store) is status
        (_, newest) = (await store.list_audit(PROJECT, limit=1)).entries[0]
        assert (newest.action, msgspec.json.decode(newest.detail)["status"]) == ("batch-task.finish", status)
        assert await store.batches.finish(TASK, entry()) is None
        assert await store.batches.unfinished() == []

    async def test_stopped_task_changes_nothing_any_more(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store)
        await store.batches.apply(TASK, [freeze(1)])

        assert await store.batches.stop(PROJECT, TASK, None, entry()) == frozenset()
        assert await store.batches.apply(TASK, [freeze(2)]) == {}
        assert await store.batches.finish(TASK, entry()) is None, "the change that is made is not told yet"
        await store.batches.settle(TASK, [LineOutcome(1), LineOutcome(2, "c", "too late")])
        assert await store.batches.finish(TASK, entry()) is TaskStatus.STOPPED
        assert await statuses(store) == ["Success", "Stopped", "Stopped"]
        assert await store.batches.stop(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_FINISHED
        assert await store.batches.retry(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_NOT_RETRIED

    async def test_some_targets_are_stopped_and_the_task_goes_on(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store)

        assert await store.batches.stop(PROJECT, TASK, ["pump-2", "absent"], entry()) == {"pump-2"}
        assert await store.batches.apply(TASK, [freeze(1), freeze(2), freeze(3)]) == {1: None, 3: None}
        await store.batches.settle(TASK, [LineOutcome(1), LineOutcome(3)])
        assert await store.batches.finish(TASK, entry()) is TaskStatus.PARTIAL_SUCCESS
        assert await store.batches.retry(PROJECT, TASK, ["pump-2", "pump-1"], entry()) == {"pump-2"}
        assert await statuses(store) == ["Success", "Waitting", "Success"]
        assert await status_of(store) is TaskStatus.PROCESSING

    async def test_task_of_nothing_but_stopped_lines_is_stopped(self, store: SqliteStore) -> None:
        await begin(store, 1)
        await store.batches.stop(PROJECT, TASK, ["pump-1"], entry())

        assert await store.batches.finish(TASK, entry()) is TaskStatus.STOPPED

    async def test_stopped_while_its_lines_are_made(self, store: SqliteStore) -> None:
        await store.batches.add_task(task(), entry())
        await store.batches.add_lines(TASK, [BatchLine(number=1, target="a")], is_first=True, is_last=False)
        await store.batches.stop(PROJECT, TASK, None, entry())

        more = [BatchLine(number=2, target="b")]
        assert not await store.batches.add_lines(TASK, more, is_first=False, is_last=True)
        assert await store.batches.finish(TASK, entry()) is TaskStatus.STOPPED

    async def test_only_what_failed_is_retried(self, store: SqliteStore) -> None:
        await begin(store)
        await add_devices(store, 1)
        await store.batches.apply(TASK, [freeze(1)])
        await store.batches.settle(TASK, [LineOutcome(1), *(LineOutcome(number, "c", "m") for number in (2, 3))])
        await store.batches.finish(TASK, entry())

        assert await store.batches.retry(PROJECT, TASK, None, entry()) == frozenset()
        due = await store.batches.due_lines(TASK, NOW, 9)
        assert [(line.number, line.attempts, line.error_code) for line in due] == [(2, 0, None), (3, 0, None)]
        assert await store.batches.retry(OTHER_PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_ABSENT

    async def test_task_that_failed_before_it_had_lines_begins_anew(self, store: SqliteStore) -> None:
        await store.batches.add_task(task(), entry())
        await store.batches.fail_task(TASK, "c", "no device", entry())
        failed = await store.batches.task(PROJECT, TASK)
        assert failed is not None
        assert (failed.status, failed.status_desc) == (TaskStatus.FAIL, "no device")

        await store.batches.retry(PROJECT, TASK, None, entry())
        assert await store.batches.task(PROJECT, TASK) == task()

    async def test_held_lines_wait_for_their_confirmation(self, store: SqliteStore) -> None:
        await store.batches.add_task(task(need_confirm=True), entry())
        assert await store.batches.confirm(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_INITIALIZING
        lines = [BatchLine(number=number, target=f"pump-{number}", is_held=True) for number in (1, 2, 3)]
        await store.batches.add_lines(TASK, lines, is_first=True, is_last=True)

        assert await store.batches.due_lines(TASK, NOW, 9) == []
        assert await store.batches.finish(TASK, entry()) is None
        assert await store.batches.confirm(PROJECT, TASK, ["pump-2", "absent"], entry()) == {"pump-2"}
        assert [line.number for line in await store.batches.due_lines(TASK, NOW, 9)] == [2]
        assert await store.batches.confirm(PROJECT, TASK, None, entry()) == frozenset()
        assert [line.number for line in await store.batches.due_lines(TASK, NOW, 9)] == [1, 2, 3]
        await store.batches.stop(PROJECT, TASK, None, entry())
        assert await store.batches.confirm(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_FINISHED
        assert await store.batches.confirm(OTHER_PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_ABSENT

    async def test_unfinished_work_is_there_after_opening_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        await begin(store)
        await add_devices(store)
        await store.batches.apply(TASK, [freeze(1)])
        await store.close()

        again = await open_store()
        assert [each.task_id for each in await again.batches.unfinished()] == [TASK]
        assert [line.target for line in await again.batches.changed_lines(TASK)] == ["pump-1"]
        assert [line.number for line in await again.batches.due_lines(TASK, NOW, 9)] == [2, 3]


class BatchContract(BatchFileContract, BatchTaskContract, BatchLineContract, BatchEndContract, BatchSweepContract):
    """All of it."""
