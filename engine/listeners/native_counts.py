"""What C has counted, told to whom Python would have told it one by one."""

import os

import structlog

from engine.gate.compiled_front import Counts
from engine.observe.metrics import ListenerMetrics
from engine.observe.repeats import Repeats

_log = structlog.get_logger("keyturn.mqtt")


class NativeCounts:
    """Of one front, by its name."""

    def __init__(self, name: str, metrics: ListenerMetrics, repeats: Repeats) -> None:
        self._name = name
        self._metrics = metrics
        self._repeats = repeats
        self._told = Counts()

    def tell(self, counts: Counts) -> None:
        """Add what came since the last time to the metrics, and log why accept failed, now and then."""
        before, self._told = self._told, counts
        metrics = self._metrics
        metrics.accepted(counts.connections - before.connections)
        metrics.shed(counts.shed - before.shed)
        metrics.known_good(counts.known_good - before.known_good)
        metrics.taken_over(counts.taken_over - before.taken_over)
        if counts.accept_failures != before.accept_failures and self._repeats.is_due(f"accept {counts.accept_errno}"):
            _log.warning("accept failed", listener=self._name, error=os.strerror(counts.accept_errno))
