"""admit against a real store: what is committed, and what is judged again."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engine.claims.claim import DeviceClaim, NodeClaim, SecretClaim, SignType, TransportSecurity
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.gate.reference.secret import verify_secret
from engine.limits import Limits
from engine.listeners.admit import Admission, OnAccepted, Request
from engine.listeners.peer import Peer
from engine.listeners.throttle import Throttle
from engine.listeners.trust import Trust
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts
from engine.observe.metrics import Metrics
from engine.registry.record import Credential, CredentialRow, DeviceProtocol
from engine.registry.sealing import Sealer
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceUpdate, Store
from engine.session.table import CloseReason, DictSessionTable
from engine.verdict.judge import Judge
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from engine.verdict.policy import VerdictPolicy
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.records import STAMP, password_for
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, audit_entry, new_sealer, open_empty_store

PEER = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)
SECRET = b"0123456789abcdef"


class RecordingFront:
    def __init__(self) -> None:
        self.closed: list[tuple[int, CloseReason]] = []

    def close(self, connection: int, reason: CloseReason) -> bool:
        self.closed.append((connection, reason))
        return True


class InterruptedStore:
    """The real store, and something that happens elsewhere just after the n-th credentials look-up."""

    def __init__(self, store: Store, *interruptions: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._interruptions = list(interruptions)
        self.look_ups = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def credentials(self, device_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        return await self._look_up(self._store.credentials(device_ids))

    async def credentials_by_node(self, node_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        return await self._look_up(self._store.credentials_by_node(node_ids))

    async def _look_up(self, look_up: Awaitable[Mapping[str, CredentialRow]]) -> Mapping[str, CredentialRow]:
        rows = await look_up
        self.look_ups += 1
        if self._interruptions:
            await self._interruptions.pop(0)()
        return rows


class Parts(NamedTuple):
    """One Admission and what stands around it."""

    admission: Admission
    bus: LocalBus
    sessions: DictSessionTable
    front: RecordingFront
    attempts: Attempts

    async def admit(self, *claims: SecretClaim | NodeClaim) -> Sequence[Outcome]:
        requests = [Request(c, PEER, "mqtt", self.front, number) for number, c in enumerate(claims, 1)]
        return await self.admission.admit(requests)

    async def reason(self, claim: SecretClaim | NodeClaim) -> Reason:
        (outcome,) = await self.admit(claim)
        return outcome.reason


def parts_over(
    store: Any, sealer: Sealer, limits: Limits | None = None, on_accepted: OnAccepted | None = None, **policy: Any
) -> Parts:
    limits = limits or Limits()
    sessions, attempts = DictSessionTable(), Attempts(limits)
    bus = LocalBus(store, sessions, limits, CLOCK)
    admission = Admission(
        store=store,
        sealer=sealer,
        judge=Judge(VerdictPolicy(**policy), verify_secret, VERIFY_CHAIN.reference),
        trust=Trust(store.certificates),
        bus=bus,
        sessions=sessions,
        throttle=Throttle(limits),
        attempts=attempts,
        metrics=Metrics(),
        clock=CLOCK,
        limits=limits,
        on_accepted=on_accepted,
    )
    return Parts(admission, bus, sessions, RecordingFront(), attempts)


@asynccontextmanager
async def furnished(tmp_path: Path) -> AsyncIterator[tuple[SqliteStore, Sealer]]:
    """A store with the devices pump and valve."""
    sealer = new_sealer()
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        for device_id in ("pump", "valve"):
            await add_device(store, sealer, device_id, SECRET)
        yield store, sealer


def claim(
    device_id: str = "pump", secret: bytes = SECRET, sign_type: SignType = SignType.STAMP_NOT_JUDGED
) -> SecretClaim:
    stamp = STAMP if sign_type is SignType.STAMP_NOT_JUDGED else time.strftime("%Y%m%d%H", time.gmtime()).encode()
    return SecretClaim(device_id, device_id, password_for(secret, stamp), sign_type, stamp)


async def test_outcomes_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        outcomes = await parts.admit(claim(secret=b"wrong"), claim("valve"), claim("nobody"), claim("pump"))
        assert [outcome.reason for outcome in outcomes] == [
            Reason.WRONG_SECRET,
            Reason.ACCEPTED,
            Reason.UNKNOWN_DEVICE,
            Reason.ACCEPTED,
        ]
        assert len(parts.sessions) == 2
        assert await parts.admit() == []


async def test_first_acceptance_is_durable_before_the_answer(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        (outcome,) = await parts.admit(claim())
        assert isinstance(outcome, Accepted)
        assert outcome.first
        device = (await store.devices(PROJECT, ["pump"]))["pump"]
        assert device.activated_at is not None
        (again,) = await parts.admit(claim())
        assert isinstance(again, Accepted)
        assert not again.first


async def test_newer_connection_takes_the_older_over(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        await parts.admit(claim("pump"), claim("valve"))
        await parts.admission.admit([Request(claim("pump"), PEER, "mqtt", parts.front, 9)])
        assert parts.front.closed == [(1, CloseReason.TAKEN_OVER)]
        session = parts.sessions.find("pump")
        assert session is not None
        assert session.connection == 9


async def test_refused_claim_touches_no_session(tmp_path: Path) -> None:
    """amqtt deletes the victim's session before it authenticates (STYLE, to avoid 1)."""
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        await parts.admit(claim())
        assert await parts.reason(claim(secret=b"wrong")) is Reason.WRONG_SECRET
        assert parts.front.closed == []
        assert parts.sessions.find("pump") is not None


