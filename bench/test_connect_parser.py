"""A typical CONNECT parses at least five times faster than by amqtt, on the same bytes in the same run."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import connect_parser, side_by_side


@pytest.mark.parametrize("read", [connect_parser.read_ours, connect_parser.read_amqtt])
def test_measure(benchmark: BenchmarkFixture, read: Callable[[], object]) -> None:
    benchmark.group = "read CONNECT"
    benchmark(read)


def test_ours_is_as_fast_as_required(capsys: pytest.CaptureFixture[str]) -> None:
    connect_parser.check_same()
    figures = side_by_side.measure(connect_parser.READERS)
    with capsys.disabled():
        print("\n" + side_by_side.report(connect_parser.WHAT, figures))
    assert side_by_side.ratio(figures) >= connect_parser.REQUIRED
