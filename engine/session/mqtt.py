"""The MQTT conversation, sans I/O: bytes in, events and bytes out; one object per Network Connection.

The caller feeds `receive_data`, takes `next_event`, answers a claim with `receive_verdict`, writes `data_to_send`, and
closes when `is_over`. Nothing here raises on a peer's bytes: a fault becomes a refusal in the version the peer speaks.
"""

import enum
from collections.abc import Callable

import msgspec

from engine.claims.claim import DeviceClaim, NoClaim
from engine.claims.from_mqtt import claim_from_connect
from engine.errors import (
    FramingFault,
    MalformedPacket,
    PacketTooLarge,
    ProtocolViolation,
    UnknownAuthenticationMethod,
    UnsupportedProtocolVersion,
)
from engine.framing.mqtt import control
from engine.framing.mqtt.connect import Connect, read_connect
from engine.framing.mqtt.fixed_header import PacketType, read_packet
from engine.limits import Limits
from engine.session.replies import REPLIES
from engine.session.table import CloseReason
from engine.session.topics import is_own_downlink
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

_FAULT_REASONS: dict[type[FramingFault], Reason] = {
    MalformedPacket: Reason.MALFORMED_PACKET,
    ProtocolViolation: Reason.PROTOCOL_ERROR,
    UnsupportedProtocolVersion: Reason.UNSUPPORTED_PROTOCOL_VERSION,
    UnknownAuthenticationMethod: Reason.UNKNOWN_AUTHENTICATION_METHOD,
    PacketTooLarge: Reason.PACKET_TOO_LARGE,
}
_CLOSE_CODES = {
    CloseReason.TAKEN_OVER: 0x8E,
    CloseReason.ADMINISTRATIVE: 0x98,
    CloseReason.SHUTTING_DOWN: 0x8B,
}
_NO_MATCHING_SUBSCRIBERS = 0x10
_SUCCESS, _NO_SUBSCRIPTION_EXISTED = 0x00, 0x11
_SUBACK_FAILURE_V3, _NOT_AUTHORIZED, _QUOTA_EXCEEDED = 0x80, 0x87, 0x97


class State(enum.IntEnum):
    """Where the conversation stands."""

    CONNECT_AWAITED = enum.auto()
    VERDICT_AWAITED = enum.auto()
    CONNECTED = enum.auto()
    OVER = enum.auto()


class ClaimMade(msgspec.Struct, frozen=True, gc=False):
    """CONNECT is complete and makes a claim: the caller has it judged and answers with receive_verdict."""

    claim: DeviceClaim


class Refused(msgspec.Struct, frozen=True):
    """CONNECT was refused without a verdict on a claim; `device_id` where one was named in the right form."""

    reason: Reason
    device_id: str | None = None


class Broken(msgspec.Struct, frozen=True):
    """A connected device broke the protocol and the conversation is over."""

    reason: Reason


class Discarded(msgspec.Struct, frozen=True):
    """A PUBLISH of so many bytes was taken and discarded: the engine is not a message broker (DESIGN section 9)."""

    payload_bytes: int


Event = ClaimMade | Refused | Broken | Discarded


