"""native/known_good.c against the verdict: C accepts what Python accepts with nothing to note. No secret tells.

The Python side is the real one, from the bytes of CONNECT on: MqttConversation, claim_from_connect, judge_secret.
"""

import hashlib
import math
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from build import HARDENING, WARNINGS
from engine.claims.claim import SecretClaim, SignType
from engine.errors import FramingFault
from engine.framing.mqtt.connect import Connect, read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.gate.compiled_table import ConnectFields, CredentialTable, KnownDevice, KnownGoodPolicy, known_good
from engine.gate.reference.secret import verify_secret
from engine.limits import Limits
from engine.node.known_good import KnownGood
from engine.registry.record import AuthType, CredentialRow, DeviceProtocol
from engine.registry.sealing import Slot
from engine.session.mqtt import ClaimMade, MqttConversation
from engine.verdict.outcome import Accepted, Outcome
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret
from tests.helpers.mqtt_packets import WillMessage, connect_packet
from tests.helpers.records import PUBLISHED_PASSWORD, SECRET, STAMP, STAMP_AT, credential_row, password_for
from tests.helpers.stores import new_sealer
from tests.native.test_credential_table import SOURCES

ROOT = Path(__file__).parents[2]
SEALER = new_sealer()
SECRETS = (SECRET, b"0123456789abcdef0123456789abcdef", b"\x00" * 8)
LIMITS = Limits()
SMALL = msgspec.structs.replace(
    LIMITS,
    client_id_bytes=24,
    user_name_bytes=6,
    password_bytes=64,
    keep_alive_minimum_seconds=0,
    keep_alive_maximum_seconds=60,
)


def sealed_row(primary: bytes | None, secondary: bytes | None, **fields: Any) -> CredentialRow:
    row = credential_row(**fields)

    def sealed(secret: bytes | None, slot: Slot) -> bytes | None:
        return None if secret is None else SEALER.seal(secret, row.project_id, row.record_id, slot)

    return msgspec.structs.replace(
        row, sealed_primary=sealed(primary, Slot.PRIMARY), sealed_secondary=sealed(secondary, Slot.SECONDARY)
    )


def answer_of_python(
    packet: bytes, row: CredentialRow, policy: VerdictPolicy, now: float, limits: Limits
) -> Outcome | None:
    """The verdict; None where CONNECT did not come as far as one."""
    conversation = MqttConversation(limits)
    conversation.receive_data(packet)
    event = conversation.next_event()
    if not isinstance(event, ClaimMade):
        return None
    assert isinstance(event.claim, SecretClaim)
    credential = SEALER.open_credential(row if event.claim.device_id == row.device_id else None)
    return judge_secret(event.claim, credential, now, policy, verify_secret)


def fields_of(connect: Connect) -> ConnectFields:
    will = connect.will
    return ConnectFields(
        client_id=connect.client_id.encode(),
        user_name=None if connect.user_name is None else connect.user_name.encode(),
        password=connect.password,
        protocol_version=connect.protocol_version,
        keep_alive=connect.keep_alive,
        has_will=will is not None,
        will_qos=will.qos if will else 0,
        will_retain=will.retain if will else False,
    )


def answer_of_c(
    packet: bytes, row: CredentialRow, policy: VerdictPolicy, now: float, limits: Limits
) -> KnownDevice | None:
    """Of a table in which the device is, if it may be."""
    frame = read_packet(packet, 0, limits.connect_packet_bytes)
    assert frame is not None
    try:
        connect = read_connect(packet, *frame[1:])
    except FramingFault:
        return None
    table = CredentialTable(4)
    known = KnownGood(table=table, store=None, sealer=SEALER, limits=limits)
    claim = SecretClaim(row.device_id, row.device_id, None, SignType.STAMP_NOT_JUDGED, STAMP)
    accepted = Accepted(row.device_id, row.record_id, row.generation, first=False, checked_stamp=False)
    known.offer(claim, SEALER.open_credential(row), accepted, 0)
    shared = KnownGoodPolicy(limits, policy.sign_types, policy.stamp_window_hours)
    return known_good(table, shared, fields_of(connect), math.floor(now))


