"""What the API is given by app."""

from collections.abc import Callable

import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from engine.clock import Clock
from engine.limits import Limits
from engine.node.bus import Bus
from engine.observe.attempts import Attempts
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.registry.sealing import Sealer
from engine.registry.store import Store


class ApiServices(msgspec.Struct, frozen=True):
    """randomness: so many unpredictable bytes. hosts: names a Host header may carry, without port, in lower case.

    region: which one derived access keys must be for, empty for any.
    """

    store: Store
    sealer: Sealer
    bus: Bus
    clock: Clock
    limits: Limits
    randomness: Callable[[int], bytes]
    health: Health
    metrics: Metrics
    attempts: Attempts
    hosts: frozenset[str]
    region: str = ""


ServicesOf = NamedDependency[SkipValidation[ApiServices]]
"""The type of a route handler's `services` argument."""
