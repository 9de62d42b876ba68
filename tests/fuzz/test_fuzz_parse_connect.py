"""A short run of the fuzzer; `make fuzz` runs it for as long as one likes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A twin that does not look at the Will's wildcard characters, so to speak: it answers before the reference refuses.
PLANTED = """
import sys
from tests.fuzz import fuzz_parse_connect
twin = fuzz_parse_connect.NATIVE
fuzz_parse_connect.NATIVE = lambda data, start, end: twin(bytes(data).replace(b"+", b"-"), start, end)
fuzz_parse_connect.main(sys.argv[1:])
"""


def fuzz(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, *command, "-runs=20000", "-seed=1", str(tmp_path / "corpus")]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_native_parser_answers_what_the_reference_answers(tmp_path: Path) -> None:
    run = fuzz(tmp_path, "tests/fuzz/fuzz_parse_connect.py")
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done 20000 runs" in run.stderr


def test_the_fuzzer_catches_a_planted_difference(tmp_path: Path) -> None:
    run = fuzz(tmp_path, "-c", PLANTED)
    assert run.returncode != 0
    assert "AssertionError" in run.stdout + run.stderr