class MqttConversation:
    """One Network Connection of MQTT 3.1, 3.1.1 or 5, in mode `hold`."""

    __slots__ = (
        "_buffer",
        "_client_maximum",
        "_connect",
        "_device_id",
        "_events",
        "_limits",
        "_maximum",
        "_output",
        "_subscriptions",
        "_version",
        "keep_alive_seconds",
        "peer_certificates",
        "state",
    )

    def __init__(self, limits: Limits) -> None:
        self.state = State.CONNECT_AWAITED
        self.keep_alive_seconds = 0
        """The Keep Alive in force, once connected."""
        self.peer_certificates: tuple[bytes, ...] = ()
        """The certificates (DER, end entity first) whose key the peer has proved to hold; set before any data."""
        self._limits = limits
        self._maximum = limits.connect_packet_bytes
        self._buffer = bytearray()
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._connect: Connect | None = None
        self._version: int | None = None
        self._client_maximum: int | None = None
        self._device_id = ""
        self._subscriptions: set[str] = set()

    @classmethod
    def resumed(cls, limits: Limits, *, device_id: str, version: int, client_maximum: int | None) -> "MqttConversation":
        """A live session without subscriptions, between two packets; the rest is as its CONNECT had it."""
        conversation = cls(limits)
        conversation.state, conversation._maximum = State.CONNECTED, limits.packet_bytes
        conversation._device_id, conversation._version = device_id, version
        conversation._client_maximum = client_maximum
        return conversation

    @property
    def is_resumable(self) -> bool:
        """Whether `resumed` makes another like it: a live session of which nothing more is kept."""
        return self.state is State.CONNECTED and not self._subscriptions and not self._buffer

    @property
    def version(self) -> int | None:
        """The protocol version that the peer speaks: 3, 4 or 5; None before it is known."""
        return self._version

    @property
    def client_maximum(self) -> int | None:
        """The client's Maximum Packet Size in bytes, None for no limit."""
        return self._client_maximum

    @property
    def is_over(self) -> bool:
        """Whether the Network Connection is to be closed once data_to_send is written."""
        return self.state is State.OVER

    @property
    def held_bytes(self) -> int:
        """Bytes of the peer that are kept."""
        return len(self._buffer)

    def next_event(self) -> Event | None:
        """The oldest event not yet taken."""
        return self._events.pop(0) if self._events else None

    def data_to_send(self) -> bytes:
        """What is to be written now; taken, so that the next call answers what came since."""
        data = b"".join(self._output)
        self._output.clear()
        return data

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer. Stops reading packets while a verdict is awaited."""
        if self.state is State.OVER:
            return
        self._buffer += data
        self._read_packets()

    def receive_verdict(self, outcome: Outcome) -> None:
        """The answer to ClaimMade: CONNACK is written, and the packets behind CONNECT are read."""
        if self.state is not State.VERDICT_AWAITED or self._connect is None:
            return
        if isinstance(outcome, Rejected):
            self._refuse(outcome.reason)
            return
        self._accept(self._connect, outcome)
        if self._buffer:
            self._read_packets()

    def refuse(self, reason: Reason) -> None:
        """End the conversation before a verdict, worded for the version that the peer speaks."""
        if self.state in (State.CONNECT_AWAITED, State.VERDICT_AWAITED):
            self._refuse(reason)

    def close(self, reason: CloseReason) -> None:
        """End a live session; a version 5 device is told why (MQTT 5 section 3.14)."""
        if self.state is State.CONNECTED and self._version == 5:
            self._send(write_closed(reason))
        self._end()

    def _end(self) -> None:
        self.state, self._connect = State.OVER, None
        self._buffer.clear()

    # Reading

    def _read_packets(self) -> None:
        try:
            while (readers := _READERS.get(self.state)) is not None:
                packet = read_packet(self._buffer, 0, self._maximum)
                if packet is None:
                    return
                first_byte, start, end = packet
                read = readers.get(first_byte >> 4)
                if read is None:
                    raise ProtocolViolation(f"a packet of type {first_byte >> 4} has no place here")
                read(self, first_byte, start, end)
                del self._buffer[:end]
        except FramingFault as fault:
            self._break(fault)

    def _break(self, fault: FramingFault) -> None:
        reason = _FAULT_REASONS[type(fault)]
        if self.state is State.CONNECTED:
            self._end_session(reason)
            return
        if self._version is None:
            self._version = fault.protocol_version
        self._refuse_unjudged(reason)

    def _end_session(self, reason: Reason) -> None:
        if self._version == 5:
            self._send(control.write_disconnect(REPLIES[reason].mqtt5))
        self._events.append(Broken(reason))
        self._end()

    # Before the verdict

    def _read_connect(self, _first_byte: int, start: int, end: int) -> None:
        connect = read_connect(self._buffer, start, end)
        self._connect, self._version = connect, connect.protocol_version
        claim = claim_from_connect(connect, self._limits, self.peer_certificates)
        reason = self._unfit(connect, claim)
        if reason is not None or isinstance(claim, NoClaim):
            device_id = None if isinstance(claim, NoClaim) else claim.device_id
            self._refuse_unjudged(reason or Reason.CLIENT_IDENTIFIER_NOT_VALID, device_id)
            return
        self.state = State.VERDICT_AWAITED
        self._events.append(ClaimMade(claim))

    def _unfit(self, connect: Connect, claim: DeviceClaim | NoClaim) -> Reason | None:
        """What is wrong with CONNECT whoever the device is; checked before any password work."""
        if isinstance(claim, NoClaim):
            return Reason.CLIENT_IDENTIFIER_NOT_VALID
        if connect.protocol_version < 5:
            limits = self._limits
            fits = limits.keep_alive_minimum_seconds <= connect.keep_alive <= limits.keep_alive_maximum_seconds
            return None if fits else Reason.KEEP_ALIVE_OUT_OF_RANGE
        if connect.will is not None and connect.will.qos > 1:
            return Reason.QOS_NOT_SUPPORTED
        if connect.will is not None and connect.will.retain:
            return Reason.RETAIN_NOT_SUPPORTED
        return None

    def _refuse_unjudged(self, reason: Reason, device_id: str | None = None) -> None:
        self._events.append(Refused(reason, device_id))
        self._refuse(reason)

    def _refuse(self, reason: Reason) -> None:
        reply = REPLIES[reason]
        if self._version is None:
            pass  # what the peer speaks is not known: closed without a word
        elif self._version >= 5:
            self._send(control.write_connack(5, session_present=False, code=reply.mqtt5))
        elif reply.mqtt3 is not None:
            self._send(control.write_connack(self._version, session_present=False, code=reply.mqtt3))
        self._end()

    # After the verdict

    def _accept(self, connect: Connect, accepted: Accepted) -> None:
        self.state, self._connect, self._device_id = State.CONNECTED, None, accepted.device_id
        self._maximum = self._limits.packet_bytes
        self.keep_alive_seconds = keep_alive_in_force(connect.protocol_version, connect.keep_alive, self._limits)
        self._client_maximum = connect.maximum_packet_size
        self._send(
            write_accepted(
                connect.protocol_version,
                connect.keep_alive,
                self._limits,
                is_expiry_asked=connect.session_expiry_interval != 0,
            )
        )

    def _send(self, packet: bytes) -> None:
        """A packet over the client's Maximum Packet Size is dropped, not sent [MQTT-3.1.2-24]."""
        if self._client_maximum is None or len(packet) <= self._client_maximum:
            self._output.append(packet)

    def _read_pingreq(self, _first_byte: int, start: int, end: int) -> None:
        control.read_pingreq(start, end)
        self._send(control.PINGRESP)

    def _read_disconnect(self, _first_byte: int, start: int, end: int) -> None:
        control.read_disconnect(self._buffer, start, end, self._version or 4)
        self._end()

    def _read_publish(self, first_byte: int, start: int, end: int) -> None:
        publish = control.read_publish(self._buffer, first_byte, start, end, self._version or 4)
        if publish.qos > 1:
            self._end_session(Reason.QOS_NOT_SUPPORTED)
            return
        if publish.retain and self._version == 5:
            self._end_session(Reason.RETAIN_NOT_SUPPORTED)
            return
        self._events.append(Discarded(publish.payload_bytes))
        if publish.packet_identifier is not None:
            code = _NO_MATCHING_SUBSCRIBERS if self._version == 5 else _SUCCESS
            self._send(control.write_puback(self._version or 4, publish.packet_identifier, code))

    def _read_subscribe(self, _first_byte: int, start: int, end: int) -> None:
        subscribe = control.read_subscribe(self._buffer, start, end, self._version or 4)
        codes = [self._grant(wanted.topic_filter, wanted.qos) for wanted in subscribe.subscriptions]
        self._send(control.write_suback(self._version or 4, subscribe.packet_identifier, codes))

    def _grant(self, topic_filter: str, qos: int) -> int:
        """The granted QoS, or the failure in the words of the version (MQTT 5 section 3.9.3)."""
        is_fit = len(topic_filter.encode()) <= self._limits.topic_bytes and is_own_downlink(
            topic_filter, self._device_id
        )
        if not is_fit:
            return _NOT_AUTHORIZED if self._version == 5 else _SUBACK_FAILURE_V3
        if topic_filter not in self._subscriptions and len(self._subscriptions) >= self._limits.subscriptions:
            return _QUOTA_EXCEEDED if self._version == 5 else _SUBACK_FAILURE_V3
        self._subscriptions.add(topic_filter)
        return min(qos, 1)

    def _read_unsubscribe(self, _first_byte: int, start: int, end: int) -> None:
        unsubscribe = control.read_unsubscribe(self._buffer, start, end, self._version or 4)
        codes = []
        for topic_filter in unsubscribe.topic_filters:
            codes.append(_SUCCESS if topic_filter in self._subscriptions else _NO_SUBSCRIPTION_EXISTED)
            self._subscriptions.discard(topic_filter)
        self._send(control.write_unsuback(self._version or 4, unsubscribe.packet_identifier, codes))


