"""What C has counted comes to the metrics once, and why accept failed to the log now and then."""

import errno

import structlog

from engine.gate.compiled_front import Counts
from engine.limits import Limits
from engine.listeners.native_counts import NativeCounts
from engine.observe.metrics import Metrics
from engine.observe.repeats import Repeats
from tests.helpers.stores import CLOCK


def test_every_count_is_told_once() -> None:
    metrics = Metrics()
    counts = NativeCounts("mqtt", metrics.listener("mqtt", "mqtt"), Repeats(CLOCK, Limits()))
    counts.tell(Counts(connections=5, shed=1, known_good=3, taken_over=2))
    counts.tell(Counts(connections=7, shed=1, known_good=4, taken_over=2))
    told = metrics.exposition().decode().splitlines()
    labels = '{listener="mqtt",protocol="mqtt"}'
    assert f"keyturn_connections_total{labels} 7.0" in told
    assert f"keyturn_connections_shed_total{labels} 1.0" in told
    assert f"keyturn_known_good_total{labels} 4.0" in told
    assert "keyturn_sessions_taken_over_total 2.0" in told
    assert 'keyturn_verdicts_total{listener="mqtt",protocol="mqtt",reason="accepted"} 4.0' in told


def test_failing_accept_is_a_line_with_its_reason() -> None:
    with structlog.testing.capture_logs() as lines:
        counts = NativeCounts("mqtt", Metrics().listener("mqtt", "mqtt"), Repeats(CLOCK, Limits()))
        counts.tell(Counts(accept_failures=1, accept_errno=errno.EMFILE))
        counts.tell(Counts(accept_failures=9, accept_errno=errno.EMFILE))
    assert [(line["event"], line["error"]) for line in lines] == [("accept failed", "Too many open files")]
