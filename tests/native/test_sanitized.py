"""The native front on a build that the sanitizers watch: a bounded part of `make sanitize`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def sanitized(*arguments: str) -> subprocess.CompletedProcess[str]:
    """These tests on that build, which is made where it is older than its sources."""
    command = [".ci/test-sanitized", sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_front_does_nothing_astray() -> None:
    tests = ("compiled_front", "compiled_pending", "front_peers", "front_strangers", "front_take_over", "compiled_tls")
    run = sanitized(*(f"tests/gate/test_{name}.py" for name in tests))
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


def test_any_streams_lead_nowhere_astray() -> None:
    run = sanitized("tests/listeners/test_native_differential.py", "-k", "any_streams", "--hypothesis-profile", "short")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


def test_planted_fault_is_caught() -> None:
    run = sanitized("tests/native/faulty_read.py")
    assert run.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in run.stderr
