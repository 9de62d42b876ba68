"""`mqtt_front` behind the gate: which fronts serve MQTT, those of Trio (mqtt.py) or the native one (native_mqtt.py).

Measured is the arithmetic of an everyday CONNECT, because a storm is made of it: frame, read, judge, write CONNACK. The
reference does it as the Trio fronts do, with a credential that was read and unsealed already; the twin is the C that
serves (native/front_verdict.c), which also finds and unseals its entry. What neither does here, sockets, sessions and
tasks, is dearer in Trio as well: a node gains more than the ratio says.
"""

import importlib
from typing import Protocol

from engine.claims.claim import SecretClaim
from engine.gate.interface import KnownAnswer, Operation
from engine.gate.reference.secret import verify_secret
from engine.limits import Limits
from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol
from engine.session.mqtt import ClaimMade, MqttConversation
from engine.verdict.outcome import Accepted
from engine.verdict.policy import VerdictPolicy
from engine.verdict.secret import judge_secret


class AnswerConnect(Protocol):
    """CONNACK and the Keep Alive in force (seconds) for `packet`, one Control Packet, at `now` (epoch seconds).

    For a front that knows one device, DEVICE. b"" and 0 where that alone does not answer the packet: it is no CONNECT,
    of another device, refused, or there is something to note.
    """

    def __call__(self, packet: bytes, now: float) -> tuple[bytes, int]: ...


_LIMITS = Limits()
_POLICY = VerdictPolicy("both", 1)

# The secret and the passwords of the vector that the service publishes (mqtt-device.md C.1).
DEVICE = Credential(
    row=CredentialRow(
        device_id="6a4d2c1b_thermostat01",
        record_id="0" * 24,
        project_id="",
        node_id="",
        generation=1,
        protocol=DeviceProtocol.MQTT,
        auth_type=AuthType.SECRET,
        frozen=False,
        secure_access=True,
        activated=True,
        checked_stamp_seen=True,
        timeout_at=None,
        sealed_primary=None,
        sealed_secondary=None,
        fingerprint=None,
        secondary_fingerprint=None,
    ),
    known=True,
    primary=b"12345678",
    has_primary=True,
    secondary=b"87654321",
    has_secondary=True,
)


def answer_connect(packet: bytes, now: float) -> tuple[bytes, int]:
    """As AnswerConnect, by the rooms that define it."""
    conversation = MqttConversation(_LIMITS)
    conversation.receive_data(packet)
    made = conversation.next_event()
    if not isinstance(made, ClaimMade) or not isinstance(made.claim, SecretClaim):
        return b"", 0
    if made.claim.device_id != DEVICE.row.device_id:
        return b"", 0
    outcome = judge_secret(made.claim, DEVICE, now, _POLICY, verify_secret)
    if not isinstance(outcome, Accepted) or outcome.first or outcome.checked_stamp:
        return b"", 0
    conversation.receive_verdict(outcome)
    connack = conversation.data_to_send()
    return (connack, conversation.keep_alive_seconds) if connack else (b"", 0)


def _native() -> AnswerConnect:
    """The compiled twin. ImportError where the module was not built, OSError where no memory may be locked."""
    compiled_table = importlib.import_module("engine.gate.compiled_table")
    compiled_verdict = importlib.import_module("engine.gate.compiled_verdict")
    words_of = importlib.import_module("engine.listeners.native_words").words_of
    table = compiled_table.CredentialTable(1)
    row = DEVICE.row
    table.put(
        row.device_id.encode(),
        bytes.fromhex(row.record_id),
        row.generation,
        checked_stamp_seen=row.checked_stamp_seen,
        primary=DEVICE.primary,
        secondary=DEVICE.secondary,
    )
    policy = compiled_table.KnownGoodPolicy(_LIMITS, _POLICY.sign_types, _POLICY.stamp_window_hours)
    twin: AnswerConnect = compiled_verdict.FrontVerdict(table, policy, words_of(_LIMITS), _LIMITS)
    return twin


def _string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


