"""What native/known_good.c accepts by certificates, against the verdict on them: real chains, the real Python path."""

import hashlib
import math
from typing import Any, NamedTuple

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.claims.claim import CertificateClaim, SecretClaim
from engine.errors import FramingFault
from engine.framing.mqtt.connect import read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.gate.compiled_table import CredentialTable, KnownDevice, KnownGoodPolicy, known_good
from engine.gate.interface import AnchorSet, ChainProfile
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.gate.reference.secret import verify_secret
from engine.limits import Limits
from engine.node.known_good import KnownGood
from engine.registry.record import AuthType, CredentialRow, DeviceProtocol
from engine.session.mqtt import ClaimMade, MqttConversation
from engine.verdict.certificate import Evidence, judge_certificate
from engine.verdict.outcome import Accepted, Outcome, ProvedBy
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret
from tests.helpers.chains import BEGIN, END, NOW, anchors, fleet, issue
from tests.helpers.mqtt_packets import WillMessage, connect_packet
from tests.helpers.records import password_for
from tests.native.test_known_good import LIMITS, SEALER, SMALL, fields_of, sealed_row, stamp_near

SECRET = b"0123456789abcdef"
DEVICE, INTERMEDIATE = fleet().device, fleet().intermediate
TRUSTED = anchors(fleet().root)
LIST = (DEVICE.der, INTERMEDIATE.der)
FINGERPRINT = hashlib.sha256(DEVICE.der).hexdigest()
OTHER = issue("device", INTERMEDIATE).der
LISTS: list[tuple[bytes, ...]] = [(), LIST[:1], (*LIST, OTHER), (OTHER, INTERMEDIATE.der), (LIST[1], LIST[0]), (b"",)]
NOWS = [NOW, BEGIN, BEGIN - 1, END - 0.5, END, END + 1]
MAY_BE_ODD = (
    *("device_id", "protocol", "auth_type", "frozen", "activated", "asserted", "sign_type", "stamp", "client_id"),
    *("user_name", "password", "keep_alive", "will", "limits", "fingerprint", "certificates", "now"),
)


class Case(NamedTuple):
    """A CONNECT with these certificates, after the device was accepted with LIST at NOW, if it was."""

    packet: bytes
    certificates: tuple[bytes, ...]
    row: CredentialRow
    policy: VerdictPolicy
    now: float
    limits: Limits


def answer_of_python(case: Case, trusted: AnchorSet = TRUSTED) -> Outcome | None:
    """The verdict; None where CONNECT did not come as far as one."""
    conversation = MqttConversation(case.limits)
    conversation.peer_certificates = case.certificates
    conversation.receive_data(case.packet)
    event = conversation.next_event()
    if not isinstance(event, ClaimMade):
        return None
    claim = event.claim
    credential = SEALER.open_credential(case.row if claim.device_id == case.row.device_id else None)
    if isinstance(claim, SecretClaim):
        return judge_secret(claim, credential, case.now, case.policy, verify_secret)
    chain = VERIFY_CHAIN.reference(claim.leaf, claim.intermediates, trusted, case.now, ChainProfile.DEVICE)
    return judge_certificate(claim, Evidence(chain, is_inactive=False), credential, case.now, case.policy)


def after_the_first(case: Case) -> tuple[CredentialTable, Case]:
    """What the table and the device's row are when it has connected with LIST at NOW, as far as it was let in."""
    device_id, table = case.row.device_id, CredentialTable(4)
    packet = connect_packet(f"{device_id}_0_0_{stamp_near(NOW, 0)}", device_id, None)
    first = case._replace(packet=packet, certificates=LIST, now=NOW, limits=LIMITS)
    outcome = answer_of_python(first)
    if not isinstance(outcome, Accepted):
        return table, case
    conversation = MqttConversation(LIMITS)
    conversation.peer_certificates = LIST
    conversation.receive_data(packet)
    event = conversation.next_event()
    assert isinstance(event, ClaimMade)
    assert isinstance(event.claim, CertificateClaim)
    known = KnownGood(table=table, store=None, sealer=SEALER, limits=LIMITS)
    known.offer(event.claim, SEALER.open_credential(case.row), outcome, 0)
    noted = {"activated": True, "fingerprint": outcome.pin or case.row.fingerprint}
    return table, case._replace(row=msgspec.structs.replace(case.row, **noted))


