"""A change is committed and told, or neither."""

import os
from pathlib import Path

import pytest
import trio

from engine.api.authentication import Caller
from engine.api.changes import audit_entry, change_certificates, change_device
from engine.api.problems import ApiProblem, Problem
from engine.errors import StoreUnavailable
from engine.registry.store import StoreRefusal
from engine.registry.store_access import Role
from tests.api.conftest import NOW, PROJECT, api_services, open_store
from tests.helpers.recording_bus import RecordingBus


@pytest.fixture
async def services(tmp_path: Path):
    store = await open_store(tmp_path)
    yield api_services(store, randomness=os.urandom)
    await store.close()


async def answering(refusal: StoreRefusal | None) -> StoreRefusal | None:
    await trio.lowlevel.checkpoint()
    return refusal


async def test_a_committed_change_is_told(services):
    await change_device(services, "d", answering(None), close=True)
    await change_device(services, "d", answering(None), close=False)
    assert services.bus.invalidations == [(("d",), True), (("d",), False)]


async def test_a_refused_change_is_not_told(services):
    with pytest.raises(ApiProblem) as raised:
        await change_device(services, "d", answering(StoreRefusal.NOT_FROZEN), close=True)
    assert raised.value.problem is Problem.NOT_FROZEN
    assert services.bus.invalidations == []


async def test_a_change_that_the_store_may_have_made_is_told_and_closes_nothing(services):
    async def failing() -> StoreRefusal | None:
        raise StoreUnavailable("no")

    with pytest.raises(StoreUnavailable):
        await change_device(services, "d", failing(), close=True)
    assert services.bus.invalidations == [(("d",), False)]


async def test_a_change_of_certificates_that_the_store_may_have_made_is_told_and_closes_nothing(services):
    async def failing() -> StoreRefusal | None:
        raise StoreUnavailable("no")

    with pytest.raises(StoreUnavailable):
        await change_certificates(services, PROJECT, failing(), close=["f" * 64])
    assert (services.bus.certificate_invalidations, services.bus.certified_closed) == (1, [])


async def test_a_cancelled_request_still_tells_what_it_committed(services):
    """Or the node would keep accepting a credential that the registry no longer has."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await change_device(services, "d", answering(None), close=True)
    assert services.bus.invalidations == [(("d",), True)]


async def test_the_answer_waits_for_every_worker():
    acknowledged = []

    class SlowBus(RecordingBus):
        async def invalidate(self, device_ids, *, close):
            await trio.testing.wait_all_tasks_blocked()
            acknowledged.extend(device_ids)

    await change_device(api_services(_NoStore(), bus=SlowBus()), "d", answering(None), close=True)
    assert acknowledged == ["d"]


class _NoStore:
    """For services whose store nobody asks."""

    async def check(self) -> None:
        """Health wants its address."""


async def test_an_audit_entry_names_who_what_and_when(services):
    caller = Caller(PROJECT, "token:0123abcd", Role.ADMIN, reads_secrets=True)
    entry = audit_entry(services, caller, "device.create", "d", node_id="n", timeout=0)
    assert (entry.at, entry.project_id, entry.actor) == (NOW, PROJECT, "token:0123abcd")
    assert (entry.action, entry.target, entry.detail) == ("device.create", "d", b'{"node_id":"n","timeout":0}')
