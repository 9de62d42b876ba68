"""admit while the registry cannot be read: who accepts without a look-up must hear of it (THREATS promise 7)."""

from pathlib import Path

from engine.verdict.outcome import Reason
from tests.helpers.faulty_store import FaultyStore
from tests.listeners.test_admit import claim, furnished, node_claim, parts_over


async def test_promise_7_an_outage_is_known_until_a_look_up_is_answered_again(tmp_path: Path) -> None:
    """Whoever accepts without a look-up stops meanwhile."""
    async with furnished(tmp_path) as (store, sealer):
        for failing, noticing in ((claim(), claim()), (node_claim(), node_claim()), (claim(), None)):
            parts = parts_over(FaultyStore(store, fail_at=2), sealer)
            await parts.admit(claim("nobody"))
            assert parts.admission.is_registry_readable
            await parts.admit(failing)
            assert not parts.admission.is_registry_readable
            await (parts.admission.look() if noticing is None else parts.admit(noticing))
            assert parts.admission.is_registry_readable


async def test_promise_7_an_outage_is_noticed_where_nobody_asks(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(FaultyStore(store, fail_at=1), sealer)
        await parts.admission.look()
        assert not parts.admission.is_registry_readable


async def test_write_that_fails_is_no_outage_of_look_ups(tmp_path: Path) -> None:
    """It concerns those alone whose acceptance must be durable first."""
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(FaultyStore(store, fail_at=2), sealer)
        assert await parts.reason(claim()) is Reason.REGISTRY_UNAVAILABLE
        assert parts.admission.is_registry_readable
