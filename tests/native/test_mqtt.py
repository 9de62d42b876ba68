"""native/mqtt_*.c by itself: nothing astray under the sanitizers, nothing allocated, work linear in the bytes."""

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from build import HARDENING, WARNINGS
from engine.framing.mqtt.properties import WILL_PROPERTIES
from engine.gate import compiled
from tests.helpers.mqtt_packets import WillMessage, connect_packet, string, two_bytes, user_property, with_length
from tests.helpers.mqtt_streams import seeds

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
SOURCES = [*sorted(NATIVE.glob("mqtt_*.c")), NATIVE / "utf8.c"]
DRIVER = ROOT / "tests" / "native" / "drive_mqtt.c"
SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
MAXIMUM = 32 * 1024
MUTATIONS = 3000


def build(program: Path, *flags: str, sources: Sequence[Path] = SOURCES) -> Path:
    """The driver, by the flags that the module itself is built with."""
    command = ["gcc", *WARNINGS, *HARDENING, "-g", f"-I{NATIVE}", *flags, str(DRIVER), *map(str, sources)]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("native") / "drive_mqtt", *SANITIZE)


@pytest.fixture(scope="module")
def optimised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("native") / "drive_mqtt", "-O2")


def drive(*command: str | Path, lines: Sequence[str], times: int = 1) -> subprocess.CompletedProcess[str]:
    whole = [*command, str(MAXIMUM), str(times)]
    return subprocess.run(whole, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)


def body_of(packet: bytes) -> bytes:
    _, start, end = compiled.read_frame(packet, 1 << 20)
    return packet[start:end]


def case(body: bytes) -> str:
    return f"C{body.hex()}"


def shown(data: bytes | None) -> str:
    return "-" if data is None else f"={data.hex()}"


def expected(body: bytes) -> str:
    """The driver's line, by the module: which tests/listeners/test_parse_connect.py holds to the reference."""
    read = compiled.read_connect(body)
    will = read.will
    texts = [None if read.fault else read.client_id, read.user_name, read.password]
    texts += [will.topic, will.payload] if will else [None, None]
    numbers = [read.clean_start, read.keep_alive, *((1, will.qos, will.retain) if will else (0, 0, 0))]
    numbers += [read.session_expiry_interval, read.receive_maximum, read.maximum_packet_size, read.topic_alias_maximum]
    numbers += [read.request_response_information, read.request_problem_information]
    head = f"{read.fault} {read.protocol_version}"
    return " ".join([head, *map(shown, texts), *(str(int(number)) for number in numbers)])


