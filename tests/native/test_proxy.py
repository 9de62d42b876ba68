"""native/proxy_*.c: the reference's answer on every input, and nothing astray under the sanitizers."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from build import HARDENING, WARNINGS
from tests.helpers.proxy_headers import (
    SIGNATURE,
    VERIFIED,
    read_in_c,
    read_in_python,
    samples,
    tlv,
    v2,
    with_crc32c,
)

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
SOURCES = sorted(NATIVE.glob("proxy_*.c"))
DRIVER = ROOT / "tests" / "native" / "drive_proxy.c"
SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
MAXIMUM = 2048


def assert_agree(data: bytes, maximum: int = MAXIMUM) -> None:
    assert read_in_c(data, maximum) == read_in_python(data, maximum)


octets = st.integers(0, 300).map(str) | st.sampled_from(["", "0", "00", "01", "a", "255"])
groups = st.sampled_from(["", "0", "1", "ffff", "FFFF", "12345", "g", "1.2.3.4", "00000"])
addresses = (
    st.lists(octets, min_size=3, max_size=5).map(".".join)
    | st.lists(groups, min_size=2, max_size=9).map(":".join)
    | st.sampled_from(["::", "::1", "1::", ":1::", "1::1:", "::ffff:1.2.3.4", "::1%eth0", "1.2.3.4%1", "::1.2.3.04"])
    | st.ip_addresses().map(str)
)
ports = st.integers(0, 70_000).map(str) | st.sampled_from(["", "00", "01", "-1", "+1", "1_0", "1\0"])
spaces = st.sampled_from([" ", " ", " ", " ", "  ", "\t", ""])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Version 1, of parts that are right or nearly so."""
    protocol = draw(st.sampled_from(["TCP4", "TCP6", "TCP6", "UNKNOWN", "TCP", "UDP4"]))
    words = ["PROXY", protocol, draw(addresses), draw(addresses), draw(ports), draw(ports)]
    text = words[0] + "".join(draw(spaces) + word for word in words[1:])
    return text.encode() + draw(st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b" \r\n", b"\r\r\n", b""]))


tlvs = st.builds(tlv, st.sampled_from([1, 2, 3, 4, 0x20, 0x22, 0xEA]), st.binary(max_size=8) | st.just(VERIFIED))
families = st.sampled_from([0x00, 0x10, 0x11, 0x12, 0x13, 0x21, 0x22, 0x31, 0x32, 0x41, 0xFF])


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """Version 2, of parts that are right or nearly so, and perhaps with a checksum that fits."""
    size = draw(st.sampled_from([0, 11, 12, 13, 35, 36, 216]))
    rest = draw(st.lists(tlvs, max_size=4))
    if draw(st.booleans()):
        return with_crc32c(*rest)
    whole = v2(
        *rest,
        draw(st.binary(max_size=3)),
        command=draw(st.sampled_from([0x20, 0x21, 0x21, 0x21, 0x22, 0x11])),
        family=draw(families),
        addresses=draw(st.binary(min_size=size, max_size=size)),
    )
    return whole + draw(st.binary(max_size=4))


@settings(max_examples=1000, deadline=None)
@given(lines())
@example(b"PROXY TCP6 0:0:0:0:0:0:0:: ::0:0:0:0:0:0:0 1 2\r\n")
@example(b"PROXY TCP6 1:2:3:4:5:6:1.2.3.4 1:2:3:4:5:6:7:1.2.3.4 1 2\r\n")
@example(b"PROXY TCP6 ::ffff:255.255.255.255 1:2:3:4:5:6:7:: 1 2\r\n")
def test_any_line_of_version_1_is_read_alike(line: bytes) -> None:
    assert_agree(line)


@settings(max_examples=700, deadline=None)
@given(blocks(), st.sampled_from([16, 28, 60, MAXIMUM]))
def test_any_block_of_version_2_is_read_alike(block: bytes, maximum: int) -> None:
    assert_agree(block, maximum)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from([b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11\0"]), st.binary(max_size=150))
def test_any_bytes_are_read_alike(beginning: bytes, rest: bytes) -> None:
    assert_agree(beginning + rest)


def broken() -> Iterator[bytes]:
    """Cut at every byte, and edited as a seed of chance gives."""
    for good in samples():
        yield from (good[:length] for length in range(len(good) + 1))
    yield b"PROXY " + b"x" * 200
    chance = random.Random(1)
    for _ in range(3000):
        edited = bytearray(chance.choice(samples()))
        for _ in range(chance.choice([1, 1, 2, 4])):
            edited[chance.randrange(len(edited))] = chance.choice([0, 1, 3, 0x20, 0x7F, 0xFF, chance.randrange(256)])
        yield bytes(edited[: chance.randrange(len(edited))] if chance.random() < 0.1 else edited)


def test_what_is_cut_or_edited_is_read_alike() -> None:
    for data in broken():
        assert_agree(data)
        assert_agree(data + b"\x10\x0c")


def build(program: Path, *sources: Path, warnings: list[str] = WARNINGS) -> Path:
    command = ["gcc", *warnings, *HARDENING, "-g", f"-I{NATIVE}", *SANITIZE, str(DRIVER), *map(str, sources)]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def drive(program: Path, sent: list[bytes]) -> subprocess.CompletedProcess[str]:
    lines = "".join(f"{data.hex()}\n" for data in sent)
    return subprocess.run([str(program), str(MAXIMUM)], input=lines, capture_output=True, text=True, check=False)


def test_broken_headers_are_read_cleanly(tmp_path: Path) -> None:
    sent = list(broken())
    run = drive(build(tmp_path / "drive_proxy", *SOURCES), sent)
    assert (run.returncode, run.stderr) == (0, "")
    answers = [read_in_python(data, MAXIMUM) for data in sent]
    expected = [answer if isinstance(answer, int) else 1 for answer in answers]
    assert [int(line.split()[0]) for line in run.stdout.splitlines()] == expected


@pytest.mark.parametrize(
    ("file", "check", "data"),
    [
        ("proxy_tlvs.c", "    if (length > tlvs->left - 3)\n        return 0;\n", v2(b"\x02\0\x0c" + b"a" * 8)),
        ("proxy_header.c", "    if (data_len < header->length)\n        return MORE;\n", v2()[:-4]),
    ],
    ids=["of-a-tlv", "of-the-whole"],
)
def test_bound_that_is_not_checked_is_caught(tmp_path: Path, file: str, check: str, data: bytes) -> None:
    """So that a clean run above means something."""
    source = (NATIVE / file).read_text()
    assert check in source
    (tmp_path / file).write_text(source.replace(check, ""))
    others = [path for path in SOURCES if path.name != file]
    run = drive(build(tmp_path / "broken", tmp_path / file, *others, warnings=[]), [data])
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stderr


def test_ignored_answer_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "ignores.c"
    source.write_text('#include "proxy_header.h"\nvoid f(void) { eng_proxy_header_read(0, 0, 0, 0); }\n')
    command = ["gcc", *WARNINGS, f"-I{NATIVE}", "-c", str(source), "-o", "/dev/null"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ignoring return value" in run.stderr
