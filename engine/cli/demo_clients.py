"""The demo's devices: real MQTT clients that connect, and tell what the server answered."""

import contextlib
import enum
import http
import queue
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.cli.password import ConnectCredentials
from engine.config import Address
from engine.errors import KeyturnError, UsageError

try:
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
except ImportError:
    paho = None  # type: ignore[assignment] # the demo is an extra

_ANSWER_SECONDS = 15.0
_KEEP_ALIVE_SECONDS = 60

# paho tells refusals of MQTT 3.1.1 in MQTT 5's codes; this is what was on the wire (MQTT 3.1.1 table 3.1).
_MQTT3_CODE = {0x00: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}


class Protocol(enum.Enum):
    """Whose codes an answer is in."""

    MQTT_3 = enum.auto()
    MQTT_5 = enum.auto()
    COAP = enum.auto()
    HTTP = enum.auto()
    PROCESS = enum.auto()


class NoAnswer(KeyturnError):
    """The server closed the Network Connection, or stayed silent, where an answer was due."""


class Answer(msgspec.Struct, frozen=True):
    """What came back: a Connect Return code (MQTT 3.1.1), a Reason Code (MQTT 5), a Response Code (CoAP), an HTTP or an
    exit status."""

    protocol: Protocol
    code: int

    def __str__(self) -> str:
        """The code, and the standard's word for it."""
        return f"{self.in_digits} {_WORDS[self.protocol].get(self.code, '(no name)')}"

    @property
    def in_digits(self) -> str:
        """The code as its standard writes it."""
        if self.protocol is Protocol.COAP:
            return f"{self.code >> 5}.{self.code & 0x1F:02}"
        return f"0x{self.code:02X}" if self.protocol is Protocol.MQTT_5 else str(self.code)


_WORDS = {
    Protocol.MQTT_3: {
        0: "Connection Accepted",
        1: "unacceptable protocol version",
        2: "identifier rejected",
        3: "Server unavailable",
        4: "bad user name or password",
        5: "not authorized",
    },
    Protocol.MQTT_5: {
        0x00: "Success",
        0x81: "Malformed Packet",
        0x82: "Protocol Error",
        0x84: "Unsupported Protocol Version",
        0x85: "Client Identifier not valid",
        0x86: "Bad User Name or Password",
        0x87: "Not authorized",
        0x88: "Server unavailable",
        0x89: "Server busy",
        0x8E: "Session taken over",
        0x98: "Administrative action",
        0x9F: "Connection rate exceeded",
    },
    Protocol.COAP: {0x41: "Created", 0x42: "Deleted", 0x44: "Changed", 0x83: "Forbidden", 0x84: "Not Found"},
    Protocol.HTTP: {status.value: status.phrase for status in http.HTTPStatus},
    Protocol.PROCESS: {0: "(exit status)"},
}


class Server(msgspec.Struct, frozen=True):
    """Where a device connects: a listener by its name in config.LISTENERS, and the CA that the device has preset."""

    listener: str
    address: Address
    ca: Path


class Connection:
    """A paho client that was answered. `answer` is its CONNACK's; `ended` waits for what ends the session."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._connack: queue.Queue[int] = queue.Queue()
        self._disconnect: queue.Queue[int] = queue.Queue()

    def note_connack(self, code: int) -> None:
        """From paho's thread."""
        self._connack.put(code if self._protocol is Protocol.MQTT_5 else _MQTT3_CODE.get(code, code))

    def note_disconnect(self, code: int) -> None:
        """From paho's thread."""
        self._disconnect.put(code)

    def answer(self) -> Answer:
        """The CONNACK. NoAnswer when the connection was closed without, or nothing came."""
        return self._wait(self._connack, "no CONNACK came")

    def ended(self) -> Answer:
        """The Reason Code of the server's DISCONNECT (MQTT 5; 0x80 where it just closed). NoAnswer when none came."""
        return self._wait(self._disconnect, "the session was not ended")

    def _wait(self, codes: "queue.Queue[int]", otherwise: str) -> Answer:
        try:
            return Answer(self._protocol, codes.get(timeout=_ANSWER_SECONDS))
        except queue.Empty:
            raise NoAnswer(otherwise) from None


def check_paho() -> None:
    """UsageError when paho-mqtt is not installed."""
    if paho is None:
        raise UsageError("the demo needs paho-mqtt; install it with: pip install 'keyturn[demo]'")


@contextlib.contextmanager
def connection(server: Server, credentials: ConnectCredentials, protocol: Protocol) -> Iterator[Connection]:
    """Connect with paho-mqtt; the client leaves in order at the end of the block."""
    made = Connection(protocol)
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        credentials.client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if protocol is Protocol.MQTT_5 else MQTTProtocolVersion.MQTTv311,
        transport="websockets" if server.listener in ("ws", "wss") else "tcp",
        reconnect_on_failure=False,
    )
    if server.listener in ("mqtts", "wss"):
        client.tls_set(str(server.ca))
    client.username_pw_set(credentials.user_name, credentials.password)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: made.note_connack(reason.value)
    client.on_disconnect = lambda _client, _data, _flags, reason, _properties: made.note_disconnect(reason.value)
    client.connect(server.address.host, server.address.port, _KEEP_ALIVE_SECONDS)
    client.loop_start()
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()


def has_mosquitto_pub() -> bool:
    """Whether Debian's mosquitto-clients is installed."""
    return shutil.which("mosquitto_pub") is not None


def mosquitto_command(server: Server, credentials: ConnectCredentials, protocol: Protocol) -> list[str]:
    """What one would type: publish a report with QoS 1, which is acknowledged. mosquitto_pub knows no WebSocket."""
    host, port = server.address.host, str(server.address.port)
    return [
        "mosquitto_pub", "-V", "5" if protocol is Protocol.MQTT_5 else "311", "-h", host, "-p", port,
        *(["--cafile", str(server.ca)] if server.listener == "mqtts" else []),
        "-i", credentials.client_id, "-u", credentials.user_name, "-P", credentials.password,
        "-q", "1", "-t", f"$oc/devices/{credentials.user_name}/sys/properties/report", "-m", '{"services":[]}',
    ]  # fmt: skip


def answer_to_mosquitto_pub(server: Server, credentials: ConnectCredentials, protocol: Protocol) -> Answer:
    """Its exit status is the CONNACK's code (mosquitto_pub(1), exit status)."""
    done = subprocess.run(  # noqa: S603 - no shell, and the arguments are the demo's own
        mosquitto_command(server, credentials, protocol), capture_output=True, timeout=_ANSWER_SECONDS, check=False
    )
    return Answer(protocol, done.returncode)