async def test_device_frozen_between_look_up_and_verdict_is_judged_again(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):

        async def freeze() -> None:
            assert await store.set_frozen(PROJECT, "pump", True, audit_entry("device.freeze", "pump")) is None
            await parts.bus.invalidate(["pump"], close=True)

        parts = parts_over(InterruptedStore(store, freeze), sealer)
        assert await parts.reason(claim()) is Reason.DEVICE_FROZEN
        assert len(parts.sessions) == 0


async def test_device_deleted_during_its_first_activation_is_not_accepted(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):

        async def delete() -> None:
            assert await store.delete_device(PROJECT, "pump", audit_entry("device.delete", "pump")) is None

        parts = parts_over(InterruptedStore(store, delete), sealer)
        assert await parts.reason(claim()) is Reason.UNKNOWN_DEVICE
        assert len(parts.sessions) == 0


async def test_device_that_never_stops_changing_is_unavailable_not_accepted(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):

        async def change() -> None:
            await parts.bus.invalidate(["pump"], close=False)

        interrupted = InterruptedStore(store, *[change] * 100)
        parts = parts_over(interrupted, sealer)
        outcomes = await parts.admit(claim("pump"), claim("valve"))
        assert [o.reason for o in outcomes] == [Reason.REGISTRY_UNAVAILABLE, Reason.ACCEPTED]
        assert interrupted.look_ups == Limits().judge_again


async def test_change_of_another_device_does_not_cost_a_second_look(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):

        async def change() -> None:
            await parts.bus.invalidate(["valve"], close=False)

        interrupted = InterruptedStore(store, change)
        parts = parts_over(interrupted, sealer)
        assert await parts.reason(claim("pump")) is Reason.ACCEPTED
        assert interrupted.look_ups == 1


async def test_promise_7_every_failing_store_call_is_unavailable_never_yes_never_no(tmp_path: Path) -> None:
    """The n-th call fails, for n = 1, 2, 3, ... until none of them is reached."""
    for number in range(1, 20):
        async with furnished(tmp_path / str(number)) as (store, sealer):
            faulty = FaultyStore(store, fail_at=number)
            parts = parts_over(faulty, sealer)
            right, wrong, unknown = await parts.admit(claim(), claim("valve", b"wrong"), claim("nobody"))
            if right.reason is Reason.ACCEPTED:
                assert [wrong.reason, unknown.reason] == [Reason.WRONG_SECRET, Reason.UNKNOWN_DEVICE]
                assert number > 2, "look-up and activation are two calls at least"
                return
            assert right == Rejected(Reason.REGISTRY_UNAVAILABLE)
            assert {wrong.reason, unknown.reason} == {Reason.REGISTRY_UNAVAILABLE}
            assert len(parts.sessions) == 0
            retried = await parts.reason(claim())
            assert retried is Reason.ACCEPTED, "the outage is over"
    raise AssertionError("never accepted")


