"""How fast a draining front ends its sessions: all told at once would storm the nodes that they turn to."""

import math

from engine.limits import Limits

TICK_SECONDS = 0.1
LEAST = 256
"""In a tick, so that a small node ends at once: some tenth of a second's TLS handshakes of another one."""


def sessions_a_tick(sessions: int, limits: Limits) -> int:
    """So many that they end evenly over the first half of drain_seconds; the other half is for who reads slowly."""
    ticks = limits.drain_seconds / 2 / TICK_SECONDS
    return max(LEAST, math.ceil(sessions / max(ticks, 1.0)))
