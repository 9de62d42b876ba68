from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from engine.limits import Limits
from engine.node.local import LocalBus
from engine.registry.record import Activation
from engine.session.table import CloseReason, DictSessionTable, Session
from engine.verdict.outcome import ProvedBy
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, new_sealer, open_empty_store


class RecordingFront:
    """A front of no sockets: what it was asked to close."""

    def __init__(self) -> None:
        self.closed: list[tuple[int, CloseReason]] = []

    def close(self, connection: int, reason: CloseReason) -> bool:
        self.closed.append((connection, reason))
        return True


async def test_invalidation_is_seen_by_whoever_read_before_it(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        bus = LocalBus(store, DictSessionTable(), Limits(), CLOCK)
        before = bus.sequence
        await bus.invalidate(["pump"], close=False)
        assert bus.is_changed_since("pump", before)
        assert not bus.is_changed_since("valve", before)
        assert not bus.is_changed_since("pump", bus.sequence)


async def test_forgotten_invalidation_counts_as_changed(tmp_path: Path) -> None:
    """The memory is bounded; not knowing any more must fail closed."""
    async with open_empty_store(tmp_path) as store:
        bus = LocalBus(store, DictSessionTable(), msgspec.structs.replace(Limits(), invalidations_remembered=2), CLOCK)
        before = bus.sequence
        await bus.invalidate(["a", "b", "c"], close=False)
        assert bus.is_changed_since("a", before)
        assert bus.is_changed_since("never-touched", before)
        await bus.invalidate(["d"], close=False)
        assert not bus.is_changed_since("never-touched", bus.sequence)


async def test_invalidation_closes_live_sessions_only_where_asked(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        sessions, front = DictSessionTable(), RecordingFront()
        bus = LocalBus(store, sessions, Limits(), CLOCK)
        sessions.attach("pump", Session(front, 7, 1.5))
        await bus.invalidate(["pump"], close=False)
        assert front.closed == []
        assert bus.online(["pump", "valve"]) == {"pump": 1.5}
        assert bus.all_online() == ["pump"]
        await bus.invalidate(["pump", "valve"], close=True)
        assert front.closed == [(7, CloseReason.ADMINISTRATIVE)]


class RecordingCache:
    """A cache of nothing: what it was told, and the devices whose sessions were closed by then."""

    def __init__(self, front: RecordingFront) -> None:
        self.told: list[tuple[str, list[str], int]] = []
        self.closed_before = 0
        self._front = front

    def forget(self, device_ids: Sequence[str], sequence: int) -> None:
        self.told.append(("changed", list(device_ids), sequence))
        self.closed_before += len(self._front.closed)

    def forget_unchecked(self, device_ids: Sequence[str], sequence: int) -> None:
        self.told.append(("checked", list(device_ids), sequence))


async def test_cache_forgets_before_a_session_is_closed_or_anything_else_runs(tmp_path: Path) -> None:
    """Or a device that is put out would be let in again by what was kept of it."""
    async with open_empty_store(tmp_path) as store:
        sessions, front = DictSessionTable(), RecordingFront()
        cache = RecordingCache(front)
        bus = LocalBus(store, sessions, Limits(), CLOCK, cache=cache)
        sessions.attach("pump", Session(front, 7, 1.5))
        with trio.CancelScope() as scope:
            scope.cancel()
            await bus.invalidate(["pump", "valve"], close=True)
        assert cache.told == [("changed", ["pump", "valve"], bus.sequence)]
        assert (cache.closed_before, len(front.closed)) == (0, 1)


async def test_first_checked_stamp_is_told_to_the_cache_and_is_no_invalidation(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        cache = RecordingCache(RecordingFront())
        bus = LocalBus(store, DictSessionTable(), Limits(), CLOCK, cache=cache)
        before = bus.sequence
        await bus.activate([Activation(device_id="valve", record_id="0" * 24, at=1.0)])
        assert cache.told == []
        await bus.activate([Activation(device_id="pump", record_id="0" * 24, at=1.0, checked_stamp=True)])
        assert cache.told == [("checked", ["pump"], bus.sequence)]
        assert bus.sequence > before
        assert not bus.is_changed_since("pump", before)


async def test_pending_notes_of_a_record_that_is_gone_do_no_harm(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        bus = LocalBus(store, DictSessionTable(), Limits(), CLOCK)
        bus.note_seen(Activation(device_id="pump", record_id="0" * 24, at=1.0))
        await bus.flush()
        assert await bus.activate([Activation(device_id="pump", record_id="0" * 24, at=1.0)]) == frozenset()


async def test_certified_sessions_end_by_their_certificate_or_its_anchor_in_their_project_only(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await store.create_project("q")
        await add_product(store, "other", project_id="q")
        sessions, front, faulty = DictSessionTable(), RecordingFront(), FaultyStore(store, fail_at=3)
        bus = LocalBus(faulty, sessions, Limits(), CLOCK)
        leaf, other_leaf, anchor, other_anchor = (bytes([number]) * 32 for number in range(4))
        proofs = [
            ProvedBy(leaf, anchor),
            ProvedBy(other_leaf, anchor),
            ProvedBy(other_leaf, other_anchor),
            ProvedBy(leaf, anchor),
            None,
        ]
        for connection, proved_by in enumerate(proofs):
            project = {"project_id": "q", "product_id": "other"} if connection == 3 else {}
            await add_device(store, new_sealer(), f"device-{connection}", b"secret-1", **project)
            sessions.attach(f"device-{connection}", Session(front, connection, 1.5, proved_by))

        async def closed_by(fingerprint: bytes) -> list[int]:
            front.closed.clear()
            count = await bus.close_certified(PROJECT, [fingerprint.hex()])
            assert count == len(front.closed)
            assert {reason for _, reason in front.closed} <= {CloseReason.ADMINISTRATIVE}
            return [connection for connection, _ in front.closed]

        assert await closed_by(leaf) == [0]
        assert await closed_by(anchor) == [0, 1]
        assert await closed_by(bytes(32 * [9])) == []
        assert await closed_by(anchor) == [0, 1, 3], "whose they are cannot be read: rather too many"