def stamp_near(now: float, hours: int) -> str:
    return time.strftime("%Y%m%d%H", time.gmtime(max(0.0, now + 3600 * hours)))


ODD_STAMPS = ["0000000000", "1969123123", "1970010100", "2025023001", "2024022923", "2025041424", "2025130101"]
NOWS = [STAMP_AT, STAMP_AT - 0.5, STAMP_AT + 3599.9, 1709164800.0, 1709251199.0, 4102444800.0, 0.0, 951782400.0]


MAY_BE_ODD = (
    *("device_id", "protocol", "auth_type", "frozen", "activated", "timeout_at", "asserted", "sign_type", "client_id"),
    *("user_name", "password", "secret", "keep_alive", "will", "limits", "stamp"),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, CredentialRow, VerdictPolicy, float, Limits]:
    """All as it should be but for two things at most, so that every check is the one that decides."""
    odd = draw(st.sets(st.sampled_from(MAY_BE_ODD), max_size=2))

    def usual(name: str, value: Any, others: Any) -> Any:
        return draw(st.sampled_from(others)) if name in odd else value

    primary, secondary = draw(st.sampled_from([(0, None), (0, 1), (None, 1), (1, 2)]))
    if "secret" in odd:
        primary, secondary = draw(st.sampled_from([(None, None), (0, None), (None, 0), (0, 0)]))
    row = sealed_row(
        None if primary is None else SECRETS[primary],
        None if secondary is None else SECRETS[secondary],
        device_id=usual("device_id", "pump_1", ["p", "a_0_1_2025041401", "-_-", "x" * 128, "d" * 127]),
        generation=draw(st.integers(0, 2**63 - 1)),
        protocol=usual("protocol", DeviceProtocol.MQTT, list(DeviceProtocol)),
        auth_type=usual("auth_type", AuthType.SECRET, list(AuthType)),
        frozen=usual("frozen", False, [True]),
        activated=usual("activated", True, [False]),
        checked_stamp_seen=draw(st.booleans()),
        timeout_at=usual("timeout_at", None, [0, 2**40]),
    )
    policy = VerdictPolicy(draw(st.sampled_from(["both", "sticky", "checked-only"])), draw(st.sampled_from([0, 1, 24])))
    now = draw(st.sampled_from(NOWS))
    stamp = stamp_near(now, draw(st.integers(-1, 1)))
    if "stamp" in odd:
        hours = st.integers(-26, 26).map(lambda hours: stamp_near(now, hours))
        stamp = draw(st.one_of(hours, st.sampled_from(ODD_STAMPS)))
    asserted = usual("asserted", row.device_id, ["pump_2", "", "pump_1_0", "Pump_1", "y" * 129, "pümp", "p/1"])
    sign_type = usual("sign_type", draw(st.sampled_from("01")), ["2", "", "x"])
    client_id = f"{asserted}_0_{sign_type}_{stamp}"
    others = [
        "",
        "pump_1",
        f"{asserted}_1_0_{stamp}",
        f"{client_id}\n",
        f"{client_id}0",
        client_id[:-1] + "x",
        "x" * 300,
    ]
    held = [SECRETS[one] for one in (primary, secondary) if one is not None]
    own = password_for(draw(st.sampled_from(held or SECRETS)), stamp.encode())
    wrong = [None, b"", own.upper(), own[:63], own + b"0", own + own, b"0" * 64, b"\x00" * 64, b"x" * 300]
    packet = connect_packet(
        usual("client_id", client_id, others),
        usual("user_name", asserted, [None, "", "pump_2", asserted + "x", asserted[:-1], asserted.upper()]),
        usual("password", own, [*wrong, password_for(b"another secret", stamp.encode())]),
        version=draw(st.sampled_from([3, 4, 5])),
        keep_alive=usual("keep_alive", 60, [0, 29, 30, 31, 1199, 1200, 1201, 65535]),
        will=usual("will", None, [WillMessage("t", b"", qos, retain) for qos in (0, 1, 2) for retain in (False, True)]),
    )
    return packet, row, policy, now, usual("limits", LIMITS, [SMALL])


