"""What the tests of the command line share: a data directory, a node that serves, and the command itself."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from engine.node.data_directory import initialise
from tests.helpers.nodes import CLOCK, serve_process

Keyturn = Callable[..., "subprocess.CompletedProcess[str]"]


def run_keyturn(*arguments: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command as a person runs it."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture
def keyturn() -> Keyturn:
    return run_keyturn


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A new data directory."""
    trio.run(initialise, tmp_path / "data", None, CLOCK)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a node that serves for the whole module, with one product, "product"."""
    place = tmp_path_factory.mktemp("served") / "data"
    trio.run(initialise, place, None, CLOCK)
    with serve_process(place):
        made = run_keyturn("product", "create", "--product-id", "product", "--name", "Meter", "--data", str(place))
        assert made.returncode == 0, made.stderr
        yield place
