import msgspec
import pytest

from engine.limits import Limits
from engine.listeners.pace import LEAST, TICK_SECONDS, sessions_a_tick


@pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0, 10.0, 60.0])
@pytest.mark.parametrize("sessions", [0, 1, LEAST, 5000, 100_000, 2_000_000])
def test_sessions_end_in_the_first_half_of_the_time_and_never_fewer_than_a_few_at_once(
    sessions: int, seconds: float
) -> None:
    limits = msgspec.structs.replace(Limits(), drain_seconds=seconds)
    most = sessions_a_tick(sessions, limits)
    pauses = max(-(-sessions // most) - 1, 0)
    assert most >= LEAST
    assert pauses * TICK_SECONDS <= seconds / 2


def test_they_end_evenly() -> None:
    assert sessions_a_tick(100_000, msgspec.structs.replace(Limits(), drain_seconds=10.0)) == 2000