def bodies() -> Iterator[bytes]:
    """Good, cut at every byte, and edited as a seed of chance gives."""
    good = [body_of(stream) for stream in seeds()]
    for body in good:
        yield from (body[:length] for length in range(len(body) + 1))
    chance = random.Random(1)
    for _ in range(MUTATIONS):
        edited = bytearray(chance.choice(good))
        for _ in range(chance.choice([1, 1, 2, 4])):
            edited[chance.randrange(len(edited))] = chance.choice([0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        yield bytes(edited[: chance.randrange(len(edited))] if chance.random() < 0.2 else edited)


def test_broken_connects_are_read_cleanly_and_as_by_the_module(sanitized: Path) -> None:
    sent = list(bodies())
    run = drive(sanitized, lines=[case(body) for body in sent])
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [expected(body) for body in sent]


def test_broken_fixed_headers_are_read_cleanly_and_as_by_the_module(sanitized: Path) -> None:
    lengths = [b"", b"\0", b"\xff", b"\xff\xff\xff\xff\x01", b"\x80\0", b"\xff\xff\xff\x7f", b"\x02ab", b"\x81\x80\x02"]
    streams = [b"", *(bytes([first]) + length for first in range(256) for length in lengths)]
    run = drive(sanitized, lines=[f"F{stream.hex()}" for stream in streams])
    assert (run.returncode, run.stderr) == (0, "")
    answers = [tuple(map(int, line.split())) for line in run.stdout.splitlines()]
    assert answers == [compiled.read_frame(stream, MAXIMUM) for stream in streams]


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff\x01", b"\xff\xff\xff\xff", b"\xff", b"\x80\x00"])
def test_cve_2026_21888_a_variable_byte_integer_at_the_end_is_not_read_past(sanitized: Path, length: bytes) -> None:
    """NanoMQ read on behind a fifth byte: in a Fixed Header, in CONNECT's Properties, in those of the Will."""
    start = string("MQTT") + b"\5\6" + two_bytes(60)
    inside = [start + length, start + with_length(b"") + string("d") + length]
    run = drive(sanitized, lines=[f"F{(bytes([0x10]) + length).hex()}", *map(case, inside)])
    assert (run.returncode, run.stderr) == (0, "")
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["0" if length == b"\xff" else "2", "1", "1"]


def test_a_cursor_that_does_not_check_is_caught(tmp_path: Path) -> None:
    """So that a clean run above means something."""
    faulty = tmp_path / "mqtt_fields.c"
    source = (NATIVE / "mqtt_fields.c").read_text()
    check = " || length > fields->left"
    assert check in source
    faulty.write_text(source.replace(check, ""))
    others = [path for path in SOURCES if path.name != "mqtt_fields.c"]
    broken = build(tmp_path / "broken", *SANITIZE, sources=[faulty, *others])
    run = drive(broken, lines=[case(string("MQTT") + b"\4\2\0\x3c" + b"\xff\xffd")])
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stderr


def forbidden_will(identifier: int, times: int = 1) -> bytes:
    properties = (bytes([identifier]) + string("x")) * times
    return body_of(connect_packet("d", version=5, will=WillMessage("t", b"p", properties=properties)))


FORBIDDEN = sorted(set(range(256)) - WILL_PROPERTIES)


def test_cve_2023_3592_forbidden_will_properties_leave_nothing_behind(sanitized: Path) -> None:
    """Each forbidden identifier 10,000 times; LeakSanitizer looks at the end."""
    run = drive(sanitized, lines=[case(forbidden_will(identifier)) for identifier in FORBIDDEN], times=10_000)
    assert (run.returncode, run.stderr) == (0, "")
    assert {line.split()[0] for line in run.stdout.splitlines()} == {"1"}
    assert len(run.stdout.splitlines()) == len(FORBIDDEN) >= 65


def test_nothing_is_allocated_and_nothing_is_called_but_memory_functions(tmp_path: Path) -> None:
    """Which says more than a run without a leak: there is no way to keep anything."""
    ours = {"eng_mqtt_", "eng_utf8_"}
    for source in SOURCES:
        built = tmp_path / f"{source.stem}.o"
        command = ["gcc", *WARNINGS, *HARDENING, "-O2", f"-I{NATIVE}", "-c", str(source), "-o", str(built)]
        subprocess.run(command, check=True)
        run = subprocess.run(["nm", "-u", str(built)], check=True, capture_output=True, text=True)
        called = {line.split()[-1] for line in run.stdout.splitlines()}
        foreign = {name for name in called if not name.startswith(tuple(ours))}
        allowed = {"memchr", "memcmp", "memset", "strlen", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}
        assert foreign <= allowed
        data = subprocess.run(["nm", str(built)], check=True, capture_output=True, text=True).stdout
        assert not re.search(r" [bBdDcC] ", data), "no global state"


def instructions(program: Path, body: bytes, tmp_path: Path) -> int:
    """Instructions spent in eng_mqtt_connect_read and below, counted by callgrind."""
    counted = ["--toggle-collect=eng_mqtt_connect_read", f"--callgrind-out-file={tmp_path / 'out'}"]
    run = drive("valgrind", "--tool=callgrind", *counted, program, lines=[case(body)])
    found = re.search(r"Collected\s*:\s*(\d+)", run.stderr)
    assert run.returncode == 0
    assert found is not None, run.stderr
    return int(found[1])


@pytest.mark.system("valgrind")
def test_cve_2021_41039_user_properties_cost_what_their_bytes_cost(optimised: Path, tmp_path: Path) -> None:
    """mosquitto was quadratic: 5,000 properties cost less than 20 times a 65 kB Client Identifier, each the same."""

    def cost(count: int) -> int:
        body = body_of(connect_packet(version=5, properties=user_property("abc", "def") * count))
        return instructions(optimised, body, tmp_path)

    fewer, some, more = cost(3000), cost(4000), cost(5000)
    client_id = instructions(optimised, body_of(connect_packet("x" * 65_535, version=5)), tmp_path)
    assert 65_535 < client_id < 20 * 65_535
    assert more < 20 * client_id
    assert abs((more - some) - (some - fewer)) < 1000


@pytest.mark.system("valgrind")
def test_cve_2023_3592_one_forbidden_will_property_costs_what_10000_cost(optimised: Path, tmp_path: Path) -> None:
    """The first one ends the reading."""
    for identifier in (0x11, 0x23, 0xFF):
        one, many = (instructions(optimised, forbidden_will(identifier, times), tmp_path) for times in (1, 10_000))
        assert one > 0
        assert abs(many - one) < 100


def test_ignored_answer_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "ignores.c"
    source.write_text('#include "mqtt_connect.h"\nvoid f(void) { eng_mqtt_connect_read(0, 0, 0); }\n')
    command = ["gcc", *WARNINGS, f"-I{NATIVE}", "-c", str(source), "-o", "/dev/null"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ignoring return value" in run.stderr
