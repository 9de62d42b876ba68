"""The one place that awaits between claim and verdict: look the record up, judge, commit what follows from it.

Freshness (DESIGN section 3): the invalidation sequence is read before the records; after judging, with no checkpoint in
between, a device touched since is judged again, and every other outcome is committed: session, take-over, notes.
"""

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
from engine.registry.record import Activation, CertificateStatus, Credential, CredentialRow
from engine.registry.sealing import Sealer
from engine.registry.store import Store
from engine.session.replies import IS_NO_PROOF
from engine.session.table import CloseReason, Front, Session, SessionTable
from engine.verdict.judge import Judge
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected

OnAccepted = Callable[[DeviceClaim, Credential, Accepted, int], None]
"""Told of a device that secret or certificate has proved: the claim, what it was judged by, and the bus's number before
that was read."""

OnRows = Callable[[Sequence[CredentialRow], int], None]
"""Told of rows just read, and of the bus's number before that."""

_UNDECIDED = Rejected(Reason.REGISTRY_UNAVAILABLE)
"""What is said where nothing could be decided."""

_Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, CredentialRow]]]


class Request(msgspec.Struct, frozen=True, gc=False):
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


class _Case(msgspec.Struct, eq=False, gc=False):
    """A request on its way: what was found of the device that it asserts to be, and the outcome once that stands."""

    request: Request
    asserted: str
    device_id: str
    row: CredentialRow | None = None
    credential: Credential | None = None
    outcome: Outcome = _UNDECIDED


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
        cases = [_Case(request, asserted, asserted) for request in requests for asserted in (request.asserted,)]
        waiting = self._let_in(cases)
        for _ in range(self._limits.judge_again):
            if not waiting:
                break
            try:
                await self._judge_once(waiting)
            except StoreUnavailable:
                self._metrics.store_failed()
                break
            waiting = [case for case in waiting if case.outcome is _UNDECIDED]
        now = self._clock.wall()
        for case in cases:
            self._note(case, now)
        return [case.outcome for case in cases]

    def _let_in(self, cases: Sequence[_Case]) -> Sequence[_Case]:
        """Those who are not refused unseen."""
        if not len(self._throttle):
            return cases
        now = self._clock.monotonic()
        for case in cases:
            if self._throttle.is_exceeded(case.request.peer, case.asserted, now):
                case.outcome = Rejected(Reason.RATE_EXCEEDED)
        return [case for case in cases if case.outcome is _UNDECIDED]

    async def look(self) -> None:
        """Look up nobody, so that is_registry_readable says what is now, even when everybody is known without."""
        try:
            await self._look_up(self._store.credentials, [""])
        except StoreUnavailable:
            self._metrics.store_failed()

    async def learn(self, device_ids: Sequence[str], on_rows: OnRows) -> None:
        """Have the rows of these devices handed on, as far as they are there and can be read.

        A few are read with no checkpoint (Store.credentials).
        """
        sequence = self._bus.sequence
        try:
            rows = await self._look_up(self._store.credentials, device_ids)
        except StoreUnavailable:
            self._metrics.store_failed()
        else:
            self._metrics.looked_up(len(rows))
            on_rows(list(rows.values()), sequence)

    async def _look_up(self, ask: _Ask, ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        try:
            rows = await ask(ids)
        except StoreUnavailable:
            self._is_registry_readable = False
            raise
        self._is_registry_readable = True
        return rows

    async def _judge_once(self, cases: Sequence[_Case]) -> None:
        """One look at the records, and the outcome of each case but of those that must be judged again because their
        record changed meanwhile."""
        sequence = self._bus.sequence
        await self._find_rows(cases)
        certified = [case for case in cases if isinstance(case.request.claim, CertificateClaim)]
        anchors = await self._trust.anchors() if certified else {}
        now = self._clock.wall()
        outcomes = [self._outcome(case, anchors, now) for case in cases]
        if certified:
            outcomes = await self._all_noted(cases, outcomes, anchors, now)
        durable = [
            Activation(device_id=o.device_id, record_id=o.record_id, at=now, checked_stamp=o.checked_stamp)
            for o in outcomes
            if isinstance(o, Accepted) and (o.first or o.checked_stamp)
        ]
        vanished = {a.device_id for a in durable} - await self._bus.activate(durable) if durable else set()
        # From here to the return there is no checkpoint.
        is_changed = self._bus.sequence != sequence
        for case, outcome in zip(cases, outcomes, strict=True):
            row = case.row
            device_id = case.asserted if row is None else row.device_id
            if device_id in vanished or (is_changed and self._is_stale(case, device_id, sequence)):
                continue
            case.device_id, case.outcome = device_id, outcome
            if isinstance(outcome, Accepted):
                claim = case.request.claim
                self._commit(case.request, outcome, now)
                if self._on_accepted is not None and case.credential is not None and not isinstance(claim, NodeClaim):
                    self._on_accepted(claim, case.credential, outcome, sequence)

    def _is_stale(self, case: _Case, device_id: str, sequence: int) -> bool:
        """Whether what the case was judged by has changed since."""
        return self._bus.is_changed_since(device_id, sequence) or (
            isinstance(case.request.claim, CertificateClaim) and self._bus.are_certificates_changed_since(sequence)
        )

    async def _find_rows(self, cases: Sequence[_Case]) -> None:
        """The row that each claim names. A batch is of one kind mostly: one look-up, or two."""
        node_ids = [case.asserted for case in cases if isinstance(case.request.claim, NodeClaim)]
        device_ids = [case.asserted for case in cases if not isinstance(case.request.claim, NodeClaim)]
        by_device = await self._look_up(self._store.credentials, device_ids) if device_ids else {}
        by_node = await self._look_up(self._store.credentials_by_node, node_ids) if node_ids else {}
        for case in cases:
            rows = by_node if isinstance(case.request.claim, NodeClaim) else by_device
            case.row = rows.get(case.asserted)

    async def _all_noted(
        self, cases: Sequence[_Case], outcomes: Sequence[Outcome], anchors: Mapping[str, AnchorSet], now: float
    ) -> list[Outcome]:
        """The outcomes once the certificates that were accepted are on record. One look-up for a project's."""
        by_project: dict[str, list[str]] = {}
        for case, outcome in zip(cases, outcomes, strict=True):
            if case.row is not None and isinstance(outcome, Accepted) and outcome.proved_by is not None:
                by_project.setdefault(case.row.project_id, []).append(outcome.proved_by.leaf_sha256.hex())
        look_up = self._store.certificates.certificate_statuses
        statuses = {project_id: await look_up(project_id, leaves) for project_id, leaves in by_project.items()}
        return [
            await self._noted(case, outcome, statuses, anchors, now)
            for case, outcome in zip(cases, outcomes, strict=True)
        ]

    async def _noted(
        self,
        case: _Case,
        outcome: Outcome,
        statuses: Mapping[str, Mapping[str, CertificateStatus]],
        anchors: Mapping[str, AnchorSet],
        now: float,
    ) -> Outcome:
        """What becomes of an accepted certificate once it is on record: INACTIVE is refused, a first one is pinned."""
        claim, row, credential = case.request.claim, case.row, case.credential
        if not isinstance(claim, CertificateClaim) or not isinstance(outcome, Accepted):
            return outcome
        if row is None or credential is None or outcome.proved_by is None:
            return Rejected(Reason.UNTRUSTED_CERTIFICATE)  # not reached: whoever is accepted has all three
        status = statuses[row.project_id].get(outcome.proved_by.leaf_sha256.hex())
        if status is None:
            status = await self._first_status(claim.leaf, row.project_id, now)
        if status is None:
            # The verifier let it through, the reader of the registry does not: what cannot be on record is not let in.
            return Rejected(Reason.UNTRUSTED_CERTIFICATE)
        if status is not CertificateStatus.ACTIVE:
            return self._judge_certificate(claim, credential, anchors, now, is_inactive=True)
        if outcome.pin is not None and not await self._bus.pin(row.device_id, row.generation, outcome.pin):
            # Another certificate was first, or this one is another device's. Who lost the race is judged by what was
            # pinned; a certificate that still could only be pinned belongs to somebody else.
            fresh = (await self._store.credentials([row.device_id])).get(row.device_id)
            again = self._judge_certificate(claim, self._sealer.closed_credential(fresh), anchors, now)
            is_pinned = isinstance(again, Rejected) or again.pin is None
            return again if is_pinned else Rejected(Reason.WRONG_CERTIFICATE)
        return outcome

    async def _first_status(self, leaf: bytes, project_id: str, now: float) -> CertificateStatus | None:
        """Put a certificate on record at its first sight; its status there, None where it cannot be."""
        record_id = await self._store.allocate_record_id(now)
        try:
            certificate = read_device_certificate(leaf, project_id, record_id, now)
        except ValueError:
            return None
        return (await self._store.certificates.note_device_certificate(certificate)).status

    def _outcome(self, case: _Case, anchors: Mapping[str, AnchorSet], now: float) -> Outcome:
        claim = case.request.claim
        if isinstance(claim, NodeClaim):
            return self._judge.judge_node(claim, case.row, now)
        if isinstance(claim, CertificateClaim):
            case.credential = self._sealer.closed_credential(case.row)
            return self._judge_certificate(claim, case.credential, anchors, now)
        try:
            case.credential = self._sealer.open_credential(case.row)
        except StoreUnavailable:
            # One record that cannot be unsealed must not take the rest of the batch with it.
            return Rejected(Reason.REGISTRY_UNAVAILABLE)
        return self._judge.judge_secret(claim, case.credential, now)

    def _judge_certificate(
        self,
        claim: CertificateClaim,
        credential: Credential,
        anchors: Mapping[str, AnchorSet],
        now: float,
        *,
        is_inactive: bool = False,
    ) -> Outcome:
        trusted = anchors.get(credential.row.project_id, NOBODY)
        return self._judge.judge_certificate(claim, trusted, credential, now, is_inactive=is_inactive)

    def _commit(self, request: Request, accepted: Accepted, now: float) -> None:
        if not request.is_renewal:
            session = Session(request.front, request.connection, now, accepted.proved_by)
            taken_over = self._sessions.attach(accepted.device_id, session)
            if taken_over is not None and taken_over.front.close(taken_over.connection, CloseReason.TAKEN_OVER):
                self._metrics.taken_over()
        if not (accepted.first or accepted.checked_stamp):
            self._bus.note_seen(Activation(device_id=accepted.device_id, record_id=accepted.record_id, at=now))

    def _note(self, case: _Case, now: float) -> None:
        request, outcome = case.request, case.outcome
        peer = request.peer
        if isinstance(outcome, Accepted):
            self._throttle.note_success(peer, case.asserted)
        elif outcome.reason in IS_NO_PROOF:
            self._throttle.note_failure(peer, case.asserted, self._clock.monotonic())
        self._attempts.record(case.device_id, outcome.reason, peer.address, peer.prefix, request.listener, now)
