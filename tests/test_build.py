"""build.py builds with cffi, and answers whoever meant PyPA's build."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_python_m_build_names_pip_wheel_and_fails() -> None:
    """In the root `python -m build` finds our build.py; -S: not even cffi is needed for the answer."""
    command = [sys.executable, "-S", "-m", "build"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "pip wheel ." in run.stderr
    assert "Traceback" not in run.stderr
