"""`make gate`: every native twin against its reference in one run; fails where native does not earn its place."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from rich.console import Console

from engine.cli.gate import OFFERED, gate_choices, gate_table
from engine.gate import compiled
from engine.gate.interface import Operation
from engine.gate.measure import Timing
from engine.gate.record import Record, current_build
from engine.gate.selection import FIGURES, OPERATIONS, load_twin
from engine.listeners.parse_connect import PARSE_CONNECT

seconds: dict[tuple[str, str], float] = {}
"""(operation, implementation) to the least time of one call, filled by the measurements and read by the verdict."""

MEASURED = (*OPERATIONS, *(figure for figure, _ in FIGURES), *OFFERED)

FOR_C_ALONE = {PARSE_CONNECT.name}
"""Twins whose place is in the native front, which calls them from C. Through the boundary they are only compared."""

for_every_operation = pytest.mark.parametrize("operation", MEASURED, ids=lambda operation: operation.name)


@for_every_operation
@pytest.mark.parametrize("implementation", ["reference", "native"])
def test_measure(benchmark: BenchmarkFixture, operation: Operation[Callable[..., object]], implementation: str) -> None:
    benchmark.group = operation.name
    function = operation.reference if implementation == "reference" else load_twin(operation)
    benchmark(function, *operation.known_answers[0].arguments)
    seconds[operation.name, implementation] = benchmark.stats.stats.min


def test_native_earns_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Every operation, that is: a figure beside it is only shown."""
    timings = {
        operation.name: Timing(seconds[operation.name, "reference"], seconds[operation.name, "native"])
        for operation in MEASURED
    }
    choices = gate_choices(Record(current_build(), timings))
    with capsys.disabled():
        Console(width=110).print("\n", gate_table(choices, compiled.library_version()))
    not_earned = {choice.operation for choice in choices if choice.chosen != "native"}
    assert not_earned - FOR_C_ALONE == set()
