"""Either MQTT front as app opens it, on a free port, but for the admission, which judges by itself."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import trio

from engine.claims.claim import Claim, SecretClaim
from engine.clock import Clock
from engine.config import networks_of
from engine.gate.compiled_front import Seen
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.limits import Limits
from engine.listeners.admit import Request
from engine.listeners.mqtt import FrontServices, MqttFront
from engine.listeners.native_mqtt import NativeMqttFront, Shared
from engine.listeners.native_pending import NativePending
from engine.listeners.native_sessions import NativeSessionTable
from engine.listeners.pending import DictPending, Pending
from engine.listeners.tcp import TcpTransport
from engine.listeners.throttle import Throttle
from engine.observe.attempts import Attempts
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.observe.repeats import Repeats
from engine.session.table import CloseReason, DictSessionTable, Session, SessionTable
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from tests.helpers.native_front import known_table
from tests.helpers.records import PUBLISHED_PASSWORD, STAMP, STAMP_AT

CLOCK = Clock(lambda: STAMP_AT, trio.current_time)
"""The wall clock stands."""


def verdict_on(claim: Claim) -> Outcome:
    """Every device has the published secret, and may use either sign type at STAMP."""
    assert isinstance(claim, SecretClaim)
    if claim.user_name != claim.device_id:
        return Rejected(Reason.USER_NAME_DIFFERS)
    if claim.password is None:
        return Rejected(Reason.MISSING_SECRET)
    if claim.password != PUBLISHED_PASSWORD or claim.stamp != STAMP:
        return Rejected(Reason.WRONG_SECRET)
    return Accepted(claim.device_id, "0" * 24, 1, first=False, checked_stamp=False)


class StubAdmission:
    """Judges at the next turn of the loop, or when `may_judge` is set. Enters sessions as admit.Admission does."""

    def __init__(self, sessions: SessionTable, metrics: Metrics, limits: Limits) -> None:
        self.throttle = Throttle(limits)
        self.is_registry_readable = True
        self.asked: list[str] = []
        self.may_judge = trio.Event()
        self.may_judge.set()
        self.fault: Exception | None = None
        self._sessions = sessions
        self._metrics = metrics

    async def admit(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        self.asked += [request.asserted for request in requests]
        await trio.lowlevel.checkpoint()
        await self.may_judge.wait()
        if self.fault is not None:
            raise self.fault
        outcomes = [verdict_on(request.claim) for request in requests]
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                self._enter(request, outcome)
        return outcomes

    def _enter(self, request: Request, accepted: Accepted) -> None:
        session = Session(request.front, request.connection, STAMP_AT)
        taken_over = self._sessions.attach(accepted.device_id, session)
        if taken_over is not None and taken_over.front.close(taken_over.connection, CloseReason.TAKEN_OVER):
            self._metrics.taken_over()


class Served(NamedTuple):
    """A front and what stands around it. `seen`: what C has accepted by itself, of the native front."""

    front: MqttFront | NativeMqttFront
    address: str
    admission: StubAdmission
    sessions: SessionTable
    attempts: Attempts
    metrics: Metrics
    table: CredentialTable
    seen: Seen

    def told(self) -> dict[str, float]:
        """Every counter of /metrics that has counted, by name and labels."""
        lines = self.metrics.exposition().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if "_total" in line and not line.startswith("#")]
        return {name: float(value) for name, value in pairs if float(value)}


async def _checked() -> None:
    pass


@asynccontextmanager
async def serving(
    kind: str,
    device_ids: Sequence[str] = ("pump",),
    *,
    exempt: bool = True,
    connect_seconds: float = 60.0,
    **bounds: Any,
) -> AsyncIterator[Served]:
    """kind: "native", which knows these devices, "asking", the same without known devices, or "reference"."""
    limits = msgspec.structs.replace(Limits(), **{"refusal_tick_seconds": 0.001, **bounds})
    metrics, attempts = Metrics(), Attempts(limits)
    native_sessions, native_pending = NativeSessionTable(bytes(16)), NativePending(limits, bytes(16))
    pending: Pending = DictPending(limits) if kind == "reference" else native_pending
    sessions: SessionTable = DictSessionTable() if kind == "reference" else native_sessions
    admission = StubAdmission(sessions, metrics, limits)
    services = FrontServices(
        admission=admission,  # type: ignore[arg-type]
        sessions=sessions,
        pending=pending,
        attempts=attempts,
        metrics=metrics.listener("mqtt", "mqtt"),
        health=Health(_checked, limits),
        repeats=Repeats(CLOCK, limits),
        clock=CLOCK,
        limits=limits,
        exempt=networks_of(("127.0.0.0/8",), "") if exempt else (),
    )
    table, seen = known_table(device_ids), Seen(64)
    known = (table, KnownGoodPolicy(limits, "both", 1), seen) if kind == "native" else None
    front: MqttFront | NativeMqttFront
    if kind == "reference":
        front = MqttFront("mqtt", services, lambda sock: TcpTransport(sock, limits), connect_seconds)
    else:
        front = NativeMqttFront("mqtt", services, Shared(native_sessions, native_pending, known), connect_seconds)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        listening.setblocking(False)
        host, port = listening.getsockname()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(front.serve, listening)
            await trio.lowlevel.checkpoint()
            yield Served(front, f"{host}:{port}", admission, sessions, attempts, metrics, table, seen)
            nursery.cancel_scope.cancel()
