"""What cannot run for want of a system package is named, and fails the run on CI alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NEEDS_MISSING = """
import pytest

@pytest.mark.system("valgrind")
def test_that_needs_a_program():
    raise AssertionError("ran without it")

def test_that_needs_none():
    pass
"""


@pytest.mark.parametrize(("ci", "status"), [("", pytest.ExitCode.OK), ("true", pytest.ExitCode.TESTS_FAILED)])
def test_missing_program_is_named_and_fails_on_ci_alone(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = system(package): needs a program\n")
    (tmp_path / "test_planted.py").write_text(NEEDS_MISSING)
    environment = os.environ | {"PATH": "/nowhere", "CI": ci}

    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert run.returncode == status, run.stdout
    assert "1 passed, 1 skipped" in run.stdout
    assert "test_planted.py::test_that_needs_a_program" in run.stdout
    assert "apt-get install --no-install-recommends valgrind" in run.stdout
