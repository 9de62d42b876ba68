"""The table is filled from a real registry, and says of a device what is true now or nothing."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from engine.claims.claim import SecretClaim, SignType
from engine.errors import StoreUnavailable
from engine.gate.compiled_table import (
    ConnectFields,
    CredentialTable,
    KnownDevice,
    KnownGoodPolicy,
    is_known_still,
    known_good,
)
from engine.limits import Limits
from engine.node.known_good import KnownGood
from engine.node.local import LocalBus
from engine.registry.record import Activation, AuthType, CredentialRank, CredentialRow, DeviceProtocol
from engine.registry.sealing import Sealer, Slot
from engine.registry.sqlite import SqliteStore
from engine.session.table import DictSessionTable
from engine.verdict.outcome import Accepted
from tests.helpers.records import STAMP, password_for
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, audit_entry, new_sealer, open_empty_store

SECRET = b"0123456789abcdef"
LIMITS = msgspec.structs.replace(Limits(), known_good_rows=3)
CLAIM = SecretClaim("pump", "pump", None, SignType.STAMP_NOT_JUDGED, STAMP)


class Parts:
    """A KnownGood over a registry, told by a bus."""

    def __init__(
        self, store: SqliteStore, sealer: Sealer, *, reads: Any = None, entries: int = 100, limits: Limits = LIMITS
    ) -> None:
        self.store, self.sealer = store, sealer
        self.table = CredentialTable(entries)
        self.known_good = KnownGood(table=self.table, store=reads or store, sealer=sealer, limits=limits)
        self.bus = LocalBus(store, DictSessionTable(), LIMITS, CLOCK, cache=self.known_good)

    async def add(self, device_id: str, **fields: Any) -> str:
        return await add_device(self.store, self.sealer, device_id, SECRET, **({"activated_at": 1.0} | fields))

    async def row(self, device_id: str) -> CredentialRow:
        return (await self.store.credentials([device_id]))[device_id]

    def ask(self, device_id: str, *, secret: bytes = SECRET, sign_type: int = 0, policy: Any = "both") -> Any:
        return ask(self.table, device_id, secret=secret, sign_type=sign_type, policy=policy)


def ask(
    table: CredentialTable, device_id: str, *, secret: bytes = SECRET, sign_type: int = 0, policy: Any = "both"
) -> KnownDevice | None:
    stamp = time.strftime("%Y%m%d%H", time.gmtime()).encode() if sign_type else STAMP
    fields = ConnectFields(
        client_id=f"{device_id}_0_{sign_type}_".encode() + stamp,
        user_name=device_id.encode(),
        password=password_for(secret, stamp),
        protocol_version=4,
        keep_alive=60,
    )
    return known_good(table, KnownGoodPolicy(LIMITS, policy, 1), fields, int(time.time()))


@asynccontextmanager
async def furnished(tmp_path: Path, **options: Any) -> AsyncIterator[Parts]:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await add_product(store, "coap", "CoAP")
        yield Parts(store, new_sealer(), **options)


def accepted(row: CredentialRow, *, first: bool = False, checked_stamp: bool = False) -> Accepted:
    return Accepted(row.device_id, row.record_id, row.generation, first=first, checked_stamp=checked_stamp)


class InterruptedReads:
    """The registry's credentials_after, and something that happens elsewhere once its rows are read."""

    def __init__(self) -> None:
        self.store: SqliteStore | None = None
        self.interruption: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint

    async def credentials_after(self, device_id: str, limit: int) -> Sequence[CredentialRow]:
        assert self.store is not None
        rows = await self.store.credentials_after(device_id, limit)
        await self.interruption()
        return rows


async def test_filling_puts_the_devices_that_c_may_accept_and_no_other(tmp_path: Path) -> None:
    async with furnished(tmp_path) as parts:
        for number in range(7):
            await parts.add(f"pump_{number}")
        await parts.add("never_activated", activated_at=None)
        await parts.add("frozen", frozen=True)
        await parts.add("certified", auth_type=AuthType.CERTIFICATES, sealed_primary=None)
        await parts.add("meter", product_id="coap", protocol=DeviceProtocol.COAP)
        await parts.known_good.fill()
        assert len(parts.table) == 7
        assert all(parts.ask(f"pump_{number}") for number in range(7))
        assert parts.ask("pump_0").record_id.hex() == (await parts.row("pump_0")).record_id