_STAMP, _AT = b"2025041401", 1744592400.0  # 2025-04-14T01:00:00Z
_PRIMARY = b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"
_SECONDARY = b"3a3056c75751240f871453fa5247981dcda9b769a16cffeb97c4f1704177a18b"


def _connect(
    *,
    version: int = 4,
    keep_alive: int = 120,
    properties: bytes = b"",
    sign_type: bytes = b"1",
    user_name: bytes = b"6a4d2c1b_thermostat01",
    password: bytes = _PRIMARY,
) -> bytes:
    """CONNECT of DEVICE, but for what is told."""
    start = b"\0\4MQTT" + bytes((version, 0xC2)) + keep_alive.to_bytes(2, "big")
    of_5 = bytes((len(properties),)) + properties if version == 5 else b""
    client_id = b"6a4d2c1b_thermostat01_0_" + sign_type + b"_" + _STAMP
    body = start + of_5 + _string(client_id) + _string(user_name) + _string(password)
    return b"\x10" + bytes((len(body) & 0x7F | 0x80, len(body) >> 7)) + body


_EXPIRY_ASKED, _SMALL_CLIENT = b"\x11\0\0\0\x3c", b"\x27\0\0\0\x10"
_CONNACK = b"\x20\2\0\0"
# Maximum QoS 1, no retain, Maximum Packet Size 1 MiB, no Subscription Identifiers, no Shared Subscriptions.
_PROPERTIES_5 = b"\x24\1\x25\0\x27\0\x10\0\0\x29\0\x2a\0"
_ASK = b"", 0


def _connack_5(properties: bytes) -> bytes:
    return b"\x20" + bytes((3 + len(properties),)) + b"\0\0" + bytes((len(properties),)) + properties


MQTT_FRONT: Operation[AnswerConnect] = Operation(
    name="mqtt_front",
    reference=answer_connect,
    native=_native,
    known_answers=(
        KnownAnswer((_connect(), _AT), (_CONNACK, 120)),
        KnownAnswer((_connect(password=_SECONDARY), _AT), (_CONNACK, 120)),
        KnownAnswer((_connect(sign_type=b"0"), _AT + 1e6), (_CONNACK, 120)),
        KnownAnswer((_connect(version=5), _AT), (_connack_5(_PROPERTIES_5), 120)),
        KnownAnswer((_connect(version=5, keep_alive=1), _AT), (_connack_5(_PROPERTIES_5 + b"\x13\0\x1e"), 30)),
        KnownAnswer((_connect(version=5, keep_alive=0), _AT), (_connack_5(_PROPERTIES_5 + b"\x13\x04\xb0"), 1200)),
        KnownAnswer(
            (_connect(version=5, keep_alive=1201, properties=_EXPIRY_ASKED), _AT),
            (_connack_5(b"\x11\0\0\0\0" + _PROPERTIES_5 + b"\x13\x04\xb0"), 1200),
        ),
        # Python is to be asked about all that follow.
        KnownAnswer((_connect(version=5, properties=_SMALL_CLIENT), _AT), _ASK),
        KnownAnswer((_connect(version=3), _AT), _ASK),
        KnownAnswer((_connect(keep_alive=29), _AT), _ASK),
        KnownAnswer((_connect(keep_alive=0), _AT), _ASK),
        KnownAnswer((_connect(), _AT + 7200), _ASK),
        KnownAnswer((_connect(sign_type=b"2"), _AT), _ASK),
        KnownAnswer((_connect(user_name=b"6a4d2c1b_thermostat02"), _AT), _ASK),
        KnownAnswer((_connect(password=_PRIMARY.upper()), _AT), _ASK),
        KnownAnswer((_connect(password=b""), _AT), _ASK),
        KnownAnswer((_connect()[:-1], _AT), _ASK),
        KnownAnswer((b"\xc0\0", _AT), _ASK),
        KnownAnswer((b"", _AT), _ASK),
    ),
)
"""The first is what a device sends: 140 bytes, MQTT 3.1.1, its hour judged."""
