""".ci/system-check: what is missing for building is named, with the line that installs it."""

import subprocess
import sys
from pathlib import Path

CHECK = Path(__file__).parents[1] / ".ci" / "system-check"


def system_check(python: str | Path, path: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(CHECK), str(python)]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_machine_that_can_build_passes_in_silence() -> None:
    run = system_check(sys.executable, "/usr/local/bin:/usr/bin:/bin")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_missing_compiler_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    run = system_check(sys.executable, tmp_path)
    assert run.returncode == 1
    assert "    apt-get install --no-install-recommends gcc libc6-dev libssl-dev\n" in run.stderr


def test_missing_openssl_headers_are_named(tmp_path: Path) -> None:
    """A compiler that finds every header but that one."""
    gcc = tmp_path / "gcc"
    gcc.write_text("#!/bin/sh\nread -r line\ncase $line in *openssl*) exit 1 ;; esac\n")
    gcc.chmod(0o755)
    run = system_check(sys.executable, tmp_path)
    assert run.returncode == 1
    assert "--no-install-recommends libssl-dev\n" in run.stderr


def test_python_that_is_none_is_named(tmp_path: Path) -> None:
    run = system_check(tmp_path / "python3", "/usr/bin:/bin")
    assert run.returncode == 1
    assert "needs Python 3.11" in run.stderr
    assert "apt-get install --no-install-recommends python3 python3-venv python3-dev" in run.stderr
