"""The reference MQTT front: Trio tasks over non-blocking sockets; the definition and the oracle of the native front.

One task accepts in batches; each connection is a task of its own around one MqttConversation and its Transport, under
one cancel scope whose deadline is the CONNECT's (handshakes included), then the keep-alive's.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import structlog
import trio

from engine.claims.claim import DeviceClaim
from engine.clock import Clock
from engine.config import Network
from engine.limits import Limits
from engine.listeners.admit import Admission, Request
from engine.listeners.pace import TICK_SECONDS, sessions_a_tick
from engine.listeners.peer import Peer, is_within, peer_of
from engine.listeners.pending import Pending
from engine.listeners.proxy import Proxied, check_restrictions, receive_proxy_header
from engine.listeners.tick import next_tick
from engine.listeners.transport import HandshakeFailed, Transport, Why
from engine.observe.attempts import Attempts
from engine.observe.handshake import HandshakeFault
from engine.observe.health import Health
from engine.observe.metrics import ListenerMetrics
from engine.observe.repeats import Repeats
from engine.session.mqtt import Broken, ClaimMade, Event, MqttConversation, Refused
from engine.session.table import CloseReason, SessionTable
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

_READS_PER_TURN = 8  # a peer that always has bytes ready must not keep the others waiting
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EMFILE_PAUSE_SECONDS = 0.1

_log = structlog.get_logger("keyturn.mqtt")


class FrontServices(msgspec.Struct, frozen=True):
    """What a front is given by app."""

    admission: Admission
    sessions: SessionTable
    pending: Pending
    attempts: Attempts
    metrics: ListenerMetrics
    health: Health
    repeats: Repeats
    clock: Clock
    limits: Limits
    exempt: tuple[Network, ...]


class _Connection:
    """One accepted socket: its transport, its conversation, its scope, its place among the pending."""

    __slots__ = ("conversation", "device_id", "is_open", "number", "peer", "place", "scope", "sock", "transport", "why")

    def __init__(self, number: int, sock: socket.socket, transport: Transport, peer: Peer, limits: Limits) -> None:
        self.number = number
        self.sock = sock
        self.transport = transport
        self.peer = peer
        self.is_open = False
        self.why: Why = None
        self.place: int | None = None
        self.device_id: str | None = None
        self.conversation = MqttConversation(limits)
        self.scope = trio.CancelScope()


class MqttFront:
    """Serves one listening socket. `close` is how the rest of the engine reaches a connection of it.

    transport: what is made of an accepted, non-blocking socket. CONNECT is complete within connect_seconds of accept.
    proxied: every connection comes through a balancer and begins with a PROXY header.
    """

    def __init__(
        self,
        name: str,
        services: FrontServices,
        transport: Callable[[socket.socket], Transport],
        connect_seconds: float,
        proxied: Proxied | None = None,
    ) -> None:
        self._name = name
        self._proxied = proxied
        self._transport = transport
        self._connect_seconds = connect_seconds
        self._services = services
        self._limits = services.limits
        self._connections: dict[int, _Connection] = {}
        self._numbers = 0
        self._accepting = trio.CancelScope()
        self._drained = trio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def close(self, connection: int, reason: CloseReason) -> bool:
        """As Front.close: the goodbye is queued, the connection's own task writes it and closes."""
        live = self._connections.get(connection)
        if live is None:
            return False
        live.conversation.close(reason)
        live.why = reason
        live.scope.cancel()
        return True

    async def serve(self, listening: socket.socket) -> None:
        """Accept until drained, then serve what is left. Errors of one connection, and EMFILE, leave it alive."""
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it (tcp(7))
        async with trio.open_nursery() as nursery:
            with self._accepting:
                while True:
                    await trio.lowlevel.wait_readable(listening)
                    if not self._accept_batch(listening, nursery):
                        await trio.sleep(_EMFILE_PAUSE_SECONDS)
            # Peers are refused at once from here on, and a balancer looks elsewhere.
            listening.close()
        self._drained.set()

    async def drain(self) -> None:
        """Accept no more, end every connection, and return when the last one is closed.

        Live sessions are told that the server shuts down, at the pace of pace.py; who awaits a verdict is told at once
        that it is draining.
        """
        self._accepting.cancel()
        live: list[int] = []
        for connection in list(self._connections.values()):
            if connection.place is None:
                live.append(connection.number)
            else:
                connection.conversation.refuse(Reason.DRAINING)
                self.close(connection.number, CloseReason.SHUTTING_DOWN)
        most = sessions_a_tick(len(live), self._limits)
        for first in range(0, len(live), most):
            if first:
                await trio.sleep(TICK_SECONDS)
            for number in live[first : first + most]:
                self.close(number, CloseReason.SHUTTING_DOWN)
        await self._drained.wait()

    # Accepting

    def _accept_batch(self, listening: socket.socket, nursery: trio.Nursery) -> bool:
        """Take what waits, at most accept_batch; False when the system has no descriptor or memory left."""
        for _ in range(self._limits.accept_batch):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return True
            except OSError as error:
                if self._services.repeats.is_due(f"accept {error.errno}"):
                    _log.warning("accept failed", listener=self._name, error=error.strerror)
                if error.errno in _OUT_OF_DESCRIPTORS:
                    return False
                continue
            self._start(sock, address, nursery)
        return True

    def _start(self, sock: socket.socket, address: tuple[str, int], nursery: trio.Nursery) -> None:
        sock.setblocking(False)
        self._numbers += 1
        peer = peer_of(address[0], address[1], self._services.exempt)
        connection = _Connection(self._numbers, sock, self._transport(sock), peer, self._limits)
        if self._proxied is None:
            self._services.metrics.accepted()
        elif is_within(address[0], self._proxied.balancers):
            # Nobody's share until the header says whose; the cap on all counts from now.
            peer = msgspec.structs.replace(peer, prefix="", exempt=True)
        else:
            self._services.metrics.accepted()
            self._note_handshake(connection, HandshakeFault.UNTRUSTED_BALANCER, "")
            connection.transport.close()
            return
        connection.place = self._services.pending.enter(peer, connection.scope.cancel)
        if connection.place is None:
            self._services.metrics.shed()
            connection.transport.close()
            return
        self._connections[connection.number] = connection
        nursery.start_soon(self._run, connection)

    # One connection

    async def _run(self, connection: _Connection) -> None:
        with self._owned(connection):
            try:
                with connection.scope as scope:
                    scope.deadline = trio.current_time() + self._connect_seconds
                    try:
                        if self._proxied is None or await self._introduce(connection, self._proxied):
                            await self._serve_opened(connection)
                    except HandshakeFailed as failed:
                        self._note_handshake(connection, failed.fault, failed.detail)
                if scope.cancelled_caught and not connection.is_open:
                    self._note_handshake(connection, HandshakeFault.CUT, "")
                connection.transport.say_goodbye(connection.conversation.data_to_send(), connection.why)
            except* OSError:
                pass  # the peer went away: this connection is over, which is all there is to know
            except* Exception:
                if self._services.repeats.is_due("connection task"):
                    _log.exception("a connection failed; this is a bug", listener=self._name)

    async def _introduce(self, connection: _Connection, proxied: Proxied) -> bool:
        """Read who the balancer speaks for: from here on every limit counts by that address.

        False where nobody is to be served: a health check, which is not counted, or a prefix that has its share.
        """
        services = self._services
        try:
            header = await receive_proxy_header(connection.sock, self._limits)
        except (HandshakeFailed, trio.Cancelled):
            services.metrics.accepted()
            raise
        if header.is_local:
            return False
        services.metrics.accepted()
        if header.source is not None:
            connection.peer = peer_of(header.source.address, header.source.port, services.exempt)
        if connection.place is not None:
            services.pending.progress(connection.place)
            if not services.pending.rename(connection.place, connection.peer):
                services.metrics.shed()
                return False
        check_restrictions(header, proxied.protocols)
        return True

    async def _serve_opened(self, connection: _Connection) -> None:
        async with connection.transport.opened():
            connection.is_open = True
            connection.conversation.peer_certificates = connection.transport.peer_certificates
            await self._converse(connection)

    def _note_handshake(self, connection: _Connection, fault: HandshakeFault, detail: str) -> None:
        """No device is named yet, so there is nothing for the attempts: a counter, and now and then a line."""
        self._services.metrics.handshake_failed(fault)
        if self._services.repeats.is_due(f"handshake {fault.value}"):
            address = connection.peer.address
            _log.info("handshake failed", listener=self._name, reason=fault.value, detail=detail, address=address)

    @contextmanager
    def _owned(self, connection: _Connection) -> Iterator[None]:
        """Whatever happens, the socket is closed and every table forgets the connection."""
        try:
            yield
        finally:
            self._leave_pending(connection)
            del self._connections[connection.number]
            # The claimed device, not the accepted one: a commit may have come just before a cancellation. A device
            # whose session is another connection's is not touched.
            if connection.device_id is not None:
                self._services.sessions.detach(connection.device_id, self, connection.number)
            connection.transport.close()

    def _leave_pending(self, connection: _Connection) -> None:
        if connection.place is not None:
            self._services.pending.leave(connection.place)
            connection.place = None

    async def _converse(self, connection: _Connection) -> None:
        conversation = connection.conversation
        reads = 0
        while not conversation.is_over:
            data = await connection.transport.receive()
            if not data:
                return
            if connection.place is not None:
                self._services.pending.progress(connection.place)
            conversation.receive_data(data)
            while (event := conversation.next_event()) is not None:
                await self._take(event, connection)
            if output := conversation.data_to_send():
                await connection.transport.send(output)
            if conversation.keep_alive_seconds:
                silence = conversation.keep_alive_seconds * self._limits.keep_alive_factor
                connection.scope.deadline = trio.current_time() + silence
            reads += 1
            if reads % _READS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()

    async def _take(self, event: Event, connection: _Connection) -> None:
        metrics = self._services.metrics
        if isinstance(event, ClaimMade):
            await self._judge(event.claim, connection)
        elif isinstance(event, Refused):
            connection.why = event.reason
            metrics.verdict(event.reason, 0.0)
            if event.device_id is not None:
                self._services.attempts.record(
                    event.device_id,
                    event.reason,
                    connection.peer.address,
                    connection.peer.prefix,
                    self._name,
                    self._services.clock.wall(),
                )
            await next_tick(self._limits.refusal_tick_seconds)
        elif isinstance(event, Broken):
            connection.why = event.reason
            metrics.broken(event.reason)
        else:
            metrics.discarded(event.payload_bytes)

    async def _judge(self, claim: DeviceClaim, connection: _Connection) -> None:
        started_at = self._services.clock.monotonic()
        connection.device_id = claim.device_id
        outcome = await self._outcome(claim, connection)
        self._services.metrics.verdict(outcome.reason, self._services.clock.monotonic() - started_at)
        if isinstance(outcome, Accepted):
            self._leave_pending(connection)
            connection.transport.accepted()
        else:
            connection.why = outcome.reason
            await next_tick(self._limits.refusal_tick_seconds)
        connection.conversation.receive_verdict(outcome)

    async def _outcome(self, claim: DeviceClaim, connection: _Connection) -> Outcome:
        """Busy is said before any look-up and any password work."""
        if self._services.pending.is_busy or self._services.health.is_lagging:
            return Rejected(Reason.SERVER_BUSY)
        request = Request(claim, connection.peer, self._name, self, connection.number)
        (outcome,) = await self._services.admission.admit([request])
        return outcome