async def test_secret_that_cannot_be_unsealed_is_unavailable_and_spares_the_rest(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        await add_device(store, new_sealer(), "sealed-elsewhere", SECRET)
        parts = parts_over(store, sealer)
        outcomes = await parts.admit(claim("sealed-elsewhere"), claim("pump"))
        assert [o.reason for o in outcomes] == [Reason.REGISTRY_UNAVAILABLE, Reason.ACCEPTED]


async def test_sticky_policy_remembers_a_judged_stamp_for_good(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer, sign_types="sticky")
        assert await parts.reason(claim()) is Reason.ACCEPTED
        assert await parts.reason(claim(sign_type=SignType.STAMP_JUDGED)) is Reason.ACCEPTED
        assert await parts.reason(claim()) is Reason.SIGN_TYPE_NOT_ALLOWED
        afresh = parts_over(store, sealer, sign_types="sticky")
        assert await afresh.reason(claim()) is Reason.SIGN_TYPE_NOT_ALLOWED


async def test_promise_4_too_many_failures_are_refused_before_any_look_up(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        counting = InterruptedStore(store)
        parts = parts_over(counting, sealer)
        for _ in range(15):
            assert await parts.reason(claim(secret=b"wrong")) is Reason.WRONG_SECRET
        assert counting.look_ups == 15
        assert await parts.reason(claim()) is Reason.RATE_EXCEEDED
        assert counting.look_ups == 15
        assert await parts.reason(claim("valve")) is Reason.ACCEPTED


async def test_attempts_keep_the_exact_reason(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        await parts.admit(claim(), claim(secret=b"wrong"))
        assert [attempt.reason for attempt in parts.attempts.of_device("pump")] == [
            Reason.WRONG_SECRET,
            Reason.ACCEPTED,
        ]


def node_claim(node_id: str = "meter") -> NodeClaim:
    return NodeClaim(node_id, TransportSecurity.NONE)


@asynccontextmanager
async def with_meters(tmp_path: Path) -> AsyncIterator[tuple[SqliteStore, Sealer]]:
    """As furnished, and two CoAP devices: meter may do without security, vault may not."""
    async with furnished(tmp_path) as (store, sealer):
        await add_product(store, "lwm2m", "CoAP")
        for node_id, secure in (("meter", False), ("vault", True)):
            await add_device(
                store,
                sealer,
                f"device-{node_id}",
                b"0123456789abcdef",
                "lwm2m",
                node_id=node_id,
                protocol=DeviceProtocol.COAP,
                secure_access=secure,
            )
        yield store, sealer


async def test_claims_of_both_kinds_are_judged_in_one_batch(tmp_path: Path) -> None:
    async with with_meters(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        outcomes = await parts.admit(node_claim(), claim("pump"), node_claim("vault"), node_claim("pump"))
        assert [o.reason for o in outcomes] == [
            Reason.ACCEPTED,
            Reason.ACCEPTED,
            Reason.SECURE_ACCESS_REQUIRED,
            Reason.UNKNOWN_DEVICE,
        ]
        assert parts.sessions.find("device-meter") is not None
        assert len(parts.sessions) == 2


async def test_node_claim_is_remembered_under_its_device_and_throttled_by_what_it_asserts(tmp_path: Path) -> None:
    async with with_meters(tmp_path) as (store, sealer):
        counting = InterruptedStore(store)
        parts = parts_over(counting, sealer)
        for _ in range(15):
            assert await parts.reason(node_claim("vault")) is Reason.SECURE_ACCESS_REQUIRED
        assert await parts.reason(node_claim("vault")) is Reason.RATE_EXCEEDED
        assert await parts.reason(node_claim("meter")) is Reason.ACCEPTED
        reasons = [attempt.reason for attempt in parts.attempts.of_device("device-vault")]
        assert set(reasons) == {Reason.SECURE_ACCESS_REQUIRED}
        assert [attempt.reason for attempt in parts.attempts.of_device("vault")] == [Reason.RATE_EXCEEDED]


async def test_node_frozen_between_look_up_and_verdict_is_judged_again(tmp_path: Path) -> None:
    async with with_meters(tmp_path) as (store, sealer):

        async def freeze() -> None:
            await store.set_frozen(PROJECT, "device-meter", True, audit_entry("device.freeze", "device-meter"))
            await parts.bus.invalidate(["device-meter"], close=True)

        parts = parts_over(InterruptedStore(store, freeze), sealer)
        assert await parts.reason(node_claim()) is Reason.DEVICE_FROZEN
        assert len(parts.sessions) == 0


async def test_renewal_is_judged_and_enters_no_session(tmp_path: Path) -> None:
    async with with_meters(tmp_path) as (store, sealer):
        parts = parts_over(store, sealer)
        await parts.admit(node_claim())
        before = parts.sessions.find("device-meter")
        for number in (1, 2):
            request = Request(node_claim(), PEER, "coap", parts.front, number, is_renewal=True)
            (outcome,) = await parts.admission.admit([request])
            assert outcome.reason is Reason.ACCEPTED
        assert parts.sessions.find("device-meter") is before
        assert parts.front.closed == []


async def test_promise_7_an_outage_is_unavailable_for_nodes_too(tmp_path: Path) -> None:
    async with with_meters(tmp_path) as (store, sealer):
        parts = parts_over(FaultyStore(store, fail_at=1), sealer)
        assert await parts.reason(node_claim()) is Reason.REGISTRY_UNAVAILABLE
        assert await parts.reason(node_claim()) is Reason.ACCEPTED


async def test_who_learns_of_accepted_devices_gets_the_record_and_the_number_it_was_read_under(tmp_path: Path) -> None:
    """Only of devices that a secret proved, and of the look that was committed: C accepts them by it from then on."""
    told: list[tuple[str, int, int]] = []

    def note(claimed: DeviceClaim, credential: Credential, accepted: Accepted, sequence: int) -> None:
        assert claimed == claim("pump")
        assert accepted.device_id == credential.row.device_id
        told.append((credential.row.device_id, credential.row.generation, sequence))

    async with furnished(tmp_path) as (store, sealer):
        await add_product(store, "coap", "CoAP")
        fields = {"protocol": DeviceProtocol.COAP, "secure_access": False}
        await add_device(store, sealer, "meter", SECRET, "coap", **fields)

        async def change() -> None:
            entry = audit_entry("device.update", "pump")
            assert await store.update_device(PROJECT, "pump", DeviceUpdate(secure_access=False), entry) is None
            await parts.bus.invalidate(["pump"], close=False)

        parts = parts_over(InterruptedStore(store, change), sealer, on_accepted=note)
        await parts.admit(claim("pump"), claim("valve", b"wrong"), claim("nobody"))
        await parts.admit(NodeClaim("meter", TransportSecurity.NONE))
        assert told == [("pump", 2, 1)]
