"""A histogram that takes what a batch has measured at once; prometheus-client's takes one observation at a time."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import inf, isinf

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry


class Observed:
    """The observations under one set of labels. For one thread."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * len(bounds)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """The same value so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def cumulated(self) -> tuple[list[tuple[str, float]], float]:
        """Upper bound and count of what is not above it, for each bucket, and the sum of all."""
        buckets, count = [], 0
        for bound, more in zip(self._bounds, self._counts, strict=True):
            count += more
            buckets.append(("+Inf" if isinf(bound) else str(bound), float(count)))
        return buckets, self._sum


class Histogram(Collector):
    """A metric of the registry. `bounds`: the buckets' upper ones, ascending; +Inf is added."""

    def __init__(
        self, name: str, what: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._what = what
        self._labels = labels
        self._bounds = (*map(float, bounds), inf)
        self._children: dict[tuple[str, ...], Observed] = {}
        registry.register(self)

    def labels(self, *values: str) -> Observed:
        """Those under these labels."""
        return self._children.setdefault(values, Observed(self._bounds))

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """As Collector.collect."""
        family = HistogramMetricFamily(self._name, self._what, labels=self._labels)
        for values, observed in self._children.items():
            family.add_metric(values, *observed.cumulated())
        yield family
