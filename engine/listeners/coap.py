"""The reference CoAP front: one Trio task over a UDP socket, batches of datagrams judged together.

Lwm2mService takes messages, and whose they are, and is given `send`: it does not know whether the bytes came as they
are (CoapFront) or out of a DTLS association.
"""

import contextlib
import socket
from collections.abc import Callable, Sequence

import structlog
import trio

from engine.listeners.admit import Request
from engine.listeners.mqtt import FrontServices
from engine.listeners.peer import Peer, peer_of
from engine.listeners.tick import next_tick
from engine.session.exchanges import Endpoint
from engine.session.lwm2m import Answer, ClaimMade, Lwm2mServer, Refused
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

_EXPIRE_EVERY_SECONDS = 1.0

_log = structlog.get_logger("keyturn.coap")

Send = Callable[[bytes, Endpoint], None]
"""Sends a message to an endpoint at once, or drops it: CoAP sends again what was lost."""


class Lwm2mService:
    """Messages in, answers out, through one Lwm2mServer. `run` is its background, `receive` and `judge` its work."""

    def __init__(self, name: str, services: FrontServices, randomness: Callable[[int], bytes], send: Send) -> None:
        self._name = name
        self._services = services
        self._tick_seconds = services.limits.refusal_tick_seconds
        self._send = send
        message_id = int.from_bytes(randomness(2), "big")
        self._server = Lwm2mServer(services.limits, services.sessions, randomness(32), message_id)
        self._refusals: list[tuple[bytes, Endpoint]] = []
        self._is_refusing = trio.Event()

    def __len__(self) -> int:
        return len(self._server)

    async def run(self) -> None:
        """Until cancelled: send refusals on the tick, and end what is over."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_refusals)
            while True:
                await trio.sleep(_EXPIRE_EVERY_SECONDS)
                self._server.expire(self._services.clock.monotonic())

    def receive(self, messages: Sequence[tuple[bytes, Endpoint]]) -> list[ClaimMade]:
        """Answer what needs no verdict; the claims are for `judge`. A bug costs one message, never the loop."""
        now = self._services.clock.monotonic()
        claims = []
        for datagram, endpoint in messages:
            try:
                event = self._server.receive_datagram(datagram, endpoint, now)
            except Exception:
                self._log_bug()
                continue
            if isinstance(event, ClaimMade):
                claims.append(event)
            elif isinstance(event, Answer):
                self._send(event.datagram, endpoint)
            elif isinstance(event, Refused):
                self._note_refused(event, endpoint)
        return claims

    async def judge(self, claims: Sequence[ClaimMade]) -> None:
        """Have the claims judged together, and answer each."""
        started_at = self._services.clock.monotonic()
        try:
            outcomes = await self._outcomes(claims)
            # From here on there is no checkpoint: what was admitted stands before anything else runs.
            seconds = self._services.clock.monotonic() - started_at
            self._services.metrics.verdicts([outcome.reason for outcome in outcomes], seconds)
            for made, outcome in zip(claims, outcomes, strict=True):
                self._answer(made, outcome)
        except Exception:
            self._log_bug()

    def end(self, claims: Sequence[ClaimMade]) -> None:
        """End every registration; who asks now is told that the server is draining."""
        for made in claims:
            self._answer(made, Rejected(Reason.DRAINING))
        self._flush()
        self._server.close_all()

    async def _outcomes(self, claims: Sequence[ClaimMade]) -> Sequence[Outcome]:
        """Busy is said before any look-up."""
        services = self._services
        if services.pending.is_busy or services.health.is_lagging:
            return [Rejected(Reason.SERVER_BUSY)] * len(claims)
        return await services.admission.admit(
            [
                Request(
                    made.claim,
                    self._peer(made.request.endpoint),
                    self._name,
                    self._server,
                    made.connection,
                    made.is_renewal,
                )
                for made in claims
            ]
        )

    def _answer(self, made: ClaimMade, outcome: Outcome) -> None:
        datagram = self._server.receive_verdict(made, outcome)
        if isinstance(outcome, Accepted):
            self._send(datagram, made.request.endpoint)
        else:
            self._refuse(datagram, made.request.endpoint)

    def _note_refused(self, event: Refused, endpoint: Endpoint) -> None:
        services = self._services
        services.metrics.verdict(event.reason, 0.0)
        if event.asserted is not None:
            peer = self._peer(endpoint)
            services.attempts.record(
                event.asserted, event.reason, peer.address, peer.prefix, self._name, services.clock.wall()
            )
        if event.datagram is not None:
            self._refuse(event.datagram, endpoint)

    def _peer(self, endpoint: Endpoint) -> Peer:
        return peer_of(endpoint.address[0], endpoint.address[1], self._services.exempt)

    def _refuse(self, datagram: bytes, endpoint: Endpoint) -> None:
        self._refusals.append((datagram, endpoint))
        self._is_refusing.set()

    async def _send_refusals(self) -> None:
        while True:
            await self._is_refusing.wait()
            await next_tick(self._tick_seconds)
            self._flush()

    def _flush(self) -> None:
        refusals, self._refusals = self._refusals, []
        self._is_refusing = trio.Event()
        for datagram, endpoint in refusals:
            self._send(datagram, endpoint)

    def _log_bug(self) -> None:
        if self._services.repeats.is_due("coap message"):
            _log.exception("a message failed; this is a bug", listener=self._name)


class CoapFront:
    """Serves one UDP socket: plain CoAP, where an address is all that is known of a peer."""

    def __init__(
        self, name: str, services: FrontServices, randomness: Callable[[int], bytes], sock: socket.socket
    ) -> None:
        self._limits = services.limits
        self._sock = sock
        self._service = Lwm2mService(name, services, randomness, self._send)
        self._judging = trio.Semaphore(services.limits.coap_batches)
        self._receiving = trio.CancelScope()
        self._drained = trio.Event()

    def __len__(self) -> int:
        return len(self._service)

    async def serve(self) -> None:
        """Receive until drained, judge what is under way, and close the socket."""
        async with trio.open_nursery() as background:
            background.start_soon(self._service.run)
            async with trio.open_nursery() as nursery:
                with self._receiving:
                    while True:
                        await trio.lowlevel.wait_readable(self._sock)
                        # Its place first: what is taken from the socket must be answered.
                        await self._judging.acquire()
                        if claims := self._service.receive(self._receive_batch()):
                            nursery.start_soon(self._judge, claims)
                        else:
                            self._judging.release()
            self._service.end(self._service.receive(self._receive_batch()))
            background.cancel_scope.cancel()
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
        self._drained.set()

    async def drain(self) -> None:
        """Receive no more, answer what is under way, end every registration; a device is told 4.04 by the next node."""
        self._receiving.cancel()
        await self._drained.wait()

    async def _judge(self, claims: Sequence[ClaimMade]) -> None:
        try:
            await self._service.judge(claims)
        finally:
            self._judging.release()

    def _receive_batch(self) -> list[tuple[bytes, Endpoint]]:
        """What waits, at most coap_batch datagrams. One byte more than the largest is read, so that it shows."""
        batch = []
        for _ in range(self._limits.coap_batch):
            try:
                datagram, address = self._sock.recvfrom(self._limits.coap_datagram_bytes + 1)
            except OSError:
                break  # none waits, or the system tells of one that could not be delivered
            batch.append((datagram, Endpoint(address)))
        return batch

    def _send(self, datagram: bytes, endpoint: Endpoint) -> None:
        # A full buffer or an unreachable peer: the client sends again, or is gone.
        with contextlib.suppress(OSError):
            self._sock.sendto(datagram, endpoint.address)
