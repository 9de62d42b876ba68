"""native/siphash.c against libcrypto's own SipHash, which is another's work."""

import subprocess
from pathlib import Path

import pytest

from build import HARDENING, WARNINGS

ROOT = Path(__file__).parents[2]
LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 99, 100)

# The first two of the 128-bit vectors that SipHash's authors publish (vectors.h, vectors_sip128).
PUBLISHED = ["a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45"]


@pytest.fixture(scope="module")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    program = tmp_path_factory.mktemp("native") / "drive_siphash"
    sources = [ROOT / "tests" / "native" / "drive_siphash.c", ROOT / "native" / "siphash.c"]
    flags = [*WARNINGS, *HARDENING, "-O1", f"-I{ROOT / 'native'}", "-fsanitize=address,undefined"]
    subprocess.run(["gcc", *flags, "-fno-sanitize-recover=all", *sources, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()


def test_published_vectors_are_met(hashes: list[str]) -> None:
    assert hashes[:2] == PUBLISHED


@pytest.mark.system("openssl")
@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_hashes_as_in_libcrypto(hashes: list[str], length: int) -> None:
    key = f"hexkey:{bytes(range(16)).hex()}"
    command = ["openssl", "mac", "-macopt", key, "-macopt", "size:16", "-in", "-", "SIPHASH"]
    run = subprocess.run(command, input=bytes(range(length)), capture_output=True, check=True)
    assert hashes[length] == run.stdout.decode().strip().lower()
