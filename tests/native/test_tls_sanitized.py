"""native/tls*.c and tickets.c by themselves, under the sanitizers: nothing astray, no leak."""

import contextlib
import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from build import COMPILE, HARDENING, LINK, WARNINGS
from tests.helpers.device_certificates import issue
from tests.helpers.native_tls import client_context
from tests.native.test_tls_connection import CA, DEVICE, ISSUED, client_hello

ROOT = Path(__file__).parents[2]
TOPICS = ("chain*.c", "digest.c", "library*.c", "tickets.c", "tls*.c", "utf8.c")
SOURCES = [str(path) for topic in TOPICS for path in sorted((ROOT / "native").glob(topic))]
DRIVER = ROOT / "tests" / "native" / "drive_tls.c"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

MUTATIONS = 150

NOBODYS = issue("pump", issue("foreign CA", is_ca=True))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver, by the flags that the module itself is built with."""
    program = tmp_path_factory.mktemp("native") / "drive_tls"
    command = ["gcc", *WARNINGS, *HARDENING, *COMPILE, "-O1", "-g", f"-I{ROOT / 'native'}", *SANITIZE]
    subprocess.run([*command, str(DRIVER), *SOURCES, *LINK, "-o", str(program)], check=True)
    return program


@contextlib.contextmanager
def serving(program: Path, directory: Path, count: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The driver with this many connections to come, and its port."""
    files = [directory / name for name in ("server.pem", "server.key", "ca.der")]
    for file, content in zip(files, (ISSUED.certificate, ISSUED.key, CA.der), strict=True):
        file.write_bytes(content)
    command = [str(program), *map(str, files), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def converse(port: int, client: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    """An echo of 100 kB, and the orderly end."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.settimeout(30)
        with client.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
            data, heard = random.Random(1).randbytes(100_000), b""
            for start in range(0, len(data), 10_000):
                tls.sendall(data[start : start + 10_000])
                while len(heard) < start + 10_000:
                    heard += tls.recv(65536)
            assert heard == data
            kept = tls.session
            with contextlib.suppress(ssl.SSLError):
                tls.unwrap()
            return kept


def send(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock, contextlib.suppress(ConnectionError):
        sock.settimeout(30)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def mutated(data: bytes, chance: random.Random) -> bytes:
    edited = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        edited[chance.randrange(len(edited))] = chance.choice([0, 1, 0x80, 0xFF, chance.randrange(256)])
    return bytes(edited[: chance.randrange(len(edited))]) if chance.random() < 0.1 else bytes(edited)


def test_good_resumed_refused_and_mutated_handshakes_are_clean(program: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    hellos = [client_hello(version) for version in versions]
    count = 2 * 3 + 2 + MUTATIONS + 1
    with serving(program, tmp_path, count) as (process, port):
        for version in versions:
            client = client_context(identity=DEVICE.write(tmp_path), version=version)
            session = converse(port, client, None)
            session = converse(port, client, session)
            converse(port, client, session)
        for version in versions:
            stranger = client_context(identity=NOBODYS.write(tmp_path, "nobody"), version=version)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                converse(port, stranger, None)
        for _ in range(MUTATIONS):
            send(port, mutated(chance.choice(hellos), chance))
        converse(port, client_context(), None)
        said, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    rows = [line.split() for line in said.splitlines()]
    size = str(6 + len(DEVICE.der) + len(DEVICE.chain[0].public_bytes(Encoding.DER)))
    assert rows[:3] == rows[3:6] == [["1", "0", "0", size], ["1", "0", "1", size], ["1", "0", "1", size]]
    assert rows[6] == rows[7] == ["-3", "7", "0", "0"]  # unknown_ca
    assert rows[-1] == ["1", "0", "0", "0"]
    assert len(rows) == count


def test_ignored_answer_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "ignores.c"
    source.write_text('#include "tls_connection.h"\nvoid f(void) { eng_tls_connection_handshake(0, 0); }\n')
    command = ["gcc", *WARNINGS, f"-I{ROOT / 'native'}", "-c", str(source), "-o", "/dev/null"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "ignoring return value" in run.stderr
