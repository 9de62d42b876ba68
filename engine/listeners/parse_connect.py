"""`parse_connect` behind the gate: the reference is framing's read_connect, the twin reads in C and builds a Connect.

The native front calls the C parser itself and builds nothing. Through the boundary the twin has to build a Connect,
which costs more than reading one: the gate keeps the reference, and the Trio fronts call that without asking.
"""

import importlib
from collections.abc import Callable
from typing import Protocol

from engine.errors import (
    FramingFault,
    MalformedPacket,
    ProtocolViolation,
    UnknownAuthenticationMethod,
    UnsupportedProtocolVersion,
)
from engine.framing.mqtt.connect import Connect, Will, read_connect
from engine.framing.mqtt.fields import Buffer
from engine.gate.interface import ConnectRead, KnownAnswer, Operation


class ParseConnect(Protocol):
    """The CONNECT whose body is data[start:end]. Raises a FramingFault, as engine.framing.mqtt.connect.read_connect."""

    def __call__(self, data: Buffer, start: int, end: int) -> Connect: ...


_FAULTS: dict[int, type[FramingFault]] = {
    1: MalformedPacket,
    2: ProtocolViolation,
    3: UnsupportedProtocolVersion,
    4: UnknownAuthenticationMethod,
}


def twin_of(read: Callable[[bytes], ConnectRead]) -> ParseConnect:
    """What reads in C, in framing's terms: the same Connect, or a fault of the same kind and protocol_version."""

    def parse_connect(data: Buffer, start: int, end: int) -> Connect:
        found = read(bytes(data[start:end]))
        if found.fault:
            fault = _FAULTS[found.fault]
            raise fault("CONNECT", protocol_version=found.protocol_version or None)
        will = found.will
        return Connect(
            found.protocol_version,
            found.clean_start,
            found.keep_alive,
            found.client_id.decode(),
            None if found.user_name is None else found.user_name.decode(),
            found.password,
            None if will is None else Will(will.topic.decode(), will.payload, will.qos, will.retain),
            found.session_expiry_interval,
            found.receive_maximum,
            found.maximum_packet_size or None,
            found.topic_alias_maximum,
            found.request_response_information,
            found.request_problem_information,
        )

    return parse_connect


def _native() -> ParseConnect:
    """The compiled twin. ImportError where the module was not built."""
    return twin_of(importlib.import_module("engine.gate.compiled").read_connect)


def _string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


_ID, _CLIENT_ID, _PASSWORD = b"6a4d2c1b_thermostat01", b"6a4d2c1b_thermostat01_0_0_2026112222", b"0123456789abcdef" * 4
_EVERYDAY = b"\0\4MQTT\4\xc2\0\x78" + _string(_CLIENT_ID) + _string(_ID) + _string(_PASSWORD)
# MQTT 3.1, which ends where a User Name could begin.
_OF_3_1 = b"\0\6MQIsdp\3\xc3\0\x3c" + _string(b"d")
# Every number among the Properties, a Will with a property, no User Name but a Password.
_NUMBERS = b"\x11\0\0\0\1\x21\0\2\x27\0\0\0\3\x22\0\4\x19\1\x17\0"
_WILL = b"\5\x18\0\0\0\7" + _string(b"t") + _string(b"p")
_OF_5 = (
    b"\0\4MQTT\5\x6c\0\0" + bytes((len(_NUMBERS),)) + _NUMBERS + _string("h\u00e4".encode()) + _WILL + _string(b"\0")
)

PARSE_CONNECT: Operation[ParseConnect] = Operation(
    name="parse_connect",
    reference=read_connect,
    native=_native,
    known_answers=(
        KnownAnswer(
            (_EVERYDAY, 0, len(_EVERYDAY)),
            Connect(4, True, 120, _CLIENT_ID.decode(), _ID.decode(), _PASSWORD, None),
        ),
        KnownAnswer((b"x" + _OF_3_1 + b"x", 1, 1 + len(_OF_3_1)), Connect(3, True, 60, "d", None, None, None)),
        KnownAnswer(
            (_OF_5, 0, len(_OF_5)),
            Connect(5, False, 0, "h\u00e4", None, b"\0", Will("t", b"p", 1, True), 1, 2, 3, 4, True, False),
        ),
    ),
)
"""The first is what a device sends: 137 bytes, MQTT 3.1.1."""
