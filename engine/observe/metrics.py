"""What /metrics shows: counters, gauges and histograms, all of them prefixed keyturn_.

Labels are `listener`, `protocol`, `reason` and `outcome`, each from a closed set; never anything that a peer chose, so
that the number of series is fixed.
"""

from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine.observe.handshake import HandshakeFault
from engine.verdict.outcome import Reason

MEDIA_TYPE = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")
"""Of what `exposition` gives; whoever serves it adds the charset, UTF-8."""

VERDICT_BUCKETS = (
    50e-6,
    100e-6,
    250e-6,
    500e-6,
    1e-3,
    2.5e-3,
    5e-3,
    10e-3,
    25e-3,
    50e-3,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
)
"""Seconds: from a native verdict (tens of microseconds) to the longest time a CONNECT is given (limits, 10 s)."""

_NOT_DECIDED = frozenset({Reason.REGISTRY_UNAVAILABLE, Reason.SERVER_BUSY, Reason.DRAINING, Reason.RATE_EXCEEDED})


def outcome_label(reason: Reason) -> str:
    """The coarse word of the time histogram: accepted, refused (the peer's fault), unavailable (ours, or too many)."""
    if reason is Reason.ACCEPTED:
        return "accepted"
    return "unavailable" if reason in _NOT_DECIDED else "refused"


class Metrics:
    """The node's metrics in a registry of their own, so that two nodes in one program do not add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._collectors: list[Callable[[], None]] = []
        self.connections = self._counter("connections", "Connections accepted from the system", "listener", "protocol")
        self.shed = self._counter("connections_shed", "Connections closed unread: too many", "listener", "protocol")
        self.handshakes_failed = self._counter(
            "handshakes_failed",
            "PROXY, TLS and WebSocket handshakes that failed",
            "listener",
            "protocol",
            "reason",
        )
        self.verdicts = self._counter("verdicts", "Verdicts, by exact reason", "listener", "protocol", "reason")
        self.known_good = self._counter(
            "known_good", "Verdicts on known devices, given in C; not in the time histogram", "listener", "protocol"
        )
        self.broken = self._counter(
            "sessions_broken", "Sessions ended because the device broke the protocol", "listener", "protocol", "reason"
        )
        self.discarded = self._counter(
            "publishes_discarded", "PUBLISH packets with no receiver", "listener", "protocol"
        )
        self.discarded_bytes = self._counter(
            "publish_bytes_discarded", "Payload bytes of those", "listener", "protocol"
        )
        self.verdict_seconds = Histogram(
            "keyturn_verdict_seconds",
            "From the complete claim to its verdict",
            ("listener", "protocol", "outcome"),
            buckets=VERDICT_BUCKETS,
            registry=self._registry,
        )
        self.sessions_taken_over = self._counter("sessions_taken_over", "Sessions that a newer one of the device ended")
        self._looked_up = self._counter(
            "known_good_looked_up", "Devices of the registry that C did not know when they came, looked up for it"
        )
        self._store_failures = self._counter("store_failures", "Calls that the registry answered 'unavailable'")
        self._watched = {
            "pending": self._gauge("pending", "Connections whose device is not known yet"),
            "sessions": self._gauge("sessions", "Live sessions"),
            "loop_lag": self._gauge("loop_lag_seconds", "How late the event loop is"),
            "ca_expiry": self._gauge("device_ca_expiry_seconds", "Until the next device CA expires; +Inf: none"),
            "crl_expiry": self._gauge(
                "crl_expiry_seconds", "Until the next device CA has no CRL in force; negative: one has none; +Inf: none"
            ),
        }

    def listener(self, name: str, protocol: str) -> "ListenerMetrics":
        """The metrics of one listener, every label resolved: what the hot path calls."""
        return ListenerMetrics(self, name, protocol)

    def watch(self, **sources: Callable[[], float]) -> None:
        """Name where the gauges are read from, each time /metrics is asked."""
        for name, source in sources.items():
            self._watched[name].set_function(source)

    def taken_over(self) -> None:
        """A newer connection of a device ended an older one."""
        self.sessions_taken_over.inc()

    def looked_up(self, count: int) -> None:
        """So many devices were found for C, which did not know them."""
        self._looked_up.inc(count)

    def store_failed(self) -> None:
        """A call to the registry was answered "unavailable"."""
        self._store_failures.inc()

    def collect_by(self, collector: Callable[[], None]) -> None:
        """Have this called, too, before everything is told: it adds what was counted elsewhere since."""
        self._collectors.append(collector)

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format, UTF-8."""
        for collector in self._collectors:
            collector()
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"keyturn_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"keyturn_{name}", what, registry=self._registry)


