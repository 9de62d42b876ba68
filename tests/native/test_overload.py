"""What a front does when more comes than it takes, its clock set by hand."""

import subprocess
from pathlib import Path

from build import COMPILE, LINK, WARNINGS

ROOT = Path(__file__).parents[2]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]


def test_who_has_left_is_closed_unread_and_strangers_are_told_as_far_as_there_is_room(tmp_path: Path) -> None:
    program = tmp_path / "drive"
    sources = [ROOT / "tests/native/drive_overload.c", *sorted((ROOT / "native").glob("*.c"))]
    command = ["gcc", *WARNINGS, *SANITIZERS, *COMPILE, f"-I{ROOT / 'native'}", *map(str, sources), *LINK]
    subprocess.run([*command, "-o", str(program)], check=True)
    run = subprocess.run([program], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
