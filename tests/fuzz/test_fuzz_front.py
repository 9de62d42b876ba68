"""The lives that tests/fuzz/fuzz_front.c makes of its input: some written down, many by dice.

`make fuzz-native` looks for more.
"""

import random
import subprocess
from pathlib import Path

import pytest

from build import COMPILE, LINK, WARNINGS

ROOT = Path(__file__).parents[2]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
LIVES = {
    "known device pings and leaves": "00 00 00 00 01 30 05 03 01 36 05 03 01 37 05",
    "known device comes over TLS": "00 18 08 01 03 0d 03 0d 01 30 0d 03 01 36 0d 03 01 37 0d 03",
    "the same behind a balancer": "19 00 00 05 03 05 03 05 01 30 05 03 01 36 05 03 04 01 05",
    "session of MQTT 5 is drained": "00 18 08 01 03 0d 03 0d 01 31 0d 03 01 36 0d 03 01 22 0d 01 0f ff 0d 03 0d",
    "header in text, in pieces": "01 00 00 00 11 00 01 14 05 14 05 05 01 35 05 01 32 05 00 02 03",
    "unknown device is admitted, nothing left to read": "00 00 00 00 01 32 05 02 05 01 10 01 36 05 01 08 01 22 05 05",
    "stranger is known when it is judged again": "00 00 00 00 07 04 01 30 05 03 05",
    "stranger has left when it is judged again": "00 00 00 00 07 04 01 30 05 00 04 01 05 02 05",
    "session is taken over by the other front": "00 00 00 00 01 30 05 18 00 11 30 0d 28 00 21 30 0d 05 0d",
    "answer is larger than the socket takes": "00 00 00 00 01 32 05 02 05 01 41 05 05 03 03 03 05 66 05 36 05 03",
    "pending crowd each other out": "00 00 00 00 10 00 20 00 30 00 05 04 00 04 02 04 04 04 06 40 00 48 00 05 0d 05",
}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The target and all that it is a target of, compiled."""
    directory = tmp_path_factory.mktemp("front")
    sources = [ROOT / "tests/fuzz/fuzz_front.c", *sorted((ROOT / "native").glob("*.c"))]
    command = ["gcc", *WARNINGS, *SANITIZERS, *COMPILE, f"-I{ROOT / 'native'}", "-c", *map(str, sources)]
    subprocess.run(command, cwd=directory, check=True)
    return [str(path) for path in directory.glob("*.o")]


def linked(directory: Path, objects: list[str], *options: str) -> Path:
    program = directory / "replay"
    main = ["-std=c11", *SANITIZERS, *options, f"-I{ROOT / 'native'}", str(ROOT / "tests/fuzz/replay.c")]
    subprocess.run(["gcc", *main, *objects, *LINK, "-o", str(program)], check=True)
    return program


def replay(program: Path, directory: Path, lives: list[bytes]) -> subprocess.CompletedProcess[str]:
    files = []
    for number, life in enumerate(lives):
        files.append(directory / f"life-{number}")
        files[-1].write_bytes(life)
    return subprocess.run([program, *files], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, objects: list[str]) -> Path:
    return linked(tmp_path_factory.mktemp("replay"), objects)


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_life_leaves_nothing_behind(program: Path, tmp_path: Path, life: str) -> None:
    run = replay(program, tmp_path, [bytes.fromhex(life)])
    assert (run.returncode, run.stderr) == (0, "")


def test_lives_by_dice_leave_nothing_behind(program: Path, tmp_path: Path) -> None:
    dice = random.Random(6)
    run = replay(program, tmp_path, [dice.randbytes(dice.randrange(400)) for _ in range(1000)])
    assert (run.returncode, run.stderr) == (0, "")


def test_planted_front_that_keeps_its_places_is_caught(tmp_path: Path, objects: list[str]) -> None:
    program = linked(tmp_path, objects, "-DFORGETFUL", "-Wl,--wrap=eng_pending_remove")
    run = replay(program, tmp_path, [bytes.fromhex(LIVES["known device comes over TLS"])])
    assert run.returncode != 0
    assert "eng_pending_count(pending) == 0 does not hold" in run.stderr