class ListenerMetrics:
    """One listener's children of the metrics. Every method is one or two additions under prometheus-client's lock."""

    __slots__ = (
        "_broken",
        "_collect_by",
        "_connections",
        "_discarded",
        "_discarded_bytes",
        "_handshakes_failed",
        "_known_good",
        "_seconds",
        "_shed",
        "_taken_over",
        "_verdicts",
    )

    def __init__(self, metrics: Metrics, name: str, protocol: str) -> None:
        self._collect_by = metrics.collect_by
        self._connections = metrics.connections.labels(name, protocol)
        self._shed = metrics.shed.labels(name, protocol)
        self._handshakes_failed = {
            fault: metrics.handshakes_failed.labels(name, protocol, fault.value) for fault in HandshakeFault
        }
        self._known_good = metrics.known_good.labels(name, protocol)
        self._taken_over = metrics.sessions_taken_over
        self._discarded = metrics.discarded.labels(name, protocol)
        self._discarded_bytes = metrics.discarded_bytes.labels(name, protocol)
        self._verdicts = {reason: metrics.verdicts.labels(name, protocol, reason.value) for reason in Reason}
        self._broken = {reason: metrics.broken.labels(name, protocol, reason.value) for reason in Reason}
        self._seconds = {
            reason: metrics.verdict_seconds.labels(name, protocol, outcome_label(reason)) for reason in Reason
        }

    def collect_by(self, collector: Callable[[], None]) -> None:
        """As Metrics.collect_by."""
        self._collect_by(collector)

    def accepted(self, count: int = 1) -> None:
        """The system handed over a connection, or so many."""
        self._connections.inc(count)

    def shed(self, count: int = 1) -> None:
        """A connection was closed unread, or so many were, because there are too many."""
        self._shed.inc(count)

    def known_good(self, count: int) -> None:
        """So many known devices were accepted in C, whose time is not taken."""
        self._verdicts[Reason.ACCEPTED].inc(count)
        self._known_good.inc(count)

    def taken_over(self, count: int) -> None:
        """Sessions that newer connections of their devices ended, so many."""
        self._taken_over.inc(count)

    def handshake_failed(self, fault: HandshakeFault, count: int = 1) -> None:
        """A handshake below MQTT came to nothing, or so many did."""
        self._handshakes_failed[fault].inc(count)

    def verdict(self, reason: Reason, seconds: float) -> None:
        """A claim was judged in so many seconds."""
        self.verdicts((reason,), seconds)

    def verdicts(self, reasons: Sequence[Reason], seconds: float) -> None:
        """Claims were judged together, in so many seconds."""
        for reason in set(reasons):
            count = reasons.count(reason)
            self._verdicts[reason].inc(count)
            for _ in range(count):
                self._seconds[reason].observe(seconds)

    def broken(self, reason: Reason) -> None:
        """A live session ended because the device broke the protocol."""
        self._broken[reason].inc()

    def discarded(self, payload_bytes: int) -> None:
        """A PUBLISH was acknowledged and dropped (mode hold has no receiver)."""
        self._discarded.inc()
        self._discarded_bytes.inc(payload_bytes)
