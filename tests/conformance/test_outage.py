"""An outage of the registry is never "accepted" (THREATS 7), not even for devices that are known."""

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import trio

from engine.node.data_directory import REGISTRY_FILE
from engine.registry.database import open_for_reading
from tests.conformance.conftest import Gate, OpenGate, connect_as

ACCEPTED, UNAVAILABLE = b"\x20\x02\0\0", b"\x20\x02\0\x03"


@contextlib.contextmanager
def unreadable_registry(gate: Gate) -> Iterator[None]:
    """SQLite refuses every look-up, because its connection is closed; then there is another."""
    readers = gate.running.node._rooms.store._readers  # type: ignore[attr-defined]
    readers.inline.close()
    yield
    readers.inline = open_for_reading(Path(gate.running.credentials.data) / REGISTRY_FILE)


async def answered_by_c(gate: Gate) -> float:
    """How many CONNECTs C has answered by itself."""

    def read() -> str:
        with urllib.request.urlopen(f"http://{gate.running.addresses['api']}/metrics") as answer:
            return str(answer.read(), "utf-8")

    lines = (await trio.to_thread.run_sync(read)).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("keyturn_known_good_total{"))


async def test_promise_7_known_device_is_unavailable_once_a_look_up_has_failed(open_gate: OpenGate) -> None:
    """Another device's look-up is enough: from then on nobody is accepted until one is answered."""
    async with open_gate(registry_look_seconds=3600.0) as gate:
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        before = await answered_by_c(gate)
        with unreadable_registry(gate):
            assert await gate.answer(connect_as("nobody")) == UNAVAILABLE
            for _ in range(3):
                assert await gate.answer(connect_as()) == UNAVAILABLE
        assert await gate.answer(connect_as()) == ACCEPTED
        assert await answered_by_c(gate) == before
        # That look-up was answered: what C may decide it decides again.
        assert await gate.answer(connect_as()) == ACCEPTED
        assert (await answered_by_c(gate) > before) is (before > 0)


async def test_promise_7_outage_is_noticed_where_only_known_devices_come(open_gate: OpenGate) -> None:
    async with open_gate(registry_look_seconds=0.05) as gate:
        for _ in range(2):
            assert await gate.answer(connect_as()) == ACCEPTED
        with unreadable_registry(gate):
            while await gate.answer(connect_as()) == ACCEPTED:
                pass
            for _ in range(3):
                assert await gate.answer(connect_as()) == UNAVAILABLE
        assert await gate.answer(connect_as()) == ACCEPTED


async def test_promise_7_session_that_lives_outlives_the_outage(open_gate: OpenGate) -> None:
    async with open_gate() as gate, gate.client() as live:
        assert await live.exchange(connect_as()) == ACCEPTED
        with unreadable_registry(gate):
            for device_id in ("nobody", "pump"):
                assert await gate.answer(connect_as(device_id)) == UNAVAILABLE
            assert await live.exchange(b"\xc0\0") == b"\xd0\0"
