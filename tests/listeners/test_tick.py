import trio
import trio.testing

from engine.listeners.tick import next_tick


async def test_refusals_of_one_tick_leave_together_and_never_at_once(autojump_clock: trio.testing.MockClock) -> None:
    left: list[float] = []

    async def refuse(after: float) -> None:
        await trio.sleep(after)
        await next_tick(0.05)
        left.append(round(trio.current_time() - start, 6))

    await next_tick(0.05)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        for after in (0.0, 0.01, 0.04, 0.06):
            nursery.start_soon(refuse, after)
    assert left == [0.05, 0.05, 0.05, 0.1]
