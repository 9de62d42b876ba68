"""The native MQTT front: C serves sockets and known devices (native/front.c); here Python answers what C asks.

One task polls. What C cannot decide comes as events: a CONNECT is judged by the same conversation and the same
admission as in the reference front (mqtt.py), a batch at a time; a packet that C does not answer is answered by a
conversation that is made for it, and kept only while there is something to keep.
"""

import os
import resource
import socket
from collections.abc import Sequence

import msgspec
import structlog
import trio

from engine.config import Network
from engine.gate.compiled_front import (
    Ending,
    FrontEvent,
    Kind,
    NativeFront,
    Seen,
    address_bytes,
    address_text,
    mapped,
)
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.compiled_tls import TlsContext
from engine.gate.front_settings import Balancers
from engine.listeners.admit import OnRows, Request
from engine.listeners.mqtt import FrontServices
from engine.listeners.native_counts import NativeCounts
from engine.listeners.native_pending import NativePending
from engine.listeners.native_sessions import NativeSessionTable
from engine.listeners.native_words import words_of
from engine.listeners.pace import TICK_SECONDS, sessions_a_tick
from engine.listeners.peer import Peer, peer_at, ranges_of
from engine.listeners.proxy import Proxied
from engine.listeners.tick import next_tick
from engine.observe.handshake import HandshakeFault
from engine.session.mqtt import (
    Broken,
    ClaimMade,
    Discarded,
    Event,
    MqttConversation,
    Refused,
)
from engine.session.table import CloseReason
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

_ENDINGS = {
    CloseReason.TAKEN_OVER: Ending.TAKEN_OVER,
    CloseReason.ADMINISTRATIVE: Ending.ADMINISTRATIVE,
    CloseReason.SHUTTING_DOWN: Ending.SHUTTING_DOWN,
}

_log = structlog.get_logger("keyturn.mqtt")


class Shared(msgspec.Struct, frozen=True):
    """What the native fronts of a node share.

    `known` is what C accepts known devices by, None to ask always; `learn` puts the devices of rows there.
    """

    sessions: NativeSessionTable
    pending: NativePending
    known: tuple[CredentialTable, KnownGoodPolicy, Seen] | None
    learn: OnRows | None = None


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """A CONNECT that is being judged."""

    request: Request
    conversation: MqttConversation