async def test_nothing_is_read_before_it_comes_where_that_is_asked_for(tmp_path: Path) -> None:
    async with furnished(tmp_path, limits=msgspec.structs.replace(LIMITS, known_good_rows=0)) as parts:
        await parts.add("pump")
        await parts.known_good.fill()
        assert len(parts.table) == 0
        parts.known_good.learn([await parts.row("pump")], parts.bus.sequence)
        assert parts.ask("pump")


async def test_of_devices_that_came_those_are_learned_that_c_may_accept(tmp_path: Path) -> None:
    async with furnished(tmp_path) as parts:
        await parts.add("pump")
        await parts.add("never_activated", activated_at=None)
        await parts.add("frozen", frozen=True)
        await parts.add("certified", auth_type=AuthType.CERTIFICATES, sealed_primary=None)
        await parts.add("damaged", sealed_primary=b"damaged")
        await parts.add("changed")
        sequence = parts.bus.sequence
        names = ["pump", "never_activated", "frozen", "certified", "damaged", "changed"]
        rows = [await parts.row(name) for name in names]
        await parts.bus.invalidate(["changed"], close=False)
        parts.known_good.learn(rows, sequence)
        assert (len(parts.table), parts.ask("pump") is None) == (1, False)


async def test_both_secrets_of_a_device_are_known(tmp_path: Path) -> None:
    async with furnished(tmp_path) as parts:
        record_id = await parts.add("pump")
        sealed = parts.sealer.seal(b"second secret", PROJECT, record_id, Slot.SECONDARY)
        entry = audit_entry("device.reset-secret", "pump")
        await parts.store.reset_secret(PROJECT, "pump", record_id, CredentialRank.SECONDARY, sealed, entry)
        await parts.known_good.fill()
        assert parts.ask("pump")
        assert parts.ask("pump", secret=b"second secret")
        assert not parts.ask("pump", secret=b"third secret")


async def test_device_that_changes_while_the_table_is_filled_is_left_out(tmp_path: Path) -> None:
    reads = InterruptedReads()
    async with furnished(tmp_path, reads=reads) as parts:
        reads.store = parts.store
        await parts.add("pump")
        await parts.add("valve")

        async def freeze() -> None:
            await parts.store.set_frozen(PROJECT, "pump", True, audit_entry("device.freeze", "pump"))
            await parts.bus.invalidate(["pump"], close=True)

        reads.interruption = freeze
        await parts.known_good.fill()
        assert not parts.ask("pump")
        assert parts.ask("valve")


async def test_full_table_ends_the_filling(tmp_path: Path) -> None:
    async with furnished(tmp_path, entries=4) as parts:
        for number in range(9):
            await parts.add(f"pump_{number}")
        await parts.known_good.fill()
        assert len(parts.table) == 4
        assert parts.table.refused <= LIMITS.known_good_rows


async def test_outage_ends_the_filling_and_nothing_else(tmp_path: Path) -> None:
    class Broken:
        async def credentials_after(self, device_id: str, limit: int) -> Sequence[CredentialRow]:
            raise StoreUnavailable("no")

    async with furnished(tmp_path, reads=Broken()) as parts:
        await parts.add("pump")
        await parts.known_good.fill()
        row = await parts.row("pump")
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), parts.bus.sequence)
        assert parts.ask("pump")


async def test_record_that_does_not_open_is_left_to_python(tmp_path: Path) -> None:
    async with furnished(tmp_path) as parts:
        await parts.add("pump", sealed_primary=b"damaged")
        await parts.add("valve")
        await parts.known_good.fill()
        assert (len(parts.table), parts.ask("pump")) == (1, None)


