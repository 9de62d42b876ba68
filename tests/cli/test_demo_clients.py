"""The demo's clients tell what was on the wire."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.cli import demo_clients
from engine.cli.demo_clients import (
    Answer,
    CertificateFiles,
    Connection,
    NoAnswer,
    Protocol,
    Server,
    answer_to_mosquitto_pub,
    connection,
    mosquitto_command,
)
from engine.cli.password import certificate_credentials, connect_credentials
from engine.config import Address

CREDENTIALS = connect_credentials("dev", "12345678", "2025041401")


@contextmanager
def answering(reply: bytes) -> Iterator[Server]:
    """A server that reads one CONNECT, answers these bytes and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            there, _address = server.accept()
            with there:
                there.recv(65536)
                there.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield Server("mqtt", Address("127.0.0.1", server.getsockname()[1]), Path("ca.pem"))
        thread.join()


@pytest.mark.parametrize(
    ("protocol", "reply", "code"),
    [
        # Not 1: paho takes that for a wish to hear MQTT 3.1, and connects again.
        *((Protocol.MQTT_3, bytes((0x20, 2, 0, code)), code) for code in (0, 2, 3, 4, 5)),
        *((Protocol.MQTT_5, bytes((0x20, 3, 0, code, 0)), code) for code in (0x00, 0x81, 0x86, 0x87, 0x9F)),
    ],
)
def test_paho_s_answer_is_the_code_on_the_wire(protocol: Protocol, reply: bytes, code: int) -> None:
    with answering(reply) as server, connection(server, CREDENTIALS, protocol) as made:
        assert made.answer() == Answer(protocol, code)


@pytest.mark.system("mosquitto-clients")
@pytest.mark.parametrize(
    ("protocol", "reply", "code"),
    [(Protocol.MQTT_3, b"\x20\x02\x00\x05", 5), (Protocol.MQTT_5, b"\x20\x03\x00\x87\x00", 0x87)],
)
def test_mosquitto_pub_s_answer_is_its_exit_status(protocol: Protocol, reply: bytes, code: int) -> None:
    with answering(reply) as server:
        assert answer_to_mosquitto_pub(server, CREDENTIALS, protocol) == Answer(protocol, code)


def test_a_connection_that_is_closed_without_an_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_clients, "_ANSWER_SECONDS", 0.2)
    with (
        answering(b"") as server,
        connection(server, CREDENTIALS, Protocol.MQTT_3) as made,
        pytest.raises(NoAnswer, match="no CONNACK came"),
    ):
        made.answer()


@pytest.mark.parametrize(
    "words",
    [
        "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:1006)",
        "failed to receive on socket: [SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)",
    ],
)
def test_an_alert_is_an_answer_in_the_handshake_and_after_it(words: str) -> None:
    within, after = Connection(Protocol.MQTT_5), Connection(Protocol.MQTT_5)
    within.note_fault(ssl.SSLError(1, words))
    after.note_log(words)
    for made in (within, after):
        assert made.answer() == Answer(Protocol.TLS, 48)
        assert str(Answer(Protocol.TLS, 48)) == "48 unknown_ca (alert)"


def test_a_handshake_that_fails_on_our_side_is_no_answer() -> None:
    fault = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)")
    with pytest.raises(ssl.SSLCertVerificationError):
        Connection(Protocol.MQTT_5).note_fault(fault)


def test_every_alert_of_the_library_has_a_number() -> None:
    """What is not in Python's table would end the demo with a KeyError."""
    for alert in ssl.AlertDescription:
        made = Connection(Protocol.MQTT_3)
        words = alert.name.removeprefix("ALERT_DESCRIPTION_").lower().replace("_", " ")
        made.note_log(f"tlsv1 alert {words} (_ssl.c:1)")
        assert made.answer() == Answer(Protocol.TLS, alert.value)


def test_answers_read_as_their_standards_write_them() -> None:
    assert str(Answer(Protocol.MQTT_3, 4)) == "4 bad user name or password"
    assert str(Answer(Protocol.MQTT_5, 0x86)) == "0x86 Bad User Name or Password"
    assert str(Answer(Protocol.HTTP, 404)) == "404 Not Found"
    assert str(Answer(Protocol.PROCESS, 1)) == "1 (no name)"


def test_mosquitto_s_line_holds_all_three_fields_and_an_uplink_topic() -> None:
    server = Server("mqtt", Address("127.0.0.1", 1883), Path("ca.pem"))
    command = mosquitto_command(server, CREDENTIALS, Protocol.MQTT_3)
    assert "--cafile" not in command
    assert command[command.index("-i") + 1] == "dev_0_0_2025041401"
    assert command[command.index("-u") + 1] == "dev"
    assert command[command.index("-P") + 1] == CREDENTIALS.password
    assert "$oc/devices/dev/sys/properties/report" in command


def test_a_certificate_takes_the_password_s_place_on_mosquitto_s_line() -> None:
    server = Server("mqtts", Address("127.0.0.1", 8883), Path("ca.pem"))
    files = CertificateFiles(Path("dev.pem"), Path("dev.key"))
    command = mosquitto_command(server, certificate_credentials("dev", "2025041401"), Protocol.MQTT_3, files)
    assert command[command.index("--cert") + 1] == "dev.pem"
    assert command[command.index("--key") + 1] == "dev.key"
    assert "-P" not in command


def test_over_tls_the_device_s_ca_is_on_mosquitto_s_line() -> None:
    command = mosquitto_command(
        Server("mqtts", Address("127.0.0.1", 8883), Path("ca.pem")), CREDENTIALS, Protocol.MQTT_3
    )
    assert command[command.index("--cafile") + 1] == "ca.pem"