class NativeMqttFront:
    """Serves one listening socket, as mqtt.MqttFront does."""

    def __init__(
        self,
        name: str,
        services: FrontServices,
        shared: Shared,
        connect_seconds: float,
        proxied: Proxied | None = None,
    ) -> None:
        self.name = name
        self._services = services
        self._limits = services.limits
        self._shared = shared
        self._connect_seconds = connect_seconds
        self._proxied = proxied
        self._front: NativeFront | None = None
        self._tls: TlsContext | None = None
        self._listening: socket.socket | None = None
        self._counts = NativeCounts(name, services.metrics, services.repeats)
        self._kept: dict[int, MqttConversation] = {}
        self._asked: dict[int, MqttConversation] = {}
        self._refusals: list[tuple[int, bytes]] = []
        self._is_refusing = trio.Event()
        self._is_draining = self._asks_always = False
        self._polling = trio.CancelScope()
        self._drained = trio.Event()
        self._exempt = ranges_of(services.exempt)
        services.admission.throttle.tell(self._watch)
        services.metrics.collect_by(self._count)

    def __len__(self) -> int:
        return 0 if self._front is None else self._front.count().open

    def set_tls(self, tls: TlsContext) -> None:
        """New connections shake hands by this context from now on; without one the front speaks plain MQTT."""
        self._tls = tls
        if self._front is not None:
            self._front.set_tls(tls)

    def close(self, connection: int, reason: CloseReason) -> bool:
        """As Front.close."""
        return self._front is not None and self._front.close_connection(connection, _ENDINGS[reason])

    async def serve(self, listening: socket.socket) -> None:
        """As MqttFront.serve."""
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it (tcp(7))
        self._listening = listening
        front = self._front = self._open(listening)
        if self._tls is not None:
            front.set_tls(self._tls)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_refusals, front)
                with self._polling:
                    await self._poll(front, nursery)
                nursery.cancel_scope.cancel()
        finally:
            self._count()
            self._front = None
            trio.lowlevel.notify_closing(front.fileno())
            front.close()
        self._drained.set()

    async def drain(self) -> None:
        """As MqttFront.drain."""
        front = self._front
        if front is None or self._listening is None:
            return
        self._is_draining = True
        front.stop()
        self._listening.close()  # peers are refused at once from here on, and a balancer looks elsewhere
        for connection, conversation in list(self._asked.items()):
            conversation.refuse(Reason.DRAINING)
            front.end(connection, conversation.data_to_send())
        self._end_refused(front)  # their tick may not come any more
        most = sessions_a_tick(front.count().live, self._limits)
        while front.drain(most):  # noqa: ASYNC110 - nothing tells when a tick is over
            await trio.sleep(TICK_SECONDS)
        self._polling.cancel()
        await self._drained.wait()

    def _open(self, listening: socket.socket) -> NativeFront:
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return NativeFront(
            listening,
            number=self._shared.sessions.number_of(self),
            limits=self._limits,
            connections=open_files,
            connect_seconds=self._connect_seconds,
            words=words_of(self._limits),
            exempt=[_range(network) for network in self._services.exempt],
            sessions=self._shared.sessions.native,
            pending=self._shared.pending.native,
            known=self._shared.known,
            key=os.urandom(16),
            balancers=None if self._proxied is None else _balancers(self._proxied),
        )

    # The one task that polls

    async def _poll(self, front: NativeFront, nursery: trio.Nursery) -> None:
        """In each turn as little as can be: all that it needs is out of the cache after 20 ms of C and kernel."""
        clock, throttle, this_second = self._services.clock, self._services.admission.throttle, 0
        while True:
            now = int(clock.wall())
            if now != this_second:
                this_second = now
                throttle.expire(clock.monotonic())
                self._count()
            self._steer(front)
            events, strangers, has_more = front.poll(now)
            if strangers is not None:
                await self._learn(strangers.device_ids)
                front.judge_again(strangers)
            claims = self._take(front, events)
            if claims:
                nursery.start_soon(self._judge, front, claims)
            if has_more:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(front.fileno())

    async def _learn(self, device_ids: Sequence[str]) -> None:
        """Devices that C has not heard of; where the table is full, it never will."""
        learn, known, inline = self._shared.learn, self._shared.known, self._limits.inline_reads
        if known is None or learn is None or known[0].is_full:
            return
        try:
            for first in range(0, len(device_ids), inline):
                await self._services.admission.learn(device_ids[first : first + inline], learn)
        except Exception:
            self._log_bug()  # they take the long way

    def _steer(self, front: NativeFront) -> None:
        """Tell C whom it must ask about."""
        services = self._services
        is_out = not services.admission.is_registry_readable
        asks_always = self._is_draining or is_out or services.health.is_lagging
        if asks_always != self._asks_always:
            self._asks_always = asks_always
            front.ask_always(always=asks_always)

    def _watch(self, prefix: str, is_blocked: bool) -> None:
        if self._front is not None:
            self._front.watch(address_bytes(prefix.partition("/")[0]), watched=is_blocked)

    def _count(self) -> None:
        """What C has counted since: when the metrics are read, and once a second for the log."""
        if self._front is not None:
            self._counts.tell(self._front.count())

    def _take(self, front: NativeFront, events: Sequence[FrontEvent]) -> list[_Asked]:
        claims: list[_Asked] = []
        for event in events:
            try:
                self._take_one(front, event, claims)
            except Exception:
                self._log_bug()
                if event.kind in (Kind.CONNECT, Kind.SESSION):
                    front.end(event.connection, b"")
        return claims

    def _take_one(self, front: NativeFront, event: FrontEvent, claims: list[_Asked]) -> None:
        if event.kind == Kind.CONNECT:
            self._read_connect(front, event, claims)
        elif event.kind == Kind.SESSION:
            self._converse(front, event)
        elif event.kind == Kind.GONE:
            self._kept.pop(event.connection, None)
        elif event.kind == Kind.HANDSHAKE_FAILED:
            self._note_handshake(event)
        elif event.kind == Kind.CROWDED_OUT:
            self._shared.pending.drop(event.connection)
        elif self._shared.sessions.front_of(event.front).close(event.connection, CloseReason.TAKEN_OVER):
            self._services.metrics.taken_over(1)

    def _note_handshake(self, event: FrontEvent) -> None:
        """No device is named yet, so there is nothing for the attempts: a counter, and now and then a line."""
        fault = HandshakeFault(event.fault) if event.fault else HandshakeFault.CUT
        self._services.metrics.handshake_failed(fault, event.times)
        if self._services.repeats.is_due(f"handshake {fault.value}"):
            address = address_text(event.address)
            _log.info("handshake failed", listener=self.name, reason=fault.value, address=address)

    # CONNECT

    def _read_connect(self, front: NativeFront, event: FrontEvent, claims: list[_Asked]) -> None:
        conversation = MqttConversation(self._limits)
        conversation.peer_certificates = event.peer
        conversation.receive_data(event.data)
        made = conversation.next_event()
        peer = peer_at(event.address, event.port, self._exempt)
        if isinstance(made, ClaimMade):
            self._asked[event.connection] = conversation
            claims.append(_Asked(Request(made.claim, peer, self.name, self, event.connection), conversation))
        elif isinstance(made, Refused):
            self._note_refused(made, peer)
            self._refuse(event.connection, conversation)
        else:
            front.end(event.connection, conversation.data_to_send())

    def _note_refused(self, refused: Refused, peer: Peer) -> None:
        services = self._services
        services.metrics.verdict(refused.reason, 0.0)
        if refused.device_id is not None:
            now = services.clock.wall()
            services.attempts.record(refused.device_id, refused.reason, peer.address, peer.prefix, self.name, now)

    def _refuse(self, connection: int, conversation: MqttConversation) -> None:
        self._refusals.append((connection, conversation.data_to_send()))
        self._is_refusing.set()

    async def _send_refusals(self, front: NativeFront) -> None:
        while True:
            await self._is_refusing.wait()
            await next_tick(self._limits.refusal_tick_seconds)
            self._is_refusing = trio.Event()
            self._end_refused(front)

    def _end_refused(self, front: NativeFront) -> None:
        refusals, self._refusals = self._refusals, []
        for connection, data in refusals:
            front.end(connection, data)

    async def _judge(self, front: NativeFront, claims: Sequence[_Asked]) -> None:
        started_at = self._services.clock.monotonic()
        try:
            outcomes = await self._outcomes(claims)
            # From here on there is no checkpoint: what was admitted stands before anything else runs.
            seconds = self._services.clock.monotonic() - started_at
            self._services.metrics.verdicts([outcome.reason for outcome in outcomes], seconds)
            for asked, outcome in zip(claims, outcomes, strict=True):
                self._answer(front, asked, outcome)
        except Exception:
            self._log_bug()
            for asked in claims:
                front.end(asked.request.connection, b"")
                # Where it was admitted already and not answered yet.
                self._services.sessions.detach(asked.request.asserted, self, asked.request.connection)
        finally:
            for asked in claims:
                del self._asked[asked.request.connection]

    async def _outcomes(self, claims: Sequence[_Asked]) -> Sequence[Outcome]:
        """Busy is said before any look-up and any password work; not to who has shaken hands, for too many pending.

        The handshake was the work, and would be again. C lets known devices in then, so that a wrong guess must be
        judged too: only what is judged counts as a failed attempt.
        """
        services = self._services
        if (self._tls is None and services.pending.is_busy) or services.health.is_lagging:
            return [Rejected(Reason.SERVER_BUSY)] * len(claims)
        return await services.admission.admit([asked.request for asked in claims])

    def _answer(self, front: NativeFront, asked: _Asked, outcome: Outcome) -> None:
        connection, conversation = asked.request.connection, asked.conversation
        conversation.receive_verdict(outcome)
        if not isinstance(outcome, Accepted):
            self._refuse(connection, conversation)
            return
        self._note_events(conversation)
        keeps = not conversation.is_resumable
        is_there = not conversation.is_over and front.admit(
            connection,
            conversation.data_to_send(),
            session=self._shared.sessions.handle_of(outcome.device_id, self, connection),
            version=conversation.version or 0,
            keep_alive=conversation.keep_alive_seconds,
            client_maximum=conversation.client_maximum,
            keeps=keeps,
        )
        if is_there and keeps:
            self._kept[connection] = conversation
        if not is_there:
            front.end(connection, conversation.data_to_send())
            self._services.sessions.detach(outcome.device_id, self, connection)

    # A live session

    def _converse(self, front: NativeFront, event: FrontEvent) -> None:
        conversation = self._kept.pop(event.connection, None) or MqttConversation.resumed(
            self._limits,
            device_id=event.device_id,
            version=event.version,
            client_maximum=event.client_maximum or None,
        )
        conversation.receive_data(event.data)
        self._note_events(conversation)
        if conversation.is_over:
            front.end(event.connection, conversation.data_to_send())
            return
        keeps = not conversation.is_resumable
        if keeps:
            self._kept[event.connection] = conversation
        if not front.go_on(event.connection, conversation.data_to_send(), keeps=keeps):
            self._kept.pop(event.connection, None)

    def _note_events(self, conversation: MqttConversation) -> None:
        event: Event | None
        while (event := conversation.next_event()) is not None:
            if isinstance(event, Broken):
                self._services.metrics.broken(event.reason)
            elif isinstance(event, Discarded):
                self._services.metrics.discarded(event.payload_bytes)

    def _log_bug(self) -> None:
        if self._services.repeats.is_due("native front"):
            _log.exception("a connection failed; this is a bug", listener=self.name)


def _balancers(proxied: Proxied) -> Balancers:
    return Balancers([_range(network) for network in proxied.balancers], proxied.protocols)


def _range(network: Network) -> tuple[bytes, int]:
    """A network as C takes it."""
    return mapped(network.network_address.packed), network.prefixlen + (96 if network.version == 4 else 0)
