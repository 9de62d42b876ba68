"""Refusals leave on the next tick, never at once: that hides what a cold page or a second secret costs (DESIGN 2)."""

import math

import trio


async def next_tick(every_seconds: float) -> None:
    """Sleep to the next multiple of `every_seconds` of Trio's clock, so that a tick's refusals leave together."""
    now = trio.current_time()
    await trio.sleep_until((math.floor(now / every_seconds) + 1) * every_seconds)
