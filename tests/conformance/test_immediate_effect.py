"""When a call of the API returns, the old credential opens nothing any more: shown under a storm of real connections.

Many clients connect with the old credential, over and over, before, while and after the call is made. What counts is
when an attempt began: one that began before the return may still be accepted, one that began after it never.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
from cryptography.hazmat.primitives.hashes import SHA256

from tests.conformance.conftest import SECRET, Gate, OpenGate, connect_as
from tests.conformance.test_certificates import ACCEPTED, connect, opened
from tests.helpers.device_certificates import issue
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.nodes import RunningNode

CLIENTS = 48
ACCEPTED_BEFORE = 100
BEGUN_AFTER = 200
NEW_SECRET = "the-new-secret"

Call = Callable[[RunningNode, str], Awaitable[None]]


def resetting(**body: Any) -> Call:
    """ResetDeviceSecret."""

    async def reset(running: RunningNode, device_id: str) -> None:
        path = f"/devices/{device_id}/action?action_id=resetSecret"
        await trio.to_thread.run_sync(running.api.post, path, {"secret": NEW_SECRET, **body})

    return reset


class Change(NamedTuple):
    call: Call
    is_closing: bool
    opens_with: str | None


CHANGES = {
    "freeze": Change(RunningNode.freeze, is_closing=True, opens_with=None),
    "delete": Change(RunningNode.delete_device, is_closing=True, opens_with=None),
    "reset secret": Change(resetting(), is_closing=False, opens_with=NEW_SECRET),
    "reset secret, forced": Change(resetting(force_disconnect=True), is_closing=True, opens_with=NEW_SECRET),
}


class Storm:
    """Clients that all connect as one device with the credential that is going to be old."""

    def __init__(self, is_accepted: Callable[[], Awaitable[bool]]) -> None:
        self._is_accepted = is_accepted
        self.is_changed = False
        self.accepted_before = 0
        self.begun_after = 0
        self.accepted_after = 0

    async def run(self) -> None:
        """Blow until enough attempts that began after the change have been answered."""
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(self._client)

    async def _client(self) -> None:
        while self.begun_after < BEGUN_AFTER:
            is_after = self.is_changed
            is_accepted = await self._is_accepted()
            if is_after:
                self.begun_after += 1
                self.accepted_after += is_accepted
            else:
                self.accepted_before += is_accepted

    async def is_at_full_strength(self) -> None:
        while self.accepted_before < ACCEPTED_BEFORE:
            await trio.lowlevel.checkpoint()


def with_secret(gate: Gate) -> Storm:
    async def is_accepted() -> bool:
        async with gate.client() as client:
            return await client.exchange(connect_as()) == ACCEPTED

    return Storm(is_accepted)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_no_attempt_that_begins_after_the_return_is_accepted(open_gate: OpenGate, change: Change) -> None:
    async with open_gate() as gate:
        storm = with_secret(gate)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            await change.call(gate.running, "pump")
            storm.is_changed = True

        assert storm.begun_after >= BEGUN_AFTER
        assert storm.accepted_after == 0
        if change.opens_with is not None:
            assert (await gate.answer(connect_as("pump", change.opens_with)))[3] == 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_live_session_ends_where_the_call_says_so_and_only_there(open_gate: OpenGate, change: Change) -> None:
    """In the storm of another device, whose own session is none of the call's business."""
    async with open_gate() as gate:
        for device_id in ("quiet", "bystander"):
            await gate.running.create_device(device_id, SECRET)
        storm = with_secret(gate)
        async with gate.client() as live, gate.client() as bystander, trio.open_nursery() as nursery:
            await live.exchange(connect_as("quiet"))
            await bystander.exchange(connect_as("bystander"))
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            await change.call(gate.running, "quiet")
            if change.is_closing:
                assert await live.is_closed()
            else:
                assert await live.exchange(PINGREQ) == b"\xd0\0"
                await gate.answer(connect_as("quiet"))
                assert await live.exchange(PINGREQ) == b"\xd0\0", "the old credential took the session over"
            assert await bystander.exchange(PINGREQ) == b"\xd0\0"
            nursery.cancel_scope.cancel()


async def test_no_certificate_connects_whose_fingerprint_was_reset_before_the_attempt(tmp_path: Path) -> None:
    """Over MQTTS; every attempt is a handshake of its own."""
    async with opened(tmp_path, "never") as site:
        old, new = issue("pump", site.ca), issue("pump", site.ca)

        async def is_accepted() -> bool:
            return await site.answer(connect(), old) == ACCEPTED

        assert await is_accepted(), "the first certificate is pinned"
        storm = Storm(is_accepted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storm.run)
            await storm.is_at_full_strength()
            fingerprint = new.certificate.fingerprint(SHA256()).hex()
            await site.call("POST", "/devices/pump/reset-fingerprint", {"fingerprint": fingerprint})
            storm.is_changed = True

        assert storm.begun_after >= BEGUN_AFTER
        assert storm.accepted_after == 0
        assert await site.answer(connect(), new) == ACCEPTED
