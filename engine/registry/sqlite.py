"""The embedded registry: a Store on one SQLite file (DESIGN section 3).

WAL: readers never wait for the writer. One thread writes (writer.py); reads use connections that cannot (readers.py).
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Self

from engine.clock import Clock
from engine.limits import Limits
from engine.registry import changes, device_changes, listing, product_changes, searching
from engine.registry.counts import Counts
from engine.registry.database import FAULTS, create_database, open_for_writing
from engine.registry.readers import Readers, unreadable, within
from engine.registry.record import Activation, AuditEntry, CredentialRank, CredentialRow, Device, Product
from engine.registry.record_ids import RecordIds
from engine.registry.rows import (
    SELECT_CREDENTIALS,
    SELECT_CREDENTIALS_AFTER,
    SELECT_CREDENTIALS_BY_NODE,
    SELECT_DEVICE,
    SELECT_PRODUCT,
    credential_from_row,
    device_from_row,
    product_from_row,
    rows_in,
)
from engine.registry.search import DeviceSearch, SearchPage
from engine.registry.sqlite_access import SqliteAccess, find_api_token
from engine.registry.sqlite_batches import SqliteBatches
from engine.registry.sqlite_certificates import SqliteCertificates
from engine.registry.store import (
    AuditPage,
    DeviceFilter,
    DevicePage,
    DeviceUpdate,
    PageRequest,
    ProductFilter,
    ProductPage,
    ProductUpdate,
    StoreRefusal,
)
from engine.registry.store_access import ApiToken
from engine.registry.writer import Writer

_DEVICE_IN_PROJECT = f"{SELECT_DEVICE} WHERE device_id = ? AND device.project_id = ?"
_PRODUCT_IN_PROJECT = f"{SELECT_PRODUCT} WHERE product_id = ? AND project_id = ?"


class SqliteStore:
    """A Store. Opened by `open` anywhere, used inside one trio.run, closed by `await close()`.

    A few reads run on the event loop without a checkpoint; writes and lists are checkpoints. A write that returned is
    durable; one that was cancelled was not made (writer.py).
    """

    def __init__(self, readers: Readers, writer: Writer, limits: Limits, clock: Clock) -> None:
        self._readers = readers
        self._writer = writer
        self._record_ids = RecordIds(writer)
        self._counts = Counts(limits.counts_remembered)
        self._limits = limits
        self._clock = clock
        self.access = SqliteAccess(readers, writer, limits)
        self.batches = SqliteBatches(readers, writer, limits)
        self.certificates = SqliteCertificates(readers, writer, limits)

    @classmethod
    def open(cls, path: Path, *, limits: Limits, clock: Clock, create: bool = False) -> Self:
        """Open the registry in `path`, bringing an older schema up to date; with `create`, make it (0600) first.

        Blocks. ConfigError: there is none (with `create`: there is one), or it has a newer schema. StoreUnavailable:
        it cannot be read or written, or is damaged.
        """
        if create:
            create_database(path)
        connection = open_for_writing(path)
        try:
            readers = Readers(path, limits)
        except BaseException:
            connection.close()
            raise
        return cls(readers, Writer(connection, limits, clock), limits, clock)

    async def credentials(self, device_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        """See Store. No checkpoint for up to limits.inline_reads ids."""
        rows = await self._read_credentials(SELECT_CREDENTIALS, device_ids)
        return {row.device_id: row for row in rows}

    async def credentials_by_node(self, node_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        """See Store. No checkpoint for up to limits.inline_reads ids."""
        rows = await self._read_credentials(SELECT_CREDENTIALS_BY_NODE, node_ids)
        return {row.node_id: row for row in rows}

    async def credentials_after(self, device_id: str, limit: int) -> Sequence[CredentialRow]:
        """See Store."""
        return await self._readers.read_in_thread(partial(_credentials_after, device_id=device_id, limit=limit))

    async def _read_credentials(self, statement: str, ids: Sequence[str]) -> Sequence[CredentialRow]:
        if len(ids) > self._limits.inline_reads:
            return await self._readers.read_in_thread(partial(_credentials, statement=statement, ids=ids))
        try:
            return _credentials(self._readers.inline, statement, ids)
        except FAULTS as fault:
            raise unreadable(fault) from fault

    async def devices(self, project_id: str, device_ids: Sequence[str]) -> Mapping[str, Device]:
        """See Store."""
        work = partial(_devices, project_id=project_id, device_ids=device_ids)
        if len(device_ids) > self._limits.inline_reads:
            return await self._readers.read_in_thread(work)
        return self._readers.read_inline(work)

    async def list_devices(self, project_id: str, matching: DeviceFilter, page: PageRequest) -> DevicePage:
        """See Store."""
        work = partial(listing.list_devices, project_id=project_id, matching=matching, page=page, counts=self._counts)
        return await self._readers.read_in_thread(work)

    async def products(self, project_id: str, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """See Store."""
        work = partial(_products, project_id=project_id, product_ids=product_ids)
        if len(product_ids) > self._limits.inline_reads:
            return await self._readers.read_in_thread(work)
        return self._readers.read_inline(work)

    async def list_products(self, project_id: str, matching: ProductFilter, page: PageRequest) -> ProductPage:
        """See Store."""
        work = partial(listing.list_products, project_id=project_id, matching=matching, page=page)
        return await self._readers.read_in_thread(work)

    async def allocate_record_id(self, now: float) -> str:
        """See Store."""
        return await self._record_ids.allocate(now)

    async def add_product(self, product: Product, audit: AuditEntry) -> StoreRefusal | None:
        """See Store."""
        return await self._writer.write(partial(changes.add_product, product=product, audit=audit))

    async def update_product(
        self, project_id: str, product_id: str, update: ProductUpdate, audit: AuditEntry
    ) -> Product | StoreRefusal:
        """See Store."""
        work = partial(
            product_changes.update_product, project_id=project_id, product_id=product_id, update=update, audit=audit
        )
        return await self._writer.write(work)

    async def delete_product(self, project_id: str, product_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See Store."""
        work = partial(changes.delete_product, project_id=project_id, product_id=product_id, audit=audit)
        return await self._writer.write(work)

    async def add_device(self, device: Device, audit: AuditEntry) -> StoreRefusal | None:
        """See Store."""
        return await self._writer.write(partial(changes.add_device, device=device, audit=audit))

    async def delete_device(self, project_id: str, device_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See Store."""
        work = partial(changes.delete_device, project_id=project_id, device_id=device_id, audit=audit)
        return await self._writer.write(work)

    async def set_frozen(self, project_id: str, device_id: str, frozen: bool, audit: AuditEntry) -> StoreRefusal | None:
        """See Store."""
        work = partial(changes.set_frozen, project_id=project_id, device_id=device_id, frozen=frozen, audit=audit)
        return await self._writer.write(work)

    async def update_device(
        self, project_id: str, device_id: str, update: DeviceUpdate, audit: AuditEntry
    ) -> StoreRefusal | None:
        """See Store."""
        work = partial(
            device_changes.update_device, project_id=project_id, device_id=device_id, update=update, audit=audit
        )
        return await self._writer.write(work)

    async def reset_secret(
        self, project_id: str, device_id: str, record_id: str, rank: CredentialRank, sealed: bytes, audit: AuditEntry
    ) -> StoreRefusal | None:
        """See Store."""
        work = partial(
            device_changes.reset_secret,
            project_id=project_id,
            device_id=device_id,
            record_id=record_id,
            rank=rank,
            sealed=sealed,
            audit=audit,
        )
        return await self._writer.write(work)

    async def reset_fingerprint(
        self,
        project_id: str,
        device_id: str,
        record_id: str,
        rank: CredentialRank,
        fingerprint: str | None,
        audit: AuditEntry,
    ) -> StoreRefusal | None:
        """See Store."""
        work = partial(
            device_changes.reset_fingerprint,
            project_id=project_id,
            device_id=device_id,
            record_id=record_id,
            rank=rank,
            fingerprint=fingerprint,
            audit=audit,
        )
        return await self._writer.write(work)

    async def change_tags(
        self, project_id: str, device_id: str, bind: Mapping[str, str], unbind: Collection[str], audit: AuditEntry
    ) -> StoreRefusal | None:
        """See Store."""
        work = partial(
            device_changes.change_tags,
            project_id=project_id,
            device_id=device_id,
            bind=bind,
            unbind=unbind,
            most=self._limits.device_tags,
            audit=audit,
        )
        return await self._writer.write(work)

    async def expire_devices(self, now: float, most: int) -> Sequence[str]:
        """See Store. Nearly always there is nothing to delete, which a read tells without a transaction."""
        if not self._readers.read_inline(partial(device_changes.is_any_due, now=now)):
            return []
        return await self._writer.write(partial(device_changes.expire_devices, now=now, most=most))

    async def search_devices(
        self, project_id: str, search: DeviceSearch, online: Sequence[str]
    ) -> SearchPage | StoreRefusal:
        """See Store. Broken off after limits.search_seconds."""
        work = partial(
            searching.search_devices, project_id=project_id, search=search, online=online, counts=self._counts
        )
        limited = within(work, self._limits.search_seconds, self._clock.monotonic)
        found = await self._readers.read_in_thread(limited)
        return StoreRefusal.SEARCH_TOO_SLOW if found is None else found

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """See Store."""
        return await self._writer.write(partial(changes.activate, activations=activations))

    async def note_seen(self, activations: Sequence[Activation]) -> None:
        """See Store."""
        return await self._writer.write(partial(changes.note_seen, activations=activations))

    async def pin_fingerprint(self, device_id: str, generation: int, fingerprint: str, now: float) -> bool:
        """See Store."""
        work = partial(
            changes.pin_fingerprint, device_id=device_id, generation=generation, fingerprint=fingerprint, now=now
        )
        return await self._writer.write(work)

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """See Store."""
        return await self._writer.write(partial(changes.append_audit, entries=entries))

    async def list_audit(
        self, project_id: str, *, target: str | None = None, before: int | None = None, limit: int = 50
    ) -> AuditPage:
        """See Store."""
        work = partial(listing.list_audit, project_id=project_id, target=target, before=before, limit=limit)
        return await self._readers.read_in_thread(work)

    async def api_token(self, digest: bytes) -> ApiToken | None:
        """See Store."""
        return self._readers.read_inline(partial(find_api_token, digest=digest))

    async def create_project(self, project_id: str) -> StoreRefusal | None:
        """PROJECT_EXISTS."""
        audit = self._audit(project_id, "project.create", project_id)
        return await self._writer.write(partial(changes.create_project, project_id=project_id, audit=audit))

    async def check(self) -> None:
        """See Store."""
        self._readers.read_inline(_read_something)
        self._writer.check()

    async def close(self) -> None:
        """See Store. Everything later is "unavailable"."""
        # The writer's connection last: the last one to close takes the WAL into the file and removes it.
        await self._readers.close()
        await self._writer.close()

    def _audit(self, project_id: str, action: str, target: str) -> AuditEntry:
        """For what only the command line does, which has no other name than ours."""
        return AuditEntry(at=self._clock.wall(), project_id=project_id, actor="keyturn", action=action, target=target)


def _credentials(connection: Connection, statement: str, ids: Sequence[str]) -> Sequence[CredentialRow]:
    return [credential_from_row(row) for row in rows_in(connection, statement, ids)]


def _credentials_after(connection: Connection, device_id: str, limit: int) -> Sequence[CredentialRow]:
    return [credential_from_row(row) for row in connection.execute(SELECT_CREDENTIALS_AFTER, (device_id, limit))]


def _devices(connection: Connection, project_id: str, device_ids: Sequence[str]) -> Mapping[str, Device]:
    rows = {}
    for device_id in device_ids:
        for row in connection.execute(_DEVICE_IN_PROJECT, (device_id, project_id)):
            rows[device_id] = device_from_row(row)
    return rows


def _products(connection: Connection, project_id: str, product_ids: Sequence[str]) -> Mapping[str, Product]:
    rows = {}
    for product_id in product_ids:
        for row in connection.execute(_PRODUCT_IN_PROJECT, (product_id, project_id)):
            rows[product_id] = product_from_row(row)
    return rows


def _read_something(connection: Connection) -> None:
    connection.execute("SELECT device_id FROM credential LIMIT 1").fetchone()
    connection.execute("PRAGMA user_version").fetchone()