def keep_alive_in_force(version: int, asked: int, limits: Limits) -> int:
    """The Keep Alive of an accepted device, seconds: MQTT 5's server may set another than was asked (3.2.2.3.14)."""
    if version < 5:
        return asked
    wanted = asked or limits.keep_alive_maximum_seconds
    return min(max(wanted, limits.keep_alive_minimum_seconds), limits.keep_alive_maximum_seconds)


def write_accepted(version: int, keep_alive: int, limits: Limits, *, is_expiry_asked: bool) -> bytes:
    """CONNACK of an accepted device, which depends on nothing else. `keep_alive`: as asked, in seconds."""
    if version < 5:
        return control.write_connack(version, session_present=False, code=0)
    in_force = keep_alive_in_force(version, keep_alive, limits)
    return control.write_connack(
        5,
        session_present=False,
        code=0,
        session_expiry_interval=0 if is_expiry_asked else None,
        maximum_qos=1,
        retain_available=False,
        maximum_packet_size=limits.packet_bytes,
        subscription_identifier_available=False,
        shared_subscription_available=False,
        server_keep_alive=in_force if in_force != keep_alive else None,
    )


def write_closed(reason: CloseReason) -> bytes:
    """DISCONNECT that tells a version 5 device why the engine ends its session (MQTT 5 section 3.14)."""
    return control.write_disconnect(_CLOSE_CODES[reason])


_Reader = Callable[[MqttConversation, int, int, int], None]

_READERS: dict[State, dict[int, _Reader]] = {
    State.CONNECT_AWAITED: {PacketType.CONNECT: MqttConversation._read_connect},
    State.CONNECTED: {
        PacketType.PINGREQ: MqttConversation._read_pingreq,
        PacketType.DISCONNECT: MqttConversation._read_disconnect,
        PacketType.PUBLISH: MqttConversation._read_publish,
        PacketType.SUBSCRIBE: MqttConversation._read_subscribe,
        PacketType.UNSUBSCRIBE: MqttConversation._read_unsubscribe,
    },
}
"""What may come when: an absent packet is a Protocol Error, and in an absent state none is read."""
