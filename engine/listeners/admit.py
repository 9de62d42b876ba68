"""The one place that awaits between claim and verdict: look the record up, judge, commit what follows from it.

Freshness (DESIGN section 3): the invalidation sequence is read before the records; after judging, with no checkpoint in
between, a device touched since is judged again, and every other outcome is committed: session, take-over, notes.
"""

from collections.abc import Mapping, Sequence

import msgspec

from engine.claims.claim import Claim
from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.listeners.peer import Peer
from engine.listeners.throttle import Throttle
from engine.node.bus import Bus
from engine.observe.attempts import Attempts
from engine.observe.metrics import Metrics
from engine.registry.record import Activation, CredentialRow
from engine.registry.sealing import Sealer
from engine.registry.store import Store
from engine.session.replies import IS_NO_PROOF
from engine.session.table import CloseReason, Front, Session, SessionTable
from engine.verdict.judge import Judge
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected


class Request(msgspec.Struct, frozen=True):
    """A claim, who makes it and where: `connection` of `front`, reached by `listener`."""

    claim: Claim
    peer: Peer
    listener: str
    front: Front
    connection: int


class Admission:
    """One per node; every front hands its claims here, one or a batch at a time."""

    def __init__(
        self,
        *,
        store: Store,
        sealer: Sealer,
        judge: Judge,
        bus: Bus,
        sessions: SessionTable,
        throttle: Throttle,
        attempts: Attempts,
        metrics: Metrics,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._judge = judge
        self._bus = bus
        self._sessions = sessions
        self._throttle = throttle
        self._attempts = attempts
        self._metrics = metrics
        self._clock = clock
        self._limits = limits

    async def admit(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """The outcome of each request, in order. An accepted one's session is in the table on return.

        There is no checkpoint between that commit and the return: the caller writes the answer before anything else
        runs. An outage is REGISTRY_UNAVAILABLE, never a refusal of the credential.
        """
        outcomes: dict[int, Outcome] = {}
        now = self._clock.monotonic()
        for index, request in enumerate(requests):
            if self._throttle.is_exceeded(request.peer, request.claim.device_id, now):
                outcomes[index] = Rejected(Reason.RATE_EXCEEDED)
        for _ in range(self._limits.judge_again):
            waiting = {index: request for index, request in enumerate(requests) if index not in outcomes}
            if not waiting:
                break
            try:
                outcomes |= await self._judge_once(waiting)
            except StoreUnavailable:
                self._metrics.store_failed()
                break
        answer = [outcomes.get(index, Rejected(Reason.REGISTRY_UNAVAILABLE)) for index in range(len(requests))]
        for request, outcome in zip(requests, answer, strict=True):
            self._note(request, outcome)
        return answer

    async def _judge_once(self, requests: Mapping[int, Request]) -> dict[int, Outcome]:
        """One look at the records. Leaves out whoever must be judged again because the record changed meanwhile."""
        sequence = self._bus.sequence
        rows = await self._store.credentials([request.claim.device_id for request in requests.values()])
        now = self._clock.wall()
        outcomes = {
            index: self._outcome(request, rows.get(request.claim.device_id), now) for index, request in requests.items()
        }
        durable = [
            Activation(device_id=o.device_id, record_id=o.record_id, at=now, checked_stamp=o.checked_stamp)
            for o in outcomes.values()
            if isinstance(o, Accepted) and (o.first or o.checked_stamp)
        ]
        vanished = {a.device_id for a in durable} - await self._bus.activate(durable) if durable else set()
        # From here to the return there is no checkpoint.
        settled: dict[int, Outcome] = {}
        for index, outcome in outcomes.items():
            request = requests[index]
            device_id = request.claim.device_id
            if device_id in vanished or self._bus.is_changed_since(device_id, sequence):
                continue
            settled[index] = outcome
            if isinstance(outcome, Accepted):
                self._commit(request, outcome, now)
        return settled

    def _outcome(self, request: Request, row: CredentialRow | None, now: float) -> Outcome:
        try:
            credential = self._sealer.open_credential(row)
        except StoreUnavailable:
            # One record that cannot be unsealed must not take the rest of the batch with it.
            return Rejected(Reason.REGISTRY_UNAVAILABLE)
        return self._judge.judge(request.claim, credential, now)

    def _commit(self, request: Request, accepted: Accepted, now: float) -> None:
        session = Session(request.front, request.connection, now)
        taken_over = self._sessions.attach(accepted.device_id, session)
        if taken_over is not None and taken_over.front.close(taken_over.connection, CloseReason.TAKEN_OVER):
            self._metrics.taken_over()
        if not (accepted.first or accepted.checked_stamp):
            self._bus.note_seen(Activation(device_id=accepted.device_id, record_id=accepted.record_id, at=now))

    def _note(self, request: Request, outcome: Outcome) -> None:
        peer, device_id = request.peer, request.claim.device_id
        if isinstance(outcome, Accepted):
            self._throttle.note_success(peer, device_id)
        elif outcome.reason in IS_NO_PROOF:
            self._throttle.note_failure(peer, device_id, self._clock.monotonic())
        self._attempts.record(
            device_id, outcome.reason, peer.address, peer.prefix, request.listener, self._clock.wall()
        )
