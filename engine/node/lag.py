"""How late the event loop is: the one number that says whether a node is overloaded (THREATS 5)."""

import trio

from engine.observe.health import Health

_EVERY_SECONDS = 0.25
"""Each look costs a tenth of a millisecond in a storm, where the cache holds nothing of it."""


async def watch_loop_lag(health: Health) -> None:
    """Sleep a little for ever, and tell health how much later than asked the loop came back."""
    while True:
        due = trio.current_time() + _EVERY_SECONDS
        await trio.sleep_until(due)
        health.note_loop_lag(trio.current_time() - due)
