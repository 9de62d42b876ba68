import time

import trio

from engine.limits import Limits
from engine.node.lag import watch_loop_lag
from engine.observe.health import Health


async def test_a_loop_that_is_kept_busy_is_lagging_and_recovers() -> None:
    async def check() -> None: ...

    health = Health(check, Limits(loop_lag_seconds=0.1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_loop_lag, health)
        await trio.sleep(0.01)
        time.sleep(0.4)  # noqa: ASYNC251 - blocking the loop is what this test is about
        while not health.is_lagging:
            await trio.lowlevel.checkpoint()
        while health.is_lagging:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