async def test_accepted_device_is_known_from_then_on(tmp_path: Path) -> None:
    """A first activation is durable when the device is offered, though the row is the one of before."""
    async with furnished(tmp_path) as parts:
        await parts.add("pump", activated_at=None)
        row = await parts.row("pump")
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row, first=True), parts.bus.sequence)
        assert parts.ask("pump")


@pytest.mark.parametrize(
    "fields",
    [
        {"frozen": True},
        {"auth_type": AuthType.CERTIFICATES},
        {"protocol": DeviceProtocol.COAP},
        {"activated": False},
        {"sealed_primary": None},
    ],
)
async def test_device_that_c_must_not_accept_is_not_taken(tmp_path: Path, fields: dict[str, Any]) -> None:
    async with furnished(tmp_path) as parts:
        await parts.add("pump")
        row = msgspec.structs.replace(await parts.row("pump"), **fields)
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), parts.bus.sequence)
        assert len(parts.table) == 0


async def test_row_read_before_a_change_is_not_taken_after_it(tmp_path: Path) -> None:
    async with furnished(tmp_path) as parts:
        await parts.add("pump")
        sequence, row = parts.bus.sequence, await parts.row("pump")
        await parts.bus.invalidate(["pump"], close=False)
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), sequence)
        assert not parts.ask("pump")
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), parts.bus.sequence)
        assert parts.ask("pump")


@pytest.mark.parametrize("text", ["", "nobody", "x" * 5000, "\ud800", "\x00"])
async def test_any_text_may_be_forgotten(tmp_path: Path, text: str) -> None:
    """A change of which nobody knows whether it was made is told under the name that the caller gave."""
    async with furnished(tmp_path) as parts:
        await parts.add("pump")
        await parts.known_good.fill()
        await parts.bus.invalidate([text, "pump"], close=False)
        assert not parts.ask("pump")


async def test_first_checked_stamp_ends_what_was_kept_without_it(tmp_path: Path) -> None:
    """Policy "sticky": from now on a sniffed password must not be replayed with sign type 0."""
    async with furnished(tmp_path) as parts:
        record_id = await parts.add("pump")
        await parts.known_good.fill()
        sequence, row = parts.bus.sequence, await parts.row("pump")
        assert parts.ask("pump", policy="sticky")
        assert not parts.ask("pump", sign_type=1)

        await parts.bus.activate([Activation(device_id="pump", record_id=record_id, at=1.0, checked_stamp=True)])
        assert not parts.ask("pump", policy="sticky")
        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), sequence)
        assert not parts.ask("pump", policy="sticky")

        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row, checked_stamp=True), sequence)
        assert not parts.ask("pump", policy="sticky")
        assert parts.ask("pump", sign_type=1, policy="sticky")


async def test_device_frozen_in_a_storm_is_never_accepted_after_the_call(tmp_path: Path) -> None:
    """Neither by a look-up nor by the second look just before CONNACK, whoever offers what he read before."""
    async with furnished(tmp_path) as parts:
        names = [f"pump_{number}" for number in range(20)]
        for name in names:
            await parts.add(name)
        await parts.known_good.fill()
        frozen: set[str] = set()
        accepted_count = 0

        async def storm(cancel_scope: trio.CancelScope) -> None:
            nonlocal accepted_count
            with cancel_scope:
                while True:
                    for name in names:
                        sequence, row = parts.bus.sequence, await parts.row(name)
                        known = parts.ask(name)
                        await trio.lowlevel.checkpoint()
                        if known is not None and is_known_still(parts.table, known):
                            assert name not in frozen
                            accepted_count += 1
                        parts.known_good.offer(CLAIM, parts.sealer.open_credential(row), accepted(row), sequence)

        scopes = [trio.CancelScope() for _ in range(4)]
        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(storm, scope)
            for name in names:
                await parts.store.set_frozen(PROJECT, name, True, audit_entry("device.freeze", name))
                await parts.bus.invalidate([name], close=True)
                frozen.add(name)
                assert not parts.ask(name)
            for scope in scopes:
                scope.cancel()
        assert accepted_count > 0
        assert len(parts.table) == 0
