"""native/tls_*.c as its front drives it: a connection of it on a socket, and clients of other makes opposite."""

import contextlib
import select
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.gate import _native
from engine.gate.compiled import ChainVerifier
from engine.gate.compiled_tls import FAULTS, TlsContext
from engine.gate.interface import Anchor, AnchorSet
from engine.limits import Limits
from tests.helpers.device_certificates import Certified

CLOSED, WANT_READ, WANT_WRITE, FAILED = 0, -1, -2, -3
READY = b"ready\n"
"""Said to every client whose handshake is done."""

PATIENCE_SECONDS = 20.0


class Connection:
    """The server's end, on a descriptor of its own. `fault` is the HandshakeFault's value."""

    def __init__(self, context: TlsContext, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        opened = _native.lib.eng_tls_connection_open(context.pointer, sock.fileno())
        assert opened != _native.ffi.NULL
        self._pointer = opened

    def handshake(self, now: float | None = None) -> int:
        return _native.lib.eng_tls_connection_handshake(self._pointer, int(time.time() if now is None else now))

    def read(self, size: int = 4096) -> int | bytes:
        data = _native.ffi.new("uint8_t[]", size)
        count = _native.lib.eng_tls_connection_read(self._pointer, data, size)
        return bytes(_native.ffi.buffer(data, count)) if count > 0 else count

    @property
    def has_more(self) -> bool:
        return bool(_native.lib.eng_tls_connection_has_more(self._pointer))

    def write(self, data: bytes) -> int:
        return _native.lib.eng_tls_connection_write(self._pointer, data, len(data))

    def shutdown(self) -> int:
        return _native.lib.eng_tls_connection_shutdown(self._pointer)

    def forget(self) -> None:
        _native.lib.eng_tls_connection_forget(self._pointer)

    def close(self) -> None:
        """May be called again."""
        pointer, self._pointer = self._pointer, _native.ffi.NULL
        _native.lib.eng_tls_connection_close(pointer)
        self.sock.close()

    @property
    def fault(self) -> str:
        return FAULTS[_native.lib.eng_tls_connection_fault(self._pointer)]

    @property
    def is_resumed(self) -> bool:
        return bool(_native.lib.eng_tls_connection_is_resumed(self._pointer))

    @property
    def server_name(self) -> str | None:
        name = _native.lib.eng_tls_connection_server_name(self._pointer)
        return None if name == _native.ffi.NULL else _native.ffi.string(name).decode("ascii")

    @property
    def peer(self) -> tuple[bytes, ...]:
        """The certificates, leaf first."""
        length = _native.ffi.new("size_t *")
        pointer = _native.lib.eng_tls_connection_peer(self._pointer, length)
        data = b"" if pointer == _native.ffi.NULL else bytes(_native.ffi.buffer(pointer, length[0]))
        found = []
        while data:
            size = 3 + int.from_bytes(data[:3], "big")
            found.append(data[3:size])
            data = data[size:]
        return tuple(found)


class Shaken(NamedTuple):
    """How a handshake with Python's ssl went: its last answer, and the fault of the client."""

    server: Connection
    client: ssl.SSLObject
    answer: int
    alert: str
    wire: "Wire"


class Wire:
    """Python's client between two memory BIOs, its bytes moved over a socket in pieces of `chunk`."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, chunk: int, name: str | None, session: object):
        self.sock, self.chunk = sock, chunk
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name, session=session)  # type: ignore[arg-type]
        self.alert = ""
        self.pending = b""

    def receive(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while data := self.sock.recv(65536):
                self.incoming.write(data)

    def send_some(self) -> bool:
        """One piece of what the client has to say."""
        self.pending += self.outgoing.read()
        piece, self.pending = self.pending[: self.chunk], self.pending[self.chunk :]
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(piece)
        return bool(piece)

    def step(self) -> bool:
        """1 step of the client's handshake; True when it is done."""
        self.receive()
        try:
            self.client.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as fault:
            self.alert = self.alert or fault.reason or ""
            return False
        return True

    def read(self) -> bytes:
        self.receive()
        try:
            return self.client.read(65536)
        except ssl.SSLWantReadError:
            return b""


class Server:
    """Makes contexts and connections of one chain verifier. What `shake` opened is closed with it."""

    def __init__(self, certificate: bytes, key: bytes, **bounds: int) -> None:
        self.limits = msgspec.structs.replace(Limits(), **bounds)  # type: ignore[arg-type]
        self.verifier = ChainVerifier(self.limits)
        self.certificate, self.key = certificate, key
        self._shaken: list[Shaken] = []

    def close(self) -> None:
        for shaken in self._shaken:
            shaken.server.close()
            shaken.wire.sock.close()

    def context(
        self, *cas: Certified, root: bytes | None = None, listener: str = "mqtts", crls: Iterable[bytes] = ()
    ) -> TlsContext:
        anchors = AnchorSet([Anchor(ca.der, tuple(crls)) for ca in cas])
        return TlsContext(self.certificate, self.key, listener, anchors, self.verifier, self.limits, root)

    def shake(
        self,
        context: TlsContext,
        client: ssl.SSLContext,
        *,
        chunk: int = 1 << 20,
        name: str | None = "localhost",
        session: object = None,
        now: float | None = None,
    ) -> Shaken:
        """A handshake over a socket pair, to its end on both sides."""
        left, right = socket.socketpair()
        right.setblocking(False)
        server, wire = Connection(context, left), Wire(right, client, chunk, name, session)
        answer, is_done = WANT_READ, False
        for _ in range(200_000):
            is_done = is_done or wire.step()
            is_moving = wire.send_some()
            if answer in (WANT_READ, WANT_WRITE):
                answer = server.handshake(now)
            elif not is_moving:
                break
        wire.receive()
        if not is_done:
            wire.step()
        self._shaken.append(Shaken(server, wire.client, answer, wire.alert, wire))
        return self._shaken[-1]


def client_context(
    ca: bytes | None = None, identity: tuple[Path, Path] | None = None, version: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=ca.decode("ascii"))
    if identity:
        context.load_cert_chain(*identity)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class Told(NamedTuple):
    """What openssl s_client said, and how it looked from the server."""

    said: str
    answer: int
    fault: str
    is_resumed: bool
    server_name: str | None
    peer: tuple[bytes, ...]


def s_client(context: TlsContext, *arguments: object, sends: bytes = b"hello\n") -> Told:
    """One conversation with openssl s_client: READY, an echo, close_notify. A line R is its command to renegotiate."""
    waits = [] if sends.startswith(b"R") else ["-ign_eof"]  # which takes its commands away
    command = ["openssl", "s_client", *waits, *(str(argument) for argument in arguments)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command += ["-connect", f"127.0.0.1:{listening.getsockname()[1]}"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin
            process.stdin.write(sends)
            process.stdin.flush()
            listening.settimeout(PATIENCE_SECONDS)
            sock, _address = listening.accept()
            told = converse(Connection(context, sock))
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return told._replace(said=said.decode("utf-8", "replace"))


def converse(server: Connection) -> Told:
    """READY, an echo, close_notify, the end."""
    answer = patiently(server, server.handshake)
    told = Told("", answer, server.fault, server.is_resumed, server.server_name, server.peer)
    if answer == 1:
        patiently(server, lambda: server.write(READY))
        heard = patiently(server, server.read)
        if isinstance(heard, bytes):
            patiently(server, lambda: server.write(heard))
        server.shutdown()
    with contextlib.suppress(OSError):
        server.sock.shutdown(socket.SHUT_WR)
    server.close()
    return told


def patiently(server: Connection, step):  # type: ignore[no-untyped-def]
    """The first answer of `step` that is not to wait."""
    while (answer := step()) in (WANT_READ, WANT_WRITE):
        waiting: tuple[Sequence[int], Sequence[int]] = ([server.sock.fileno()], [])
        readable, writable, _ = select.select(*waiting[:: 1 if answer == WANT_READ else -1], [], PATIENCE_SECONDS)
        assert readable or writable, "the peer is silent"
    return answer
