"""Ready only when everything is."""

import pytest

from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.observe.health import Health, ListenerState


class Registry:
    """Stands in for Store.check."""

    failing = False

    async def check(self) -> None:
        if self.failing:
            raise StoreUnavailable("disk I/O error at /srv/keyturn/registry.db")


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def health(registry: Registry) -> Health:
    health = Health(registry.check, Limits(loop_lag_seconds=0.5))
    health.note_listener("mqtt", ListenerState.SERVING)
    health.note_listener("mqtts", ListenerState.OFF)
    return health


async def test_serving_and_switched_off_listeners_are_ready(health: Health):
    report = await health.report()
    assert report.ready
    assert report.listeners == {"mqtt": "serving", "mqtts": "off"}
    assert report.registry == "ok"
    assert not report.draining


@pytest.mark.parametrize("state", [ListenerState.STARTING, ListenerState.CLOSED])
async def test_a_listener_that_does_not_serve_is_not_ready(health: Health, state: ListenerState):
    health.note_listener("mqtt", state)
    assert not (await health.report()).ready


async def test_a_failing_registry_is_not_ready_and_the_answer_tells_no_internals(health: Health, registry: Registry):
    registry.failing = True
    report = await health.report()
    assert not report.ready
    assert report.registry == "unavailable"
    registry.failing = False
    assert (await health.report()).ready


async def test_a_draining_node_is_not_ready(health: Health):
    health.note_draining()
    report = await health.report()
    assert not report.ready
    assert report.draining
    assert health.is_draining


async def test_a_late_loop_is_not_ready_until_it_is_in_time_again(health: Health):
    health.note_loop_lag(0.5)
    assert not health.is_lagging
    health.note_loop_lag(0.51)
    assert health.is_lagging
    report = await health.report()
    assert not report.ready
    assert report.loop_lag_seconds == health.loop_lag_seconds == 0.51
    health.note_loop_lag(0.0)
    assert (await health.report()).ready


async def test_a_bug_in_the_check_is_not_taken_for_an_outage():
    async def check() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await Health(check, Limits()).report()
