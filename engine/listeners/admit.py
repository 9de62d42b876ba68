"""The one place that awaits between claim and verdict: look the record up, judge, commit what follows from it.

Freshness (DESIGN section 3): the invalidation sequence is read before the records; after judging, with no checkpoint in
between, a device touched since is judged again, and every other outcome is committed: session, take-over, notes.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from engine.claims.claim import CertificateClaim, Claim, DeviceClaim, NodeClaim
from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.gate.interface import AnchorSet
from engine.limits import Limits
from engine.listeners.peer import Peer
from engine.listeners.throttle import Throttle
from engine.listeners.trust import NOBODY, Trust
from engine.node.bus import Bus
from engine.observe.attempts import Attempts
from engine.observe.metrics import Metrics
from engine.registry.certificates import read_device_certificate
from engine.registry.record import Activation, CertificateStatus, CredentialRow
from engine.registry.sealing import Sealer
from engine.registry.store import Store
from engine.session.replies import IS_NO_PROOF
from engine.session.table import CloseReason, Front, Session, SessionTable
from engine.verdict.judge import Judge
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

OnAccepted = Callable[[DeviceClaim, CredentialRow, Accepted, int], None]
"""Told of a device that secret or certificate has proved: the claim, the row it was judged by, and the bus's number
before that was read."""

_Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, CredentialRow]]]


class Request(msgspec.Struct, frozen=True):
    """A claim, who makes it and where: `connection` of `front`, reached by `listener`.

    `is_renewal`: the connection was admitted before and is judged again, so that no session is entered for it.
    """

    claim: Claim
    peer: Peer
    listener: str
    front: Front
    connection: int
    is_renewal: bool = False

    @property
    def asserted(self) -> str:
        """What the peer calls itself: a device_id, or a node_id."""
        return self.claim.endpoint_name if isinstance(self.claim, NodeClaim) else self.claim.device_id


class Admission:
    """One per node; every front hands its claims here, one or a batch at a time."""

    def __init__(
        self,
        *,
        store: Store,
        sealer: Sealer,
        judge: Judge,
        trust: Trust,
        bus: Bus,
        sessions: SessionTable,
        throttle: Throttle,
        attempts: Attempts,
        metrics: Metrics,
        clock: Clock,
        limits: Limits,
        on_accepted: OnAccepted | None = None,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._judge = judge
        self._trust = trust
        self._bus = bus
        self._sessions = sessions
        self._throttle = throttle
        self._attempts = attempts
        self._metrics = metrics
        self._clock = clock
        self._limits = limits
        self._on_accepted = on_accepted
        self._is_registry_readable = True

    @property
    def is_registry_readable(self) -> bool:
        """Whether the last look-up was answered. While it was not, nobody may be accepted without one (THREATS 7)."""
        return self._is_registry_readable

    @property
    def throttle(self) -> Throttle:
        """Who is refused unseen."""
        return self._throttle

    async def admit(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """The outcome of each request, in order. An accepted one's session is in the table on return.

        There is no checkpoint between that commit and the return: the caller writes the answer before anything else
        runs. An outage is REGISTRY_UNAVAILABLE, never a refusal of the credential.
        """
        settled: dict[int, tuple[str, Outcome]] = {}
        now = self._clock.monotonic()
        for index, request in enumerate(requests):
            if self._throttle.is_exceeded(request.peer, request.asserted, now):
                settled[index] = request.asserted, Rejected(Reason.RATE_EXCEEDED)
        for _ in range(self._limits.judge_again):
            waiting = {index: request for index, request in enumerate(requests) if index not in settled}
            if not waiting:
                break
            try:
                settled |= await self._judge_once(waiting)
            except StoreUnavailable:
                self._metrics.store_failed()
                break
        for index, request in enumerate(requests):
            device_id, outcome = settled.setdefault(index, (request.asserted, Rejected(Reason.REGISTRY_UNAVAILABLE)))
            self._note(request, device_id, outcome)
        return [settled[index][1] for index in range(len(requests))]

    async def look(self) -> None:
        """Look up nobody, so that is_registry_readable says what is now, even when everybody is known without."""
        try:
            await self._look_up(self._store.credentials, [""])
        except StoreUnavailable:
            self._metrics.store_failed()

    async def _look_up(self, ask: _Ask, ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        try:
            rows = await ask(ids)
        except StoreUnavailable:
            self._is_registry_readable = False
            raise
        self._is_registry_readable = True
        return rows

    async def _judge_once(self, requests: Mapping[int, Request]) -> dict[int, tuple[str, Outcome]]:
        """One look at the records: device_id and outcome of each request.

        Leaves out whoever must be judged again because the record changed meanwhile.
        """
        sequence = self._bus.sequence
        rows = await self._rows(requests)
        certified = [index for index, request in requests.items() if isinstance(request.claim, CertificateClaim)]
        anchors = await self._trust.anchors() if certified else {}
        now = self._clock.wall()
        outcomes = {index: self._outcome(request, rows[index], anchors, now) for index, request in requests.items()}
        for index in certified:
            outcomes[index] = await self._noted(requests[index], rows[index], anchors, outcomes[index], now)
        durable = [
            Activation(device_id=o.device_id, record_id=o.record_id, at=now, checked_stamp=o.checked_stamp)
            for o in outcomes.values()
            if isinstance(o, Accepted) and (o.first or o.checked_stamp)
        ]
        vanished = {a.device_id for a in durable} - await self._bus.activate(durable) if durable else set()
        # From here to the return there is no checkpoint.
        settled: dict[int, tuple[str, Outcome]] = {}
        for index, outcome in outcomes.items():
            request, row = requests[index], rows[index]
            device_id = request.asserted if row is None else row.device_id
            if device_id in vanished or self._bus.is_changed_since(device_id, sequence):
                continue
            if index in certified and self._bus.are_certificates_changed_since(sequence):
                continue
            settled[index] = device_id, outcome
            if isinstance(outcome, Accepted):
                self._commit(request, outcome, now)
                if self._on_accepted is not None and row is not None and not isinstance(request.claim, NodeClaim):
                    self._on_accepted(request.claim, row, outcome, sequence)
        return settled

    async def _rows(self, requests: Mapping[int, Request]) -> dict[int, CredentialRow | None]:
        """The row that each claim names. A batch is of one kind mostly: one look-up, or two."""
        device_ids = [r.claim.device_id for r in requests.values() if not isinstance(r.claim, NodeClaim)]
        node_ids = [r.claim.endpoint_name for r in requests.values() if isinstance(r.claim, NodeClaim)]
        by_device = await self._look_up(self._store.credentials, device_ids) if device_ids else {}
        by_node = await self._look_up(self._store.credentials_by_node, node_ids) if node_ids else {}
        return {
            index: (by_node if isinstance(request.claim, NodeClaim) else by_device).get(request.asserted)
            for index, request in requests.items()
        }

    async def _noted(
        self,
        request: Request,
        row: CredentialRow | None,
        anchors: Mapping[str, AnchorSet],
        outcome: Outcome,
        now: float,
    ) -> Outcome:
        """What becomes of an accepted certificate once it is on record: INACTIVE is refused, a first one is pinned."""
        if not isinstance(outcome, Accepted) or row is None or not isinstance(request.claim, CertificateClaim):
            return outcome
        status = await self._status(request.claim.leaf, row.project_id, now)
        if status is None:
            # The verifier let it through, the reader of the registry does not: what cannot be on record is not let in.
            return Rejected(Reason.UNTRUSTED_CERTIFICATE)
        if status is not CertificateStatus.ACTIVE:
            return self._outcome(request, row, anchors, now, is_inactive=True)
        if outcome.pin is not None and not await self._bus.pin(row.device_id, row.generation, outcome.pin):
            # Another certificate was first, or this one is another device's. Who lost the race is judged by what was
            # pinned; a certificate that still could only be pinned belongs to somebody else.
            fresh = (await self._store.credentials([row.device_id])).get(row.device_id)
            again = self._outcome(request, fresh, anchors, now)
            is_pinned = isinstance(again, Rejected) or again.pin is None
            return again if is_pinned else Rejected(Reason.WRONG_CERTIFICATE)
        return outcome

    async def _status(self, leaf: bytes, project_id: str, now: float) -> CertificateStatus | None:
        """That of the certificate on record, where it is put at its first sight; None where it cannot be."""
        certificates = self._store.certificates
        known = await certificates.certificate_status(project_id, hashlib.sha256(leaf).hexdigest())
        if known is not None:
            return known
        record_id = await self._store.allocate_record_id(now)
        try:
            certificate = read_device_certificate(leaf, project_id, record_id, now)
        except ValueError:
            return None
        return (await certificates.note_device_certificate(certificate)).status

    def _outcome(
        self,
        request: Request,
        row: CredentialRow | None,
        anchors: Mapping[str, AnchorSet],
        now: float,
        *,
        is_inactive: bool = False,
    ) -> Outcome:
        if isinstance(request.claim, NodeClaim):
            return self._judge.judge_node(request.claim, row, now)
        try:
            credential = self._sealer.open_credential(row)
        except StoreUnavailable:
            # One record that cannot be unsealed must not take the rest of the batch with it.
            return Rejected(Reason.REGISTRY_UNAVAILABLE)
        if isinstance(request.claim, CertificateClaim):
            trusted = anchors.get(credential.row.project_id, NOBODY)
            return self._judge.judge_certificate(request.claim, trusted, credential, now, is_inactive=is_inactive)
        return self._judge.judge_secret(request.claim, credential, now)

    def _commit(self, request: Request, accepted: Accepted, now: float) -> None:
        if not request.is_renewal:
            session = Session(request.front, request.connection, now, accepted.proved_by)
            taken_over = self._sessions.attach(accepted.device_id, session)
            if taken_over is not None and taken_over.front.close(taken_over.connection, CloseReason.TAKEN_OVER):
                self._metrics.taken_over()
        if not (accepted.first or accepted.checked_stamp):
            self._bus.note_seen(Activation(device_id=accepted.device_id, record_id=accepted.record_id, at=now))

    def _note(self, request: Request, device_id: str, outcome: Outcome) -> None:
        peer = request.peer
        if isinstance(outcome, Accepted):
            self._throttle.note_success(peer, request.asserted)
        elif outcome.reason in IS_NO_PROOF:
            self._throttle.note_failure(peer, request.asserted, self._clock.monotonic())
        self._attempts.record(
            device_id, outcome.reason, peer.address, peer.prefix, request.listener, self._clock.wall()
        )
