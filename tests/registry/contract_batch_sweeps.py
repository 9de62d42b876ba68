"""The contract of what is about all lines of a batch task: it is done bit by bit, and nobody waits for it."""

import trio
import trio.testing

from engine.registry.store import StoreRefusal
from engine.registry.store_batches import LineStatus, TaskStatus
from tests.registry.batch_samples import TASK, add_devices, begin, entry, status_of, statuses
from tests.registry.contract import Contract, OpenStore
from tests.registry.samples import PROJECT


class BatchSweepContract(Contract):
    """Retries, stops and deletions of many lines."""

    async def test_lines_of_a_deleted_task_go_bit_by_bit_and_after_a_crash_too(self, open_store: OpenStore) -> None:
        store = await open_store(batch_lines=2)
        await begin(store, 3)
        await store.batches.fail_task(TASK, "c", "m", entry())
        await store.batches.delete_task(PROJECT, TASK, entry())
        assert await store.batches.purge()
        assert (await store.batches.progress([TASK]))[TASK] == {LineStatus.FAIL: 1}
        await store.close()

        again = await open_store(batch_lines=2)
        assert await again.batches.task(PROJECT, TASK) is None
        assert [await again.batches.purge() for _ in range(2)] == [True, False]
        assert (await again.batches.progress([TASK]))[TASK] == {}

    async def test_other_writes_come_in_between_when_all_lines_are_changed(self, open_store: OpenStore) -> None:
        store = await open_store(batch_lines=1)
        await begin(store, 50)
        await store.batches.fail_task(TASK, "c", "m", entry())
        ended = []

        async def retry_all() -> None:
            await store.batches.retry(PROJECT, TASK, None, entry())
            ended.append("retry")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(retry_all)
            await add_devices(store, 1)
            ended.append("device")

        assert ended == ["device", "retry"]
        assert await statuses(store) == ["Waitting"] * 50

    async def test_who_hangs_up_has_still_asked_for_all_lines(self, open_store: OpenStore) -> None:
        store = await open_store(batch_lines=1)
        await begin(store)
        await store.batches.fail_task(TASK, "c", "m", entry())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.batches.retry, PROJECT, TASK, None, entry())
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

        assert await statuses(store) == ["Waitting"] * 3

    async def test_task_that_is_stopped_in_between_is_not_retried_further(self, open_store: OpenStore) -> None:
        store = await open_store(batch_lines=1)
        await begin(store, 50)
        await store.batches.fail_task(TASK, "c", "m", entry())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.batches.retry, PROJECT, TASK, None, entry())
            while await store.batches.stop(PROJECT, TASK, None, entry()) is StoreRefusal.BATCH_TASK_FINISHED:
                pass

        assert await status_of(store) is TaskStatus.STOPPING
        assert "Fail" in await statuses(store)
        while await store.batches.finish(TASK, entry()) is TaskStatus.STOPPING:
            pass
        assert await status_of(store) is TaskStatus.STOPPED
        assert "Waitting" not in await statuses(store)
