"""The exposition, and that nothing of a peer's choosing becomes a label."""

from prometheus_client.parser import text_string_to_metric_families

from engine.observe.handshake import HandshakeFault
from engine.observe.metrics import VERDICT_BUCKETS, Metrics, outcome_label
from engine.verdict.outcome import Reason


def sample(metrics: Metrics, name: str, **labels: str) -> float:
    """The value of one sample, read back from the text that /metrics serves."""
    found = [
        item.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for item in family.samples
        if item.name == name and item.labels == labels
    ]
    assert len(found) == 1, f"{name} {labels}: {found}"
    return found[0]


def test_verdicts_are_counted_by_exact_reason():
    metrics = Metrics()
    listener = metrics.listener("mqtt", "mqtt")
    listener.verdict(Reason.ACCEPTED, 0.0001)
    listener.verdict(Reason.WRONG_SECRET, 0.0001)
    listener.verdict(Reason.WRONG_SECRET, 0.0001)
    labels = {"listener": "mqtt", "protocol": "mqtt"}
    assert sample(metrics, "keyturn_verdicts_total", reason="accepted", **labels) == 1
    assert sample(metrics, "keyturn_verdicts_total", reason="wrong_secret", **labels) == 2
    assert sample(metrics, "keyturn_verdicts_total", reason="device_frozen", **labels) == 0


def test_failed_handshakes_are_counted_by_fault():
    metrics = Metrics()
    metrics.listener("mqtts", "mqtts").handshake_failed(HandshakeFault.UNKNOWN_CA)
    labels = {"listener": "mqtts", "protocol": "mqtts"}
    assert sample(metrics, "keyturn_handshakes_failed_total", reason="unknown_ca", **labels) == 1
    assert sample(metrics, "keyturn_handshakes_failed_total", reason="cut", **labels) == 0


def test_time_to_verdict_is_summed_by_outcome():
    metrics = Metrics()
    listener = metrics.listener("mqtt", "mqtt")
    listener.verdict(Reason.WRONG_SECRET, 0.25)
    listener.verdict(Reason.UNKNOWN_DEVICE, 0.5)
    listener.verdict(Reason.REGISTRY_UNAVAILABLE, 4.0)
    labels = {"listener": "mqtt", "protocol": "mqtt"}
    assert sample(metrics, "keyturn_verdict_seconds_count", outcome="refused", **labels) == 2
    assert sample(metrics, "keyturn_verdict_seconds_sum", outcome="refused", **labels) == 0.75
    assert sample(metrics, "keyturn_verdict_seconds_sum", outcome="unavailable", **labels) == 4.0
    assert sample(metrics, "keyturn_verdict_seconds_count", outcome="accepted", **labels) == 0


def test_buckets_reach_from_fifty_microseconds_to_ten_seconds():
    assert VERDICT_BUCKETS[0] == 50e-6
    assert VERDICT_BUCKETS[-1] == 10
    assert list(VERDICT_BUCKETS) == sorted(set(VERDICT_BUCKETS))


def test_overload_and_outage_are_not_refusals_of_the_device():
    unavailable = {reason for reason in Reason if outcome_label(reason) == "unavailable"}
    assert unavailable == {
        Reason.REGISTRY_UNAVAILABLE,
        Reason.SERVER_BUSY,
        Reason.DRAINING,
        Reason.RATE_EXCEEDED,
    }
    assert [reason for reason in Reason if outcome_label(reason) == "accepted"] == [Reason.ACCEPTED]


def test_connections_and_what_became_of_them():
    metrics = Metrics()
    first, second = metrics.listener("mqtt", "mqtt"), metrics.listener("mqtts", "mqtt")
    first.accepted()
    first.accepted()
    first.shed()
    second.accepted()
    second.broken(Reason.MALFORMED_PACKET)
    second.discarded(1000)
    second.discarded(24)
    labels = {"listener": "mqtts", "protocol": "mqtt"}
    assert sample(metrics, "keyturn_connections_total", listener="mqtt", protocol="mqtt") == 2
    assert sample(metrics, "keyturn_connections_shed_total", listener="mqtt", protocol="mqtt") == 1
    assert sample(metrics, "keyturn_connections_total", **labels) == 1
    assert sample(metrics, "keyturn_sessions_broken_total", reason="malformed_packet", **labels) == 1
    assert sample(metrics, "keyturn_publishes_discarded_total", **labels) == 2
    assert sample(metrics, "keyturn_publish_bytes_discarded_total", **labels) == 1024


def test_gauges_are_read_when_they_are_asked_for():
    metrics = Metrics()
    live = {"a", "b"}
    metrics.watch(pending=lambda: 7, sessions=lambda: len(live), loop_lag=lambda: 0.5, crl_expiry=lambda: -1)
    assert sample(metrics, "keyturn_sessions") == 2
    live.add("c")
    assert sample(metrics, "keyturn_sessions") == 3
    assert sample(metrics, "keyturn_pending") == 7
    assert sample(metrics, "keyturn_loop_lag_seconds") == 0.5
    assert sample(metrics, "keyturn_crl_expiry_seconds") == -1


def test_take_overs_and_store_failures_are_counted():
    metrics = Metrics()
    metrics.taken_over()
    metrics.store_failed()
    metrics.store_failed()
    assert sample(metrics, "keyturn_sessions_taken_over_total") == 1
    assert sample(metrics, "keyturn_store_failures_total") == 2


def test_two_nodes_in_one_program_do_not_add_up():
    first, second = Metrics(), Metrics()
    first.taken_over()
    assert sample(second, "keyturn_sessions_taken_over_total") == 0


def test_every_metric_has_the_prefix_and_only_closed_labels():
    metrics = Metrics()
    metrics.listener("mqtt", "mqtt").verdict(Reason.ACCEPTED, 0.001)
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        assert family.name.startswith("keyturn_")
        for item in family.samples:
            assert set(item.labels) <= {"listener", "protocol", "reason", "outcome", "le"}
