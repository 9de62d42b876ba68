"""What certificates proved: known until the device, or what certificates are judged by, changes."""

import hashlib
from typing import Any

import msgspec
import pytest

from engine.claims.claim import CertificateClaim, SignType
from engine.gate.compiled_table import (
    ConnectFields,
    CredentialTable,
    KnownDevice,
    KnownGoodPolicy,
    is_known_still,
    known_good,
)
from engine.gate.interface import AcceptedChain
from engine.limits import Limits
from engine.node.known_good import KnownGood
from engine.node.local import LocalBus
from engine.registry.record import AuthType, DeviceProtocol
from engine.session.table import DictSessionTable
from engine.verdict.outcome import Accepted
from tests.helpers.records import STAMP, credential_row, password_for
from tests.helpers.stores import CLOCK, new_sealer

LEAF, CA = b"\x30leaf" * 60, b"\x30intermediate" * 50
ANCHOR = bytes(range(32))
SINCE, UNTIL = 1_000, 2_000
ROW = credential_row(device_id="pump", auth_type=AuthType.CERTIFICATES, fingerprint="f" * 64)
CLAIM = CertificateClaim("pump", "pump", SignType.STAMP_NOT_JUDGED, STAMP, LEAF, (CA,))
ACCEPTED = Accepted(
    "pump",
    ROW.record_id,
    ROW.generation,
    first=False,
    checked_stamp=False,
    chain=AcceptedChain(0, ANCHOR, float(SINCE), float(UNTIL)),
)


class Parts:
    def __init__(self) -> None:
        store: Any = None
        self.table = CredentialTable(8)
        self.known_good = KnownGood(table=self.table, store=store, sealer=new_sealer(), limits=Limits())
        self.bus = LocalBus(store, DictSessionTable(), Limits(), CLOCK, cache=self.known_good)

    def offer(self, sequence: int | None = None, **fields: Any) -> None:
        row = msgspec.structs.replace(ROW, **fields)
        sealer = new_sealer()
        at = self.bus.sequence if sequence is None else sequence
        self.known_good.offer(CLAIM, sealer.closed_credential(row), ACCEPTED, at)

    def ask(
        self, *certificates: bytes, device_id: str = "pump", password: bytes | None = None, now: int = SINCE
    ) -> KnownDevice | None:
        fields = ConnectFields(
            client_id=f"{device_id}_0_0_".encode() + STAMP,
            user_name=device_id.encode(),
            password=password,
            protocol_version=4,
            keep_alive=60,
        )
        return known_good(self.table, KnownGoodPolicy(Limits(), "both", 1), fields, now, certificates)


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_device_is_known_by_the_certificates_that_proved_it_and_by_nothing_else(parts: Parts) -> None:
    parts.offer()
    known = parts.ask(LEAF, CA)
    assert known is not None
    assert known.proof == hashlib.sha256(LEAF).digest() + ANCHOR
    assert is_known_still(parts.table, known)
    for others in ((), (LEAF,), (CA, LEAF), (LEAF, CA, CA), (LEAF + b"\0", CA), (LEAF[:-1], CA)):
        assert parts.ask(*others) is None
    assert parts.ask(LEAF, CA, device_id="valve") is None
    assert parts.ask(LEAF, CA, password=password_for(b"")) is None, "a Password is what the peer wants to be judged by"
    assert parts.ask(password=password_for(ANCHOR)) is None


def test_device_is_known_while_the_judgement_on_its_chain_holds(parts: Parts) -> None:
    parts.offer()
    times = {now: parts.ask(LEAF, CA, now=now) is not None for now in (0, SINCE - 1, SINCE, UNTIL - 1, UNTIL, 2**62)}
    assert [now for now, is_known in times.items() if is_known] == [SINCE, UNTIL - 1]


def test_device_whose_secret_is_known_is_not_known_by_a_certificate(parts: Parts) -> None:
    parts.table.put(b"pump", bytes(12), 1, checked_stamp_seen=False, primary=LEAF[:32], secondary=None)
    assert parts.ask(LEAF, CA) is None
    assert parts.ask() is None


async def test_nothing_is_known_by_certificates_once_what_they_are_judged_by_has_changed(parts: Parts) -> None:
    parts.table.put(b"meter", bytes(12), 1, checked_stamp_seen=False, primary=b"secret-1", secondary=None)
    sequence = parts.bus.sequence
    parts.offer()
    known = parts.ask(LEAF, CA)
    assert known is not None
    await parts.bus.invalidate_certificates()
    assert parts.ask(LEAF, CA) is None
    assert not is_known_still(parts.table, known), "the last look before CONNACK"
    parts.offer(sequence)
    assert parts.ask(LEAF, CA) is None, "judged by what was before"
    parts.offer()
    assert parts.ask(LEAF, CA) is not None
    assert len(parts.table) == 2
    assert parts.ask(device_id="meter", password=password_for(b"secret-1")) is not None


async def test_change_of_the_device_removes_what_is_known_of_it(parts: Parts) -> None:
    sequence = parts.bus.sequence
    parts.offer()
    await parts.bus.invalidate(["pump"], close=False)
    assert (parts.ask(LEAF, CA), len(parts.table)) == (None, 0)
    parts.offer(sequence)
    assert parts.ask(LEAF, CA) is None


@pytest.mark.parametrize("fields", [{"frozen": True}, {"protocol": DeviceProtocol.COAP}])
def test_device_that_c_must_not_accept_is_not_taken(parts: Parts, fields: dict[str, Any]) -> None:
    parts.offer(**fields)
    assert len(parts.table) == 0
