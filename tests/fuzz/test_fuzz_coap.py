"""A short run of the fuzzer; `make fuzz` runs it for as long as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGET = "tests/fuzz/fuzz_coap.py"

# A reader of the wrong kind, in the places where the target looks: what it would be if a check were lost.
PLANTED = """
import sys
from tests.fuzz import fuzz_coap
fuzz_coap.{reader} = lambda *arguments: {fault}
fuzz_coap.main(sys.argv[1:])
"""


def fuzz(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, *command, "-runs=40000", "-seed=1", str(tmp_path / "corpus")]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_cve_2018_12679_and_12680_no_datagram_raises_anything_but_a_framing_fault(tmp_path: Path) -> None:
    """In CoAPthon an exception in decode ended the server."""
    run = fuzz(tmp_path, TARGET)
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done 40000 runs" in run.stderr


@pytest.mark.parametrize(
    ("reader", "fault", "what"),
    [
        ("read_request_options", r"str(b'\xff', 'utf-8')", "UnicodeDecodeError"),
        ("write_message", "b'x' * 1000", "AssertionError"),
    ],
)
def test_the_fuzzer_catches_a_planted_fault(tmp_path: Path, reader: str, fault: str, what: str) -> None:
    run = fuzz(tmp_path, "-c", PLANTED.format(reader=reader, fault=fault))
    assert run.returncode != 0
    assert what in run.stdout + run.stderr
    assert list(tmp_path.glob("coap-crash-*"))
