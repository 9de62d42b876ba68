"""Every change of a certificate, as a function of the writer's connection (see changes.py)."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET

from engine.registry.certificate_rows import (
    INSERT_CA,
    INSERT_DEVICE_CERTIFICATE,
    SELECT_CA,
    SELECT_DEVICE_CERTIFICATE,
    UPDATE_CA,
    UPDATE_DEVICE_CERTIFICATE,
    ca_from_row,
    device_certificate_from_row,
)
from engine.registry.certificates import is_look_alike
from engine.registry.changes import append_audit, exists, has_project
from engine.registry.differences import with_difference
from engine.registry.record import AuditEntry, CaCertificate, CertificateStatus, DeviceCertificate
from engine.registry.rows import rows_in
from engine.registry.store import StoreRefusal
from engine.registry.store_certificates import CaUpdate

C = TypeVar("C", CaCertificate, DeviceCertificate)


def add_ca(
    connection: sqlite3.Connection, certificate: CaCertificate, most: int, audit: AuditEntry
) -> StoreRefusal | None:
    """PROJECT_ABSENT, CERTIFICATE_EXISTS, TOO_MANY_CERTIFICATES, in this order."""
    project_id = certificate.project_id
    if not has_project(connection, project_id):
        return StoreRefusal.PROJECT_ABSENT
    same = "SELECT 1 FROM ca_certificate WHERE project_id = ? AND fingerprint = ?"
    if exists(connection, same, (project_id, certificate.fingerprint)):
        return StoreRefusal.CERTIFICATE_EXISTS
    counting = "SELECT count(*) FROM ca_certificate WHERE project_id = ?"
    if connection.execute(counting, (project_id,)).fetchone()[0] >= most:
        return StoreRefusal.TOO_MANY_CERTIFICATES
    connection.execute(INSERT_CA, msgspec.structs.asdict(certificate))
    append_audit(connection, [audit])
    return None


def update_ca(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, update: CaUpdate, audit: AuditEntry
) -> CaCertificate | StoreRefusal:
    """CERTIFICATE_ABSENT."""
    before = _find_ca(connection, project_id, certificate_id)
    if before is None:
        return StoreRefusal.CERTIFICATE_ABSENT
    given = {name: value for name, value in msgspec.structs.asdict(update).items() if value is not UNSET}
    return _store(connection, UPDATE_CA, before, msgspec.structs.replace(before, **given), audit)


def verify_ca(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """CERTIFICATE_ABSENT, CA_LOOKS_ALIKE."""
    before = _find_ca(connection, project_id, certificate_id)
    if before is None:
        return StoreRefusal.CERTIFICATE_ABSENT
    if before.verified_at is None:
        # A project may follow its own CA's key with another of the same name; harm it can do itself only.
        others = "SELECT der FROM ca_certificate WHERE project_id <> ? AND verified_at IS NOT NULL"
        if any(is_look_alike(before.der, der) for (der,) in connection.execute(others, (project_id,))):
            return StoreRefusal.CA_LOOKS_ALIKE
        _store(connection, UPDATE_CA, before, msgspec.structs.replace(before, verified_at=int(audit.at)), audit)
    return None


def delete_ca(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """CERTIFICATE_ABSENT."""
    deletion = "DELETE FROM ca_certificate WHERE project_id = ? AND record_id = ?"
    if not connection.execute(deletion, (project_id, certificate_id)).rowcount:
        return StoreRefusal.CERTIFICATE_ABSENT
    append_audit(connection, [audit])
    return None


def note_device_certificate(connection: sqlite3.Connection, certificate: DeviceCertificate) -> DeviceCertificate:
    """The record as it stands: this one where there was none."""
    known = find_noted(connection, certificate)
    if known is not None:
        return known
    connection.execute(INSERT_DEVICE_CERTIFICATE, msgspec.structs.asdict(certificate))
    detail = {"fingerprint": certificate.fingerprint, "common_name": certificate.common_name}
    entry = AuditEntry(
        at=float(certificate.created_at),
        project_id=certificate.project_id,
        actor="device",
        action="device-certificate.create",
        target=certificate.certificate_id,
        detail=msgspec.json.encode(detail),
    )
    append_audit(connection, [entry])
    return certificate


def find_noted(connection: sqlite3.Connection, certificate: DeviceCertificate) -> DeviceCertificate | None:
    """The project's record of this certificate, by its fingerprint; any connection will do."""
    finding = f"{SELECT_DEVICE_CERTIFICATE} WHERE project_id = ? AND fingerprint = ?"
    row = connection.execute(finding, (certificate.project_id, certificate.fingerprint)).fetchone()
    return None if row is None else device_certificate_from_row(row)


def find_statuses(
    connection: sqlite3.Connection, project_id: str, fingerprints: Sequence[str]
) -> Mapping[str, CertificateStatus]:
    """The statuses of the project's certificates with these fingerprints; any connection will do."""
    finding = "SELECT fingerprint, status FROM device_certificate WHERE project_id = ? AND fingerprint IN"
    return {row[0]: CertificateStatus(row[1]) for row in rows_in(connection, finding, fingerprints, project_id)}


def set_device_certificate_status(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, status: CertificateStatus, audit: AuditEntry
) -> DeviceCertificate | StoreRefusal:
    """DEVICE_CERTIFICATE_ABSENT."""
    finding = f"{SELECT_DEVICE_CERTIFICATE} WHERE project_id = ? AND record_id = ?"
    row = connection.execute(finding, (project_id, certificate_id)).fetchone()
    if row is None:
        return StoreRefusal.DEVICE_CERTIFICATE_ABSENT
    before = device_certificate_from_row(row)
    after = msgspec.structs.replace(before, status=status)
    return _store(connection, UPDATE_DEVICE_CERTIFICATE, before, after, audit)


def delete_device_certificate(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """DEVICE_CERTIFICATE_ABSENT."""
    deletion = "DELETE FROM device_certificate WHERE project_id = ? AND record_id = ?"
    if not connection.execute(deletion, (project_id, certificate_id)).rowcount:
        return StoreRefusal.DEVICE_CERTIFICATE_ABSENT
    append_audit(connection, [audit])
    return None


def _find_ca(connection: sqlite3.Connection, project_id: str, certificate_id: str) -> CaCertificate | None:
    finding = f"{SELECT_CA} WHERE project_id = ? AND record_id = ?"
    row = connection.execute(finding, (project_id, certificate_id)).fetchone()
    return None if row is None else ca_from_row(row)


def _store(connection: sqlite3.Connection, statement: str, before: C, after: C, audit: AuditEntry) -> C:
    """Write `after` with the next generation, and what it changed into the audit; the record as it is then."""
    entry = with_difference(audit, before, after)
    if entry is None:
        return before
    after = msgspec.structs.replace(after, generation=before.generation + 1)
    connection.execute(statement, msgspec.structs.asdict(after))
    append_audit(connection, [entry])
    return after
