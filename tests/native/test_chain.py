"""native/chain*.c by itself, under the address and undefined-behaviour sanitizers: nothing astray, no leak."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from build import COMPILE, HARDENING, LINK, WARNINGS
from engine.gate import compiled
from engine.gate.interface import ChainProfile
from engine.limits import Limits
from tests.helpers import chains

ROOT = Path(__file__).parents[2]
TOPICS = ("chain*.c", "digest.c", "library*.c", "utf8.c")
SOURCES = [str(path) for topic in TOPICS for path in sorted((ROOT / "native").glob(topic))]
DRIVER = ROOT / "tests" / "native" / "drive_chain.c"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

MUTATIONS = 600


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver, by the flags that the module itself is built with."""
    program = tmp_path_factory.mktemp("native") / "drive_chain"
    command = ["gcc", *WARNINGS, *HARDENING, *COMPILE, "-O1", "-g", f"-I{ROOT / 'native'}", *SANITIZE]
    subprocess.run([*command, str(DRIVER), *SOURCES, *LINK, "-o", str(program)], check=True)
    return program


def drive(program: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    command = [str(program), str(int(chains.NOW))]
    return subprocess.run(command, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)


def listed(*sent: bytes) -> str:
    return "L" + b"".join(len(der).to_bytes(3, "big") + der for der in sent).hex()


def mutated(data: bytes, chance: random.Random) -> bytes:
    edited = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        edited[chance.randrange(len(edited))] = chance.choice([0, 1, 0x30, 0x80, 0x7F, 0xFF, chance.randrange(256)])
    return bytes(edited[: chance.randrange(len(edited))]) if chance.random() < 0.1 else bytes(edited)


def cases() -> Iterator[tuple[bytes, ...]]:
    """Good, then broken in every way that a seed gives: on the wire, and signed again by the CA."""
    root, intermediate, device = chains.rich_fleet()
    chance = random.Random(1)
    yield device.der, intermediate.der
    yield (device.der,)
    for _ in range(MUTATIONS):
        kind = chance.randrange(3)
        if kind == 0:
            yield mutated(device.der, chance), intermediate.der
        elif kind == 1:
            yield (
                chains.signed_anew(device.der, intermediate, lambda body: mutated(body, chance)),
                intermediate.der,
            )
        else:
            yield device.der, chains.signed_anew(intermediate.der, root, lambda body: mutated(body, chance))


def test_mutated_chains_are_judged_cleanly_and_as_by_the_module(program: Path) -> None:
    root = chains.rich_fleet().root
    sent = list(cases())
    run = drive(program, [f"R{root.der.hex()}", *(listed(*one) for one in sent)])
    assert (run.returncode, run.stderr) == (0, "")
    verify_chain = compiled.ChainVerifier(msgspec.structs.replace(Limits(), chains_remembered=0))
    trusted = chains.anchors(root)
    expected = [
        [int(chains.reason_of(verify_chain, *one, trusted=trusted, profile=profile) or 0) for profile in ChainProfile]
        for one in sent
    ]
    assert [[int(number) for number in line.split()] for line in run.stdout.splitlines()] == expected
    assert expected[0] == [0, 0]


def test_mutated_crls_are_judged_cleanly(program: Path) -> None:
    root, intermediate, device = chains.rich_fleet()
    chance = random.Random(2)
    good = chains.issue_crl(intermediate, device)
    lines = []
    for crl in [good, *(mutated(good, chance) for _ in range(100))]:
        lines += [f"R{root.der.hex()}", f"C{crl.hex()}", listed(device.der, intermediate.der), "X"]
    run = drive(program, lines)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[0].split() == ["22", "25"]  # CRL_MISSING in PATH, REVOKED in DEVICE


def test_crl_that_anchors_share_is_freed_once_and_judged_by_in_each_set(program: Path) -> None:
    root, intermediate, device = chains.rich_fleet()
    other = chains.issue("other", None, chains.AUTHORITY)
    crls = [f"C{crl.hex()}" for crl in (chains.issue_crl(intermediate, device), chains.issue_crl(other), b"broken")]
    lines = []
    for shared in (crls[:1], crls[:2], crls[1::-1], crls):
        lines += [f"R{other.der.hex()}", *shared, f"R{root.der.hex()}", *shared, f"R{other.der.hex()}", *shared]
        lines += [listed(device.der, intermediate.der), "X"]
    run = drive(program, lines)
    assert (run.returncode, run.stderr) == (0, "")
    # REVOKED in DEVICE; with the broken one CRL_UNUSABLE.
    assert [line.split()[1] for line in run.stdout.splitlines()] == ["25", "25", "25", "23"]


@pytest.mark.parametrize("data", ["", "00", "000000", "0000", "000001", "ffffff", "00000130", "000002300000"])
def test_list_that_is_cut_short_is_malformed(program: Path, data: str) -> None:
    run = drive(program, [f"R{chains.fleet().root.der.hex()}", f"L{data}"])
    assert (run.returncode, run.stderr, run.stdout) == (0, "", "3 3 \n")


def test_byte_read_past_the_list_is_caught(program: Path, tmp_path: Path) -> None:
    """So that a clean run above means something: the same driver with a cursor that does not check."""
    faulty = tmp_path / "chain_der.c"
    source = (ROOT / "native" / "chain_der.c").read_text()
    check = "    if (length > der->left - head)\n        return 0;\n"
    assert check in source
    faulty.write_text(source.replace(check, ""))
    others = [path for path in SOURCES if not path.endswith("chain_der.c")]
    command = [
        "gcc",
        *HARDENING,
        *COMPILE,
        "-O1",
        "-g",
        f"-I{ROOT / 'native'}",
        *SANITIZE,
        str(DRIVER),
        str(faulty),
        *others,
    ]
    broken = tmp_path / "broken"
    subprocess.run([*command, *LINK, "-o", str(broken)], check=True)
    run = drive(broken, [f"R{chains.fleet().root.der.hex()}", "L000004" + "3002027f"])
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stderr


def test_ignored_answer_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "ignores.c"
    source.write_text('#include "chain.h"\nvoid f(void) { eng_chain_verify(0, 0, 0, 0, 0, 0, 0); }\n')
    command = ["gcc", *WARNINGS, f"-I{ROOT / 'native'}", "-c", str(source), "-o", "/dev/null"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ignoring return value" in run.stderr
