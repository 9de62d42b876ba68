"""The native front's ready answers, made by those who know how: C writes them without asking."""

from engine.gate.front_settings import Words
from engine.limits import Limits
from engine.session.mqtt import write_accepted, write_closed
from engine.session.table import CloseReason


def words_of(limits: Limits) -> Words:
    """What every accepted device is told, and every one whose session the engine ends."""
    least = limits.keep_alive_minimum_seconds

    def connacks(*, is_expiry_asked: bool) -> tuple[bytes, bytes, bytes]:
        as_asked, minimum, maximum = (
            write_accepted(5, keep_alive, limits, is_expiry_asked=is_expiry_asked)
            for keep_alive in (least, least - 1, 0)
        )
        return as_asked, minimum, maximum

    return Words(
        connack=write_accepted(4, least, limits, is_expiry_asked=False),
        connack5=(connacks(is_expiry_asked=False), connacks(is_expiry_asked=True)),
        disconnect5=(
            write_closed(CloseReason.TAKEN_OVER),
            write_closed(CloseReason.ADMINISTRATIVE),
            write_closed(CloseReason.SHUTTING_DOWN),
        ),
    )
