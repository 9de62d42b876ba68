"""100 CAs loaded make no measurable difference to the verification of a chain."""

import pytest
from rich.console import Console

from bench import chains


def test_many_anchors_cost_no_more_than_one(capsys: pytest.CaptureFixture[str]) -> None:
    figures = chains.measure(rounds=50)
    with capsys.disabled():
        Console().print("\n", chains.report(figures))
    assert max(chains.differences(figures).values()) <= chains.NO_DIFFERENCE
