"""The demo's devices: real MQTT clients that connect, and tell what the server answered."""

import contextlib
import enum
import http
import queue
import re
import shutil
import ssl
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
_ALERT = re.compile(r"\balert ([a-z ]+) \(_ssl")
"""In the text of ssl's faults, which has no number of the alert."""
_ALERT_NAME = "ALERT_DESCRIPTION_"
_MQTT3_CODE = {0x00: 0, 0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}


class Protocol(enum.Enum):
    """Whose codes an answer is in."""

    MQTT_3 = enum.auto()
    MQTT_5 = enum.auto()
    COAP = enum.auto()
    TLS = enum.auto()
    HTTP = enum.auto()
    PROCESS = enum.auto()


class NoAnswer(KeyturnError):
    """The server closed the Network Connection, or stayed silent, where an answer was due."""


class Answer(msgspec.Struct, frozen=True):
    """What came back: a Connect Return code (MQTT 3.1.1), a Reason Code (MQTT 5), a Response Code (CoAP), an alert of
    TLS, an HTTP or an exit status."""

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
    # RFC 8446 section 6; the words of Python's own table are the standard's.
    Protocol.TLS: {
        alert.value: f"{alert.name.removeprefix(_ALERT_NAME).lower()} (alert)" for alert in ssl.AlertDescription
    },
    Protocol.HTTP: {status.value: status.phrase for status in http.HTTPStatus},
    Protocol.PROCESS: {0: "(exit status)"},
}


class Server(msgspec.Struct, frozen=True):
    """Where a device connects: a listener by its name in config.LISTENERS, and the CA that the device has preset."""

    listener: str
    address: Address
    ca: Path


class CertificateFiles(msgspec.Struct, frozen=True):
    """What a device proves itself with in TLS, PEM: its certificate, then those between it and a CA; and its key."""

    certificate: Path
    key: Path


class Connection:
    """A paho client that was answered. `answer` is its CONNACK's; `ended` waits for what ends the session."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._answer: queue.Queue[Answer] = queue.Queue()
        self._disconnect: queue.Queue[Answer] = queue.Queue()

    def note_connack(self, code: int) -> None:
        """From paho's thread."""
        code = code if self._protocol is Protocol.MQTT_5 else _MQTT3_CODE.get(code, code)
        self._answer.put(Answer(self._protocol, code))

    def note_log(self, line: str) -> None:
        """From paho's thread: only its log tells of an alert that comes after the handshake."""
        alert = _alert_in(line)
        if alert is not None:
            self._answer.put(alert)

    def note_fault(self, fault: ssl.SSLError) -> None:
        """The handshake failed; raised again unless it was an alert of the server's."""
        alert = _alert_in(str(fault))
        if alert is None:
            raise fault
        self._answer.put(alert)

    def note_disconnect(self, code: int) -> None:
        """From paho's thread."""
        self._disconnect.put(Answer(self._protocol, code))

    def answer(self) -> Answer:
        """The CONNACK, or the alert of TLS in its place. NoAnswer when the connection was closed, or nothing came."""
        return self._wait(self._answer, "no CONNACK came")

    def ended(self) -> Answer:
        """The Reason Code of the server's DISCONNECT (MQTT 5; 0x80 where it just closed). NoAnswer when none came."""
        return self._wait(self._disconnect, "the session was not ended")

    def _wait(self, answers: "queue.Queue[Answer]", otherwise: str) -> Answer:
        try:
            return answers.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            raise NoAnswer(otherwise) from None


def _alert_in(words: str) -> Answer | None:
    alert = _ALERT.search(words)
    if alert is None:
        return None
    return Answer(Protocol.TLS, ssl.AlertDescription[_ALERT_NAME + alert[1].upper().replace(" ", "_")])


def check_paho() -> None:
    """UsageError when paho-mqtt is not installed."""
    if paho is None:
        raise UsageError("the demo needs paho-mqtt; install it with: pip install 'keyturn[demo]'")


@contextlib.contextmanager
def connection(
    server: Server, credentials: ConnectCredentials, protocol: Protocol, files: CertificateFiles | None = None
) -> Iterator[Connection]:
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
        certificate, key = (str(files.certificate), str(files.key)) if files else (None, None)
        client.tls_set(str(server.ca), certificate, key)
    client.username_pw_set(credentials.user_name, credentials.password)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: made.note_connack(reason.value)
    client.on_disconnect = lambda _client, _data, _flags, reason, _properties: made.note_disconnect(reason.value)
    client.on_log = lambda _client, _data, _level, words: made.note_log(words)
    try:
        client.connect(server.address.host, server.address.port, _KEEP_ALIVE_SECONDS)
        client.loop_start()
    except ssl.SSLError as fault:
        # In TLS 1.2 the server judges a certificate within the handshake, in 1.3 after it.
        made.note_fault(fault)
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()


def has_mosquitto_pub() -> bool:
    """Whether Debian's mosquitto-clients is installed."""
    return shutil.which("mosquitto_pub") is not None


def mosquitto_command(
    server: Server, credentials: ConnectCredentials, protocol: Protocol, files: CertificateFiles | None = None
) -> list[str]:
    """What one would type: publish a report with QoS 1, which is acknowledged. mosquitto_pub knows no WebSocket."""
    host, port = server.address.host, str(server.address.port)
    return [
        "mosquitto_pub", "-V", "5" if protocol is Protocol.MQTT_5 else "311", "-h", host, "-p", port,
        *(["--cafile", str(server.ca)] if server.listener == "mqtts" else []),
        *(["--cert", str(files.certificate), "--key", str(files.key)] if files else []),
        "-i", credentials.client_id, "-u", credentials.user_name,
        *(["-P", credentials.password] if credentials.password is not None else []),
        "-q", "1", "-t", f"$oc/devices/{credentials.user_name}/sys/properties/report", "-m", '{"services":[]}',
    ]  # fmt: skip


def answer_to_mosquitto_pub(
    server: Server, credentials: ConnectCredentials, protocol: Protocol, files: CertificateFiles | None = None
) -> Answer:
    """Its exit status is the CONNACK's code (mosquitto_pub(1), exit status)."""
    command = mosquitto_command(server, credentials, protocol, files)
    done = subprocess.run(command, capture_output=True, timeout=_ANSWER_SECONDS, check=False)  # noqa: S603 - no shell, and the arguments are the demo's own
    return Answer(protocol, done.returncode)
