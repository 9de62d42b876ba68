"""Time as an argument: one Clock is made in app and passed down; nothing else asks the system for the time."""

from collections.abc import Callable

import msgspec


class Clock(msgspec.Struct, frozen=True):
    """Two sources of time, so that tests can hold both.

    wall: seconds since the epoch (UTC). monotonic: seconds from an arbitrary start, never going back.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]
