"""The embedded registry: a Store on one SQLite file (DESIGN section 3).

WAL: readers never wait for the writer. One thread writes (writer.py); reads use connections that cannot (readers.py).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Self

from engine.clock import Clock
from engine.limits import Limits
from engine.registry import changes, listing
from engine.registry.database import FAULTS, create_database, open_for_writing
from engine.registry.readers import Readers, unreadable
from engine.registry.record import Activation, AuditEntry, CredentialRow, Device, Product
from engine.registry.record_ids import RecordIds
from engine.registry.rows import (
    SELECT_CREDENTIAL,
    SELECT_DEVICE,
    SELECT_PRODUCT,
    credential_from_row,
    device_from_row,
    product_from_row,
)
from engine.registry.store import (
    ApiToken,
    AuditPage,
    DeviceFilter,
    DevicePage,
    PageRequest,
    ProductFilter,
    ProductPage,
    StoreRefusal,
)
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
        self._limits = limits
        self._clock = clock

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
        if len(device_ids) > self._limits.inline_reads:
            return await self._readers.read_in_thread(partial(_credentials, device_ids=device_ids))
        try:
            return _credentials(self._readers.inline, device_ids)
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
        work = partial(listing.list_devices, project_id=project_id, matching=matching, page=page)
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

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """See Store."""
        return await self._writer.write(partial(changes.activate, activations=activations))

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
        project_id = self._readers.read_inline(partial(_project_of_token, digest=digest))
        return None if project_id is None else ApiToken(project_id, f"token:{digest.hex()[:8]}")

    async def create_project(self, project_id: str) -> StoreRefusal | None:
        """PROJECT_EXISTS."""
        audit = self._audit(project_id, "project.create", project_id)
        return await self._writer.write(partial(changes.create_project, project_id=project_id, audit=audit))

    async def add_access_key(self, access_key: str, project_id: str, sealed_secret_key: bytes) -> StoreRefusal | None:
        """An access key and its secret key, sealed in Slot.ACCESS_KEY with the access key as record id.

        PROJECT_ABSENT, ACCESS_KEY_EXISTS.
        """
        work = partial(
            changes.add_access_key,
            access_key=access_key,
            project_id=project_id,
            sealed_secret_key=sealed_secret_key,
            audit=self._audit(project_id, "access-key.create", access_key),
        )
        return await self._writer.write(work)

    async def add_api_token(self, digest: bytes, project_id: str, name: str) -> StoreRefusal | None:
        """A token by its SHA-256, under a name of the project. PROJECT_ABSENT, TOKEN_EXISTS."""
        audit = self._audit(project_id, "token.create", name)
        work = partial(changes.add_api_token, digest=digest, project_id=project_id, name=name, audit=audit)
        return await self._writer.write(work)

    async def revoke_api_token(self, project_id: str, name: str) -> StoreRefusal | None:
        """From the return on the token opens nothing. TOKEN_ABSENT."""
        audit = self._audit(project_id, "token.revoke", name)
        work = partial(changes.revoke_api_token, project_id=project_id, name=name, audit=audit)
        return await self._writer.write(work)

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


def _credentials(connection: Connection, device_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
    rows = {}
    for device_id in device_ids:
        for row in connection.execute(SELECT_CREDENTIAL, (device_id,)):
            rows[device_id] = credential_from_row(row)
    return rows


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


def _project_of_token(connection: Connection, digest: bytes) -> str | None:
    statement = "SELECT project_id FROM api_token WHERE digest = ? AND revoked_at IS NULL"
    row = connection.execute(statement, (digest,)).fetchone()
    return None if row is None else str(row[0])


def _read_something(connection: Connection) -> None:
    connection.execute("SELECT device_id FROM credential LIMIT 1").fetchone()
    connection.execute("PRAGMA user_version").fetchone()
