"""The node's log: JSON lines for machines, and never a reason to stop."""

import json
import os
import subprocess
import sys

PROGRAM = """
import os, sys
import structlog
from engine.cli.log import configure_log
configure_log()
log = structlog.get_logger()
log.debug("quiet")
log.info("refused", device_id="a\\x1b[2J\\nforged=1")
def fail():
    secret = "s3cret-in-a-local"
    raise RuntimeError("broken")
try:
    fail()
except RuntimeError:
    log.exception("failed")
if len(sys.argv) > 1:
    os.close(2)
    log.info("nobody listens")
    print("still here")
"""


def run_program(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_elsewhere_than_at_a_terminal_every_line_is_json() -> None:
    refused, failed = map(json.loads, run_program(KEYTURN_DEBUG="").stderr.splitlines())
    assert refused["event"] == "refused"
    assert refused["level"] == "info"
    assert refused["timestamp"].endswith("Z")
    assert refused["device_id"] == "a\\x1b[2J\\nforged=1"
    assert failed["level"] == "error"


def test_a_traceback_shows_no_locals() -> None:
    error = run_program().stderr
    assert "RuntimeError: broken" in error
    assert "s3cret-in-a-local" not in error


def test_debug_shows_the_debug_level() -> None:
    assert "quiet" in run_program(KEYTURN_DEBUG="1").stderr


def test_exceptions_that_nobody_can_catch_are_a_line_now_and_then() -> None:
    """A peer can make Python's ssl report one with every handshake (tests/listeners/test_tls.py)."""
    program = """
from engine.cli.log import configure_log
configure_log()
class Noisy:
    def __del__(self):
        raise ValueError("in a finaliser")
for _ in range(100):
    Noisy()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["event"] == "exception ignored"
    assert "ValueError: in a finaliser" in line["exception"]


def test_a_standard_error_that_is_gone_stops_nothing() -> None:
    assert run_program("close").stdout == "still here\n"
