"""The same text as prometheus-client's own histogram, whatever was observed."""

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from engine.observe.histogram import Histogram
from engine.observe.metrics import VERDICT_BUCKETS

OBSERVED = st.tuples(
    st.sampled_from([*VERDICT_BUCKETS, 0.0, 11.0]), st.integers(0, 5), st.sampled_from(["accepted", "refused"])
)


@given(st.lists(OBSERVED))
def test_exposition_is_that_of_prometheus_client(observed: list[tuple[float, int, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("seconds", "What it is", ("outcome",), VERDICT_BUCKETS, ours)
    oracle = prometheus_client.Histogram(
        "seconds", "What it is", ("outcome",), buckets=VERDICT_BUCKETS, registry=theirs
    )
    for value, times, outcome in observed:
        histogram.labels(outcome).observe(value, times)
        for _ in range(times):
            oracle.labels(outcome).observe(value)
        oracle.labels(outcome)
    assert _numbers(ours) == _numbers(theirs)


def _numbers(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    assert "# TYPE seconds histogram" in lines
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#") and "_created" not in line]
    return {name: round(float(value), 9) for name, value in pairs}
