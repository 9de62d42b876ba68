"""The tables of the native front by themselves: each agrees with the plainest thing that does the same."""

import subprocess
from pathlib import Path

import pytest

from build import WARNINGS

ROOT = Path(__file__).parents[2]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
TABLES = ("timers.c", "prefixes.c", "recent_prefixes.c", "pending.c", "connection.c", "sessions.c", "siphash.c")
SOURCES = ("front_queue.c", *TABLES)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("front_tables") / "drive"
    sources = [ROOT / "tests" / "native" / "drive_front_tables.c", *(ROOT / "native" / name for name in SOURCES)]
    subprocess.run(
        ["gcc", *WARNINGS, *SANITIZERS, f"-I{ROOT / 'native'}", *map(str, sources), "-o", str(program)], check=True
    )
    return program


@pytest.mark.parametrize("seed", range(4))
def test_timers_prefixes_pending_connections_and_sessions_agree_with_plain_ones(driver: Path, seed: int) -> None:
    run = subprocess.run([driver, str(seed)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