PUBLISHED = connect_packet(f"pump_1_0_1_{STAMP.decode()}", "pump_1", PUBLISHED_PASSWORD)
SEEN = sealed_row(SECRET, None, checked_stamp_seen=True)


@settings(deadline=None, max_examples=1500)
@given(cases())
@example((PUBLISHED, SEEN, VerdictPolicy(), STAMP_AT, LIMITS))
def test_c_accepts_what_python_accepts_with_nothing_to_note_and_nothing_else(
    case: tuple[bytes, CredentialRow, VerdictPolicy, float, Limits],
) -> None:
    packet, row, policy, now, limits = case
    verdict = answer_of_python(packet, row, policy, now, limits)
    known = answer_of_c(packet, row, policy, now, limits)

    has_nothing_to_note = isinstance(verdict, Accepted) and not (verdict.first or verdict.checked_stamp)
    assert (known is not None) == has_nothing_to_note
    if known is not None and isinstance(verdict, Accepted):
        assert (known.device_id.decode(), known.record_id.hex(), known.generation) == (
            verdict.device_id,
            verdict.record_id,
            verdict.generation,
        )


def test_published_vector_is_accepted_by_c() -> None:
    known = answer_of_c(PUBLISHED, SEEN, VerdictPolicy(), STAMP_AT, LIMITS)
    assert known is not None
    assert known.sign_type == 1


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2024, 2025, 2026, 2100, 2400, 9999])
def test_calendar_is_that_of_the_verdict(year: int) -> None:
    """Every day that there is and some that there are not; a window of no hours, so that each must be met exactly."""
    for month in range(14):
        for day in (0, 1, 28, 29, 30, 31, 32):
            stamp = f"{year:04}{month:02}{day:02}23"
            packet = connect_packet(f"pump_1_0_1_{stamp}", "pump_1", password_for(SECRET, stamp.encode()))
            # timegm goes on counting where a month is over: a day that does not exist has a second all the same.
            wall = _seconds_of(year, month, day, 23)
            policy = VerdictPolicy("both", 0)
            is_accepted = isinstance(answer_of_python(packet, SEEN, policy, wall, LIMITS), Accepted)
            assert (answer_of_c(packet, SEEN, policy, wall, LIMITS) is not None) == is_accepted, stamp


def _seconds_of(year: int, month: int, day: int, hour: int) -> float:
    days = sum(365 + (y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)) for y in range(1970, year))
    lengths = (
        0,
        31,
        28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)),
        *(31, 30, 31, 30, 31, 31, 30, 31, 30),
    )
    return 86400.0 * (days + sum(lengths[:month]) + day - 1) + 3600 * hour


@pytest.mark.system("valgrind")
class TestMemcheck:
    RIGHT = (PUBLISHED_PASSWORD.decode(), password_for(b"abcdefgh" * 4).decode())
    WRONG = ("0" * 64, RIGHT[0][:-1] + "g", hashlib.sha256(b"").hexdigest())
    WRAPPED = "-Wl,--wrap=eng_credential_unseal,--wrap=eng_secret_verify_by"

    def memcheck(self, tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "drive_known_good"
        command = ["gcc", *WARNINGS, *HARDENING, "-O2", "-g", f"-I{ROOT / 'native'}", self.WRAPPED, *flags]
        driver = ROOT / "tests" / "native" / "drive_known_good.c"
        subprocess.run([*command, driver, *SOURCES, "-lcrypto", "-o", program], check=True)
        valgrind = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"]
        return subprocess.run(
            [*valgrind, program, *self.RIGHT, *self.WRONG], env=os.environ, capture_output=True, text=True, check=False
        )

    def test_no_branch_and_no_address_depends_on_an_unsealed_secret(self, tmp_path: Path) -> None:
        run = self.memcheck(tmp_path)
        assert (run.returncode, run.stderr, run.stdout) == (0, "", "1\n1\n0\n0\n0\n")

    def test_fault_that_tells_a_secret_is_caught(self, tmp_path: Path) -> None:
        run = self.memcheck(tmp_path, "-DEARLY_EXIT")
        assert run.returncode == 9
        assert "Conditional jump or move depends on uninitialised value" in run.stderr