def answer_of_c(table: CredentialTable, case: Case) -> KnownDevice | None:
    frame = read_packet(case.packet, 0, case.limits.connect_packet_bytes)
    assert frame is not None
    try:
        connect = read_connect(case.packet, *frame[1:])
    except FramingFault:
        return None
    shared = KnownGoodPolicy(case.limits, case.policy.sign_types, case.policy.stamp_window_hours)
    return known_good(table, shared, fields_of(connect), math.floor(case.now), case.certificates)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """All as it should be but for two things at most, so that every check is the one that decides."""
    odd = draw(st.sets(st.sampled_from(MAY_BE_ODD), max_size=2))

    def usual(name: str, value: Any, others: Any) -> Any:
        return draw(st.sampled_from(others)) if name in odd else value

    row = sealed_row(
        draw(st.sampled_from([None, SECRET])),
        None,
        device_id=usual("device_id", "pump_1", ["p", "a_0_1_2025041401", "x" * 128]),
        generation=draw(st.integers(0, 2**63 - 1)),
        protocol=usual("protocol", DeviceProtocol.MQTT, list(DeviceProtocol)),
        auth_type=usual("auth_type", AuthType.CERTIFICATES, list(AuthType)),
        frozen=usual("frozen", False, [True]),
        activated=usual("activated", True, [False]),
        checked_stamp_seen=draw(st.booleans()),
        fingerprint=usual("fingerprint", FINGERPRINT, [None, hashlib.sha256(OTHER).hexdigest()]),
    )
    policy = VerdictPolicy(draw(st.sampled_from(["both", "sticky", "checked-only"])), draw(st.sampled_from([0, 1, 24])))
    now = usual("now", NOW, NOWS)
    stamp = stamp_near(now, draw(st.sampled_from(range(-26, 27))) if "stamp" in odd else 0)
    asserted = usual("asserted", row.device_id, ["pump_2", "pump_1_0", "y" * 129])
    client_id = f"{asserted}_0_{usual('sign_type', draw(st.sampled_from('01')), ['2', ''])}_{stamp}"
    packet = connect_packet(
        usual("client_id", client_id, ["", asserted, f"{client_id}0", client_id[:-1] + "x"]),
        usual("user_name", asserted, [None, "", "pump_2", asserted + "x"]),
        usual("password", None, [b"", b"0" * 64, password_for(SECRET, stamp.encode())]),
        version=draw(st.sampled_from([3, 4, 5])),
        keep_alive=usual("keep_alive", 60, [0, 29, 30, 1200, 1201, 65535]),
        will=usual("will", None, [WillMessage("t", b"", qos, retain) for qos in (0, 1, 2) for retain in (False, True)]),
    )
    return Case(packet, usual("certificates", LIST, LISTS), row, policy, now, usual("limits", LIMITS, [SMALL]))


def own(**fields: Any) -> CredentialRow:
    return msgspec.structs.replace(
        sealed_row(None, None, auth_type=AuthType.CERTIFICATES, fingerprint=FINGERPRINT), **fields
    )


@settings(deadline=None, max_examples=1000)
@given(cases())
@example(
    Case(connect_packet(f"pump_1_0_1_{stamp_near(NOW, 0)}", "pump_1", None), LIST, own(), VerdictPolicy(), NOW, LIMITS)
)
def test_c_accepts_by_certificates_what_python_accepts_with_nothing_to_note_and_nothing_else(case: Case) -> None:
    table, again = after_the_first(case)
    verdict, known = answer_of_python(again), answer_of_c(table, again)

    has_nothing_to_note = isinstance(verdict, Accepted) and not (verdict.first or verdict.checked_stamp or verdict.pin)
    # By other certificates than before Python is asked, and of whom it has not let in before.
    is_as_before = case.certificates == LIST and len(table) == 1
    assert (known is not None) == (has_nothing_to_note and is_as_before)
    if known is not None and isinstance(verdict, Accepted):
        assert isinstance(verdict.proved_by, ProvedBy)
        assert known.proof == verdict.proved_by.leaf_sha256 + verdict.proved_by.anchor_sha256
        assert (known.device_id.decode(), known.generation) == (verdict.device_id, verdict.generation)
