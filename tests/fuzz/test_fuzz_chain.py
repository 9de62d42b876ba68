"""A short run of the fuzzer; `make fuzz` runs it for as long as one likes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGET = "tests/fuzz/fuzz_chain.py"

# A twin that lets anybody in, and a reference that falls over.
PLANTED = """
import sys
from tests.fuzz import fuzz_chain
from engine.gate.interface import AcceptedChain
def accepts(*arguments): return AcceptedChain(0, bytes(32), 0.0, 1.0)
def raises(*arguments): raise ValueError("planted")
fuzz_chain.{implementation} = {fault}
fuzz_chain.main(sys.argv[1:])
"""


def fuzz(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, *command, "-runs=4000", "-seed=1", str(tmp_path / "corpus")]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_both_implementations_agree_on_mutated_certificates(tmp_path: Path) -> None:
    run = fuzz(tmp_path, TARGET)
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done 4000 runs" in run.stderr


@pytest.mark.parametrize(
    ("implementation", "fault", "what"), [("NATIVE", "accepts", "AssertionError"), ("REFERENCE", "raises", "planted")]
)
def test_the_fuzzer_catches_a_planted_fault(tmp_path: Path, implementation: str, fault: str, what: str) -> None:
    run = fuzz(tmp_path, "-c", PLANTED.format(implementation=implementation, fault=fault))
    assert run.returncode != 0
    assert what in run.stdout + run.stderr
    assert list(tmp_path.glob("chain-crash-*"))
