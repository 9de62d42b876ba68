"""CONNECT of MQTT 3.1, 3.1.1 and 5 (section 3.1 in each of them)."""

import struct
from typing import NoReturn

import msgspec

from engine.errors import (
    FramingFault,
    MalformedPacket,
    ProtocolViolation,
    UnknownAuthenticationMethod,
    UnsupportedProtocolVersion,
)
from engine.framing.mqtt.fields import Buffer, check_topic_name, read_binary, read_string
from engine.framing.mqtt.properties import CONNECT_PROPERTIES, WILL_PROPERTIES, Property, read_properties


class Will(msgspec.Struct, frozen=True, gc=False):
    """The Will Message as far as a server without other clients looks at it. `payload` is binary."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(msgspec.Struct, frozen=True, gc=False):
    """A well-formed CONNECT.

    protocol_version: 3 (MQTT 3.1), 4 (3.1.1) or 5. clean_start: Clean Session before MQTT 5. keep_alive: seconds, 0 for
    none. client_id may be empty. What follows the Will is MQTT 5's and has the values that it gives to absent
    properties: session_expiry_interval in seconds, maximum_packet_size in bytes (None: no limit).
    """

    protocol_version: int
    clean_start: bool
    keep_alive: int
    client_id: str
    user_name: str | None
    password: bytes | None
    will: Will | None
    session_expiry_interval: int = 0
    receive_maximum: int = 65_535
    maximum_packet_size: int | None = None
    topic_alias_maximum: int = 0
    request_response_information: bool = False
    request_problem_information: bool = True

    def __repr__(self) -> str:
        """Never the password."""
        return f"<Connect of {self.client_id!r} version {self.protocol_version}>"


# Connect Flags, section 3.1.2.3 (figure 3-4).
_RESERVED = 0x01
_CLEAN_START = 0x02
_WILL = 0x04
_WILL_QOS = 0x18
_WILL_RETAIN = 0x20
_PASSWORD = 0x40
_USER_NAME = 0x80
_USUAL_FLAGS = _USER_NAME | _PASSWORD | _CLEAN_START

_NAME = b"\x00\x04MQTT"
_NAME_3_1 = b"\x00\x06MQIsdp"
_START = struct.Struct(">6sBBH")  # Protocol Name, Protocol Version, Connect Flags, Keep Alive
_START_3_1 = struct.Struct(">8sBBH")
_START_BYTES = _START.size
_read_start = _START.unpack_from


def read_connect(data: Buffer, start: int, end: int) -> Connect:
    """The CONNECT whose body is data[start:end]. Raises a FramingFault, with `protocol_version` once the body gave it.

    UnsupportedProtocolVersion carries the version in which the refusal is worded, None where the Protocol Name is not
    MQTT's and gets no answer. UnknownAuthenticationMethod comes last, from a CONNECT that is otherwise well formed.
    """
    if end - start < _START_BYTES:
        _refuse_start(data, start, end)
    name, version, flags, keep_alive = _read_start(data, start)
    at = start + _START_BYTES
    if name != _NAME or version not in (4, 5):
        version, flags, keep_alive, at = _read_start_3_1(data, start, end)
    try:
        if flags != _USUAL_FLAGS:
            _check_flags(flags, version)
        properties = None
        if version == 5:
            properties, at = read_properties(data, at, end, CONNECT_PROPERTIES)
        client_id, at = read_string(data, at, end)
        will = user_name = password = None
        if flags & _WILL:
            will, at = _read_will(data, at, end, version, flags)
        # MQTT 3.1: "the Remaining Length field from the fixed header takes precedence over the User Name flag", and
        # likewise over the Password flag: a CONNECT that ends where one should begin has none.
        if flags & _USER_NAME and (version != 3 or at < end):
            user_name, at = read_string(data, at, end)
        if flags & _PASSWORD and (version != 3 or at < end):
            password, at = read_binary(data, at, end)
        if at != end:
            raise MalformedPacket("bytes after the last field of CONNECT")
        if properties:
            _check_authentication(properties)
    except FramingFault as fault:
        fault.protocol_version = version
        raise
    connect = Connect(version, flags & _CLEAN_START != 0, keep_alive, client_id, user_name, password, will)
    return _with_properties(connect, properties) if properties else connect


def _read_start_3_1(data: Buffer, start: int, end: int) -> tuple[int, int, int, int]:
    """Protocol Version, Connect Flags, Keep Alive of MQTT 3.1, and the position after them."""
    if end - start < _START_3_1.size:
        _refuse_start(data, start, end)
    name, version, flags, keep_alive = _START_3_1.unpack_from(data, start)
    if name != _NAME_3_1 or version != 3:
        _refuse_start(data, start, end)
    return version, flags, keep_alive, start + _START_3_1.size


def _refuse_start(data: Buffer, start: int, end: int) -> NoReturn:
    """Say what is wrong with a body that does not start as any CONNECT that this server reads."""
    name, at = read_string(data, start, end)
    if name not in ("MQTT", "MQIsdp"):
        raise UnsupportedProtocolVersion("Protocol Name of no MQTT")
    if at >= end:
        raise MalformedPacket("CONNECT ends before the Protocol Version")
    version = data[at]
    if (name, version) in (("MQIsdp", 3), ("MQTT", 4), ("MQTT", 5)):
        raise MalformedPacket("CONNECT ends before the Payload", protocol_version=version)
    # A level from before MQTT 5 "MUST" be told Return code 1 (3.1.1 [MQTT-3.1.2-2]); one from after it knows Reason
    # Codes. mosquitto's bridges set the high bit of the level that they speak, and try again without it when refused.
    worded = 3 if name == "MQIsdp" else 5 if version & 0x7F > 4 else 4
    raise UnsupportedProtocolVersion(f"Protocol Version {version} of {name}", protocol_version=worded)


def _check_flags(flags: int, version: int) -> None:
    """Section 3.1.2.3 and what follows. MQTT 3.1 says "not used" of the reserved bit, and of the Will QoS and the Will
    Retain of a CONNECT without Will that "its value is disregarded".
    """
    if flags & _WILL:
        if flags & _WILL_QOS == _WILL_QOS:
            raise MalformedPacket("Will QoS 3")  # [MQTT-3.1.2-12]
    elif flags & (_WILL_QOS | _WILL_RETAIN) and version != 3:
        raise MalformedPacket("Will QoS or Will Retain without Will Flag")  # [MQTT-3.1.2-11], [MQTT-3.1.2-13]
    if flags & _RESERVED and version != 3:
        raise MalformedPacket("reserved Connect Flag is set")  # [MQTT-3.1.2-3]
    if flags & (_USER_NAME | _PASSWORD) == _PASSWORD and version != 5:
        raise MalformedPacket("Password Flag without User Name Flag")  # 3.1.1 [MQTT-3.1.2-22]; MQTT 5 allows it


def _read_will(data: Buffer, at: int, end: int, version: int, flags: int) -> tuple[Will, int]:
    """Sections 3.1.3.2 to 3.1.3.4: Will Properties (MQTT 5), Will Topic, Will Payload."""
    if version == 5:
        _, at = read_properties(data, at, end, WILL_PROPERTIES)
    topic, at = read_string(data, at, end)
    if not topic:
        raise MalformedPacket("Will Topic is empty")  # [MQTT-4.7.3-1]
    check_topic_name(topic)
    payload, at = read_binary(data, at, end)
    return Will(topic, payload, (flags & _WILL_QOS) >> 3, flags & _WILL_RETAIN != 0), at


def _check_authentication(properties: dict[int, int]) -> None:
    """Sections 3.1.2.11.9 and 3.1.2.11.10, and 4.12: this server offers no Authentication Method."""
    if Property.AUTHENTICATION_METHOD in properties:
        raise UnknownAuthenticationMethod("Authentication Method, and none is offered")
    if Property.AUTHENTICATION_DATA in properties:
        raise ProtocolViolation("Authentication Data without Authentication Method")


def _with_properties(connect: Connect, properties: dict[int, int]) -> Connect:
    """The CONNECT with what its Properties (section 3.1.2.11) say."""
    return msgspec.structs.replace(
        connect,
        session_expiry_interval=properties.get(Property.SESSION_EXPIRY_INTERVAL, 0),
        receive_maximum=properties.get(Property.RECEIVE_MAXIMUM, 65_535),
        maximum_packet_size=properties.get(Property.MAXIMUM_PACKET_SIZE),
        topic_alias_maximum=properties.get(Property.TOPIC_ALIAS_MAXIMUM, 0),
        request_response_information=properties.get(Property.REQUEST_RESPONSE_INFORMATION, 0) == 1,
        request_problem_information=properties.get(Property.REQUEST_PROBLEM_INFORMATION, 1) == 1,
    )
