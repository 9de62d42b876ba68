"""Certificates in SQLite: a CertificateStore."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from sqlite3 import Connection
from typing import TypeVar

from engine.limits import Limits
from engine.registry import certificate_changes as changes
from engine.registry import crl_changes, listing
from engine.registry.certificate_rows import (
    SELECT_CA,
    SELECT_DEVICE_CERTIFICATE,
    ca_from_row,
    device_certificate_from_row,
)
from engine.registry.readers import Readers
from engine.registry.record import AuditEntry, CaCertificate, CaCrl, CertificateStatus, DeviceCertificate
from engine.registry.rows import Row
from engine.registry.store import DevicePage, PageRequest, StoreRefusal
from engine.registry.store_certificates import CaPage, CaUpdate, DeviceCertificateFilter, DeviceCertificatePage
from engine.registry.writer import Writer

T = TypeVar("T")


class SqliteCertificates:
    """A CertificateStore on the connections of a SqliteStore."""

    def __init__(self, readers: Readers, writer: Writer, limits: Limits) -> None:
        self._readers = readers
        self._writer = writer
        self._limits = limits

    async def add_ca(self, certificate: CaCertificate, audit: AuditEntry) -> StoreRefusal | None:
        """See CertificateStore."""
        work = partial(changes.add_ca, certificate=certificate, most=self._limits.device_cas, audit=audit)
        return await self._writer.write(work)

    async def cas(self, project_id: str, certificate_ids: Sequence[str]) -> Mapping[str, CaCertificate]:
        """See CertificateStore."""
        return await self._look_up(SELECT_CA, ca_from_row, project_id, certificate_ids)

    async def list_cas(self, project_id: str, app_id: str | None, page: PageRequest) -> CaPage:
        """See CertificateStore."""
        work = partial(listing.list_cas, project_id=project_id, app_id=app_id, page=page)
        return await self._readers.read_in_thread(work)

    async def verified_cas(self, project_ids: Sequence[str] | None = None) -> Mapping[str, Sequence[CaCertificate]]:
        """See CertificateStore."""
        return await self._readers.read_in_thread(partial(_verified_cas, project_ids=project_ids))

    async def update_ca(
        self, project_id: str, certificate_id: str, update: CaUpdate, audit: AuditEntry
    ) -> CaCertificate | StoreRefusal:
        """See CertificateStore."""
        work = partial(
            changes.update_ca, project_id=project_id, certificate_id=certificate_id, update=update, audit=audit
        )
        return await self._writer.write(work)

    async def verify_ca(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See CertificateStore."""
        work = partial(changes.verify_ca, project_id=project_id, certificate_id=certificate_id, audit=audit)
        return await self._writer.write(work)

    async def delete_ca(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See CertificateStore."""
        work = partial(changes.delete_ca, project_id=project_id, certificate_id=certificate_id, audit=audit)
        return await self._writer.write(work)

    async def set_crl(self, crl: CaCrl, audit: AuditEntry) -> CaCrl | StoreRefusal:
        """See CertificateStore."""
        return await self._writer.write(partial(crl_changes.set_crl, crl=crl, most=self._limits.crl_bytes, audit=audit))

    async def crl(self, project_id: str, certificate_id: str) -> CaCrl | None:
        """See CertificateStore."""
        work = partial(crl_changes.find_crl, project_id=project_id, certificate_id=certificate_id)
        return await self._readers.read_in_thread(work)

    async def crls(self) -> Sequence[CaCrl]:
        """See CertificateStore."""
        return await self._readers.read_in_thread(crl_changes.all_crls)

    async def delete_crl(self, project_id: str, certificate_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """See CertificateStore."""
        work = partial(crl_changes.delete_crl, project_id=project_id, certificate_id=certificate_id, audit=audit)
        return await self._writer.write(work)

    async def note_device_certificate(self, certificate: DeviceCertificate) -> DeviceCertificate:
        """See CertificateStore. No checkpoint and no write for a certificate that is known."""
        known = self._readers.read_inline(partial(changes.find_noted, certificate=certificate))
        if known is not None:
            return known
        return await self._writer.write(partial(changes.note_device_certificate, certificate=certificate))

    async def certificate_statuses(
        self, project_id: str, fingerprints: Sequence[str]
    ) -> Mapping[str, CertificateStatus]:
        """See CertificateStore. No checkpoint for up to limits.inline_reads of them."""
        work = partial(changes.find_statuses, project_id=project_id, fingerprints=fingerprints)
        if len(fingerprints) > self._limits.inline_reads:
            return await self._readers.read_in_thread(work)
        return self._readers.read_inline(work)

    async def device_certificates(
        self, project_id: str, certificate_ids: Sequence[str]
    ) -> Mapping[str, DeviceCertificate]:
        """See CertificateStore."""
        return await self._look_up(SELECT_DEVICE_CERTIFICATE, device_certificate_from_row, project_id, certificate_ids)

    async def list_device_certificates(
        self, project_id: str, matching: DeviceCertificateFilter, page: PageRequest
    ) -> DeviceCertificatePage:
        """See CertificateStore."""
        work = partial(listing.list_device_certificates, project_id=project_id, matching=matching, page=page)
        return await self._readers.read_in_thread(work)

    async def devices_of_certificate(self, certificate: DeviceCertificate, page: PageRequest) -> DevicePage:
        """See CertificateStore."""
        work = partial(listing.list_devices_of_certificate, certificate=certificate, page=page)
        return await self._readers.read_in_thread(work)

    async def set_device_certificate_status(
        self, project_id: str, certificate_id: str, status: CertificateStatus, audit: AuditEntry
    ) -> DeviceCertificate | StoreRefusal:
        """See CertificateStore."""
        work = partial(
            changes.set_device_certificate_status,
            project_id=project_id,
            certificate_id=certificate_id,
            status=status,
            audit=audit,
        )
        return await self._writer.write(work)

    async def delete_device_certificate(
        self, project_id: str, certificate_id: str, audit: AuditEntry
    ) -> StoreRefusal | None:
        """See CertificateStore."""
        work = partial(
            changes.delete_device_certificate, project_id=project_id, certificate_id=certificate_id, audit=audit
        )
        return await self._writer.write(work)

    async def _look_up(
        self, select: str, from_row: Callable[[Row], T], project_id: str, certificate_ids: Sequence[str]
    ) -> Mapping[str, T]:
        work = partial(_by_id, select=select, from_row=from_row, project_id=project_id, certificate_ids=certificate_ids)
        if len(certificate_ids) > self._limits.inline_reads:
            return await self._readers.read_in_thread(work)
        return self._readers.read_inline(work)


def _by_id(
    connection: Connection, select: str, from_row: Callable[[Row], T], project_id: str, certificate_ids: Sequence[str]
) -> Mapping[str, T]:
    found = {}
    for certificate_id in certificate_ids:
        for row in connection.execute(f"{select} WHERE project_id = ? AND record_id = ?", (project_id, certificate_id)):
            found[certificate_id] = from_row(row)
    return found


def _verified_cas(connection: Connection, project_ids: Sequence[str] | None) -> Mapping[str, Sequence[CaCertificate]]:
    """By project_id; each project's in the order of their record ids."""
    if project_ids is None:
        project_ids = [row[0] for row in connection.execute("SELECT project_id FROM project")]
    verified = f"{SELECT_CA} WHERE project_id = ? AND verified_at IS NOT NULL ORDER BY record_id"
    found = {
        project_id: [ca_from_row(row) for row in connection.execute(verified, (project_id,))]
        for project_id in project_ids
    }
    return {project_id: certificates for project_id, certificates in found.items() if certificates}
