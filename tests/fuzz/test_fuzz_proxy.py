"""A short run of the fuzzer; `make fuzz` runs it for as long as one likes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A reader that takes one more byte than there is in a whole header.
PLANTED = """
import sys
from tests.fuzz import fuzz_proxy
read = fuzz_proxy.read_in_c
fuzz_proxy.read_in_c = lambda data, maximum: read(data[:-1], maximum)
fuzz_proxy.main(sys.argv[1:])
"""


def fuzz(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, *command, "-runs=20000", "-seed=1", str(tmp_path / "corpus")]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_c_and_python_read_the_same_header(tmp_path: Path) -> None:
    run = fuzz(tmp_path, "tests/fuzz/fuzz_proxy.py")
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done 20000 runs" in run.stderr


def test_the_fuzzer_catches_a_planted_difference(tmp_path: Path) -> None:
    run = fuzz(tmp_path, "-c", PLANTED)
    assert run.returncode != 0
    assert "AssertionError" in run.stdout + run.stderr
