"""admit on certificate claims against a real store: the outage at every call, and what changes in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trio
from cryptography.hazmat.primitives.serialization import Encoding

from engine.claims.claim import CertificateClaim, SignType
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.gate.reference.secret import verify_secret
from engine.limits import Limits
from engine.listeners.admit import Admission, Request
from engine.listeners.peer import Peer
from engine.listeners.throttle import Throttle
from engine.listeners.trust import Trust
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts
from engine.observe.metrics import Metrics
from engine.registry.certificates import DeviceCa, read_device_ca
from engine.registry.record import AuthType, CaCertificate
from engine.registry.sealing import Sealer
from engine.registry.sqlite import SqliteStore
from engine.session.table import DictSessionTable
from engine.verdict.judge import Judge
from engine.verdict.outcome import Reason
from engine.verdict.policy import VerdictPolicy
from tests.helpers.device_certificates import Certified, issue
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.records import STAMP
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, audit_entry, new_sealer, open_empty_store
from tests.listeners.test_admit import InterruptedStore, RecordingFront

PEER = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)
CA_ID = "c" * 24


class Fleet(NamedTuple):
    """A store with a verified CA and the CERTIFICATES devices pump and valve."""

    store: SqliteStore
    sealer: Sealer
    ca: Certified


@asynccontextmanager
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    sealer, ca = new_sealer(), issue("Fleet CA", is_ca=True)
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        for device_id in ("pump", "valve"):
            await add_device(store, sealer, device_id, b"", auth_type=AuthType.CERTIFICATES, sealed_primary=None)
        read = read_device_ca(ca.certificate.public_bytes(Encoding.PEM).decode(), CLOCK.wall())
        assert isinstance(read, DeviceCa)
        record = CaCertificate(
            certificate_id=CA_ID,
            project_id=PROJECT,
            app_id="default",
            der=ca.der,
            fingerprint=read.fingerprint,
            effective_at=0,
            expires_at=2**31,
            verify_code="code",
            created_at=0,
        )
        assert await store.certificates.add_ca(record, audit_entry("certificate.create", CA_ID)) is None
        assert await store.certificates.verify_ca(PROJECT, CA_ID, audit_entry("certificate.verify", CA_ID)) is None
        yield Fleet(store, sealer, ca)


class Gate:
    """One Admission over a store, and the Bus that tells it of changes."""

    def __init__(self, store: Any, sealer: Sealer) -> None:
        limits, self.sessions = Limits(), DictSessionTable()
        trust = Trust(store.certificates)

        async def forget() -> None:
            trust.forget()
            await trio.lowlevel.checkpoint()

        self.bus = LocalBus(store, self.sessions, limits, CLOCK, forget)
        self.admission = Admission(
            store=store,
            sealer=sealer,
            judge=Judge(VerdictPolicy(), verify_secret, VERIFY_CHAIN.reference),
            trust=trust,
            bus=self.bus,
            sessions=self.sessions,
            throttle=Throttle(limits),
            attempts=Attempts(limits),
            metrics=Metrics(),
            clock=CLOCK,
            limits=limits,
        )

    async def reason(self, certificate: Certified, device_id: str = "pump") -> Reason:
        claim = CertificateClaim(device_id, device_id, SignType.STAMP_NOT_JUDGED, STAMP, certificate.der, ())
        (outcome,) = await self.admission.admit([Request(claim, PEER, "mqtts", RecordingFront(), 1)])
        return outcome.reason


async def test_promise_7_an_outage_at_any_call_is_unavailable_and_pins_nothing_foreign(tmp_path: Path) -> None:
    """The n-th call fails, for n = 1, 2, 3, ...; the same certificate passes once the outage is over."""
    for number in range(1, 20):
        await trio.Path(tmp_path / str(number)).mkdir()
        async with fleet(tmp_path / str(number)) as (store, sealer, ca):
            faulty = FaultyStore(store, fail_at=number)
            gate, mine = Gate(faulty, sealer), issue("pump", ca)
            reason = await gate.reason(mine)
            if not faulty.has_failed:
                assert reason is Reason.ACCEPTED
                assert number > 5, "look-up, anchors, record id, note, pin and activation are six calls"
                return
            assert reason is Reason.REGISTRY_UNAVAILABLE
            assert len(gate.sessions) == 0
            assert await gate.reason(mine) is Reason.ACCEPTED
    raise AssertionError("every call failed")


async def test_ca_removed_between_look_up_and_verdict_is_not_trusted(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (store, sealer, ca):

        async def remove() -> None:
            removed = await store.certificates.delete_ca(PROJECT, CA_ID, audit_entry("certificate.delete", CA_ID))
            assert removed is None
            await gate.bus.invalidate_certificates()

        mine = issue("pump", ca)
        gate = Gate(store, sealer)
        assert await gate.reason(mine) is Reason.ACCEPTED
        gate = Gate(InterruptedStore(store, remove), sealer)
        assert await gate.reason(mine) is Reason.UNTRUSTED_CERTIFICATE
        assert len(gate.sessions) == 0


async def test_who_loses_the_race_for_the_first_pin_is_judged_by_what_was_pinned(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (store, sealer, ca):
        mine, other = issue("pump", ca), issue("pump", ca)

        async def race() -> None:
            assert await Gate(store, sealer).reason(other) is Reason.ACCEPTED

        assert await Gate(InterruptedStore(store, race), sealer).reason(mine) is Reason.WRONG_CERTIFICATE
        assert await Gate(store, sealer).reason(other) is Reason.ACCEPTED


async def test_certificate_pinned_to_another_device_is_wrong_not_unavailable(tmp_path: Path) -> None:
    async with fleet(tmp_path) as (store, sealer, ca):
        gate, mine = Gate(store, sealer), issue("pump", ca)
        assert await gate.reason(mine) is Reason.ACCEPTED
        assert await gate.reason(mine, "valve") is Reason.WRONG_CERTIFICATE
