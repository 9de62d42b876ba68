"""A node as a child process: it is there when the block begins, and gone when it ends."""

import os
import signal
from pathlib import Path

import pytest

from engine.cli.child import ChildFailed, serve_child


def test_it_is_gone_when_the_block_ends(data: Path) -> None:
    with serve_child(data) as child:
        assert child.process.poll() is None
    assert child.process.returncode == -signal.SIGKILL
    assert not child.log.exists()


def test_stop_drains_it(data: Path) -> None:
    with serve_child(data) as child:
        assert child.stop() == 0


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="keyturn init"), serve_child(tmp_path / "absent"):
        pytest.fail("started")


def test_ctrl_c_reaches_it_only_through_us(data: Path) -> None:
    with serve_child(data) as child:
        assert os.getpgid(child.process.pid) != os.getpgid(0)
