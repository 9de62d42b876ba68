"""The revocation lists in SQLite: rows, and every change as a function of the writer's connection (see changes.py)."""

import sqlite3
from collections.abc import Sequence

import msgspec

from engine.registry.changes import append_audit, exists
from engine.registry.record import AuditEntry, CaCrl, Crl
from engine.registry.rows import Row
from engine.registry.store import StoreRefusal

_SELECT = """
    SELECT project_id, certificate_id, uploaded_at, der, number, this_update, next_update, revoked FROM ca_crl
"""
_REPLACE = """
    INSERT OR REPLACE INTO ca_crl (
        project_id, certificate_id, uploaded_at, der, number, this_update, next_update, revoked
    ) VALUES (
        :project_id, :certificate_id, :uploaded_at, :der, :number, :this_update, :next_update, :revoked
    )
"""


def set_crl(connection: sqlite3.Connection, crl: CaCrl, most: int, audit: AuditEntry) -> CaCrl | StoreRefusal:
    """CERTIFICATE_ABSENT, CRL_OLDER, CRLS_TOO_LARGE, in this order. most: bytes of the project's lists together."""
    place = (crl.project_id, crl.certificate_id)
    if not exists(connection, "SELECT 1 FROM ca_certificate WHERE project_id = ? AND record_id = ?", place):
        return StoreRefusal.CERTIFICATE_ABSENT
    before = find_crl(connection, *place)
    if before is not None and before.crl.der == crl.crl.der:
        return before
    if before is not None and _is_older(crl.crl, before.crl):
        return StoreRefusal.CRL_OLDER
    others = "SELECT coalesce(sum(length(der)), 0) FROM ca_crl WHERE project_id = ? AND certificate_id <> ?"
    if connection.execute(others, place).fetchone()[0] + len(crl.crl.der) > most:
        return StoreRefusal.CRLS_TOO_LARGE
    fields = msgspec.structs.asdict(crl.crl)
    # An INTEGER of SQLite has 8 octets, a cRLNumber up to 20.
    number = None if crl.crl.number is None else str(crl.crl.number)
    ids = {"project_id": crl.project_id, "certificate_id": crl.certificate_id, "uploaded_at": crl.uploaded_at}
    connection.execute(_REPLACE, fields | ids | {"number": number})
    append_audit(connection, [audit])
    return crl


def delete_crl(
    connection: sqlite3.Connection, project_id: str, certificate_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """CRL_ABSENT."""
    deletion = "DELETE FROM ca_crl WHERE project_id = ? AND certificate_id = ?"
    if not connection.execute(deletion, (project_id, certificate_id)).rowcount:
        return StoreRefusal.CRL_ABSENT
    append_audit(connection, [audit])
    return None


def find_crl(connection: sqlite3.Connection, project_id: str, certificate_id: str) -> CaCrl | None:
    """The list beside a CA; any connection will do."""
    finding = f"{_SELECT} WHERE project_id = ? AND certificate_id = ?"
    row = connection.execute(finding, (project_id, certificate_id)).fetchone()
    return None if row is None else _crl_from_row(row)


def all_crls(connection: sqlite3.Connection) -> Sequence[CaCrl]:
    """The lists of all projects; any connection will do."""
    return [_crl_from_row(row) for row in connection.execute(_SELECT)]


def _is_older(crl: Crl, before: Crl) -> bool:
    if crl.number is not None and before.number is not None and crl.number < before.number:
        return True
    return crl.this_update < before.this_update


def _crl_from_row(row: Row) -> CaCrl:
    project_id, certificate_id, uploaded_at, der, number, this_update, next_update, revoked = row
    crl = Crl(
        der=der,
        number=None if number is None else int(number),
        this_update=this_update,
        next_update=next_update,
        revoked=revoked,
    )
    return CaCrl(project_id=project_id, certificate_id=certificate_id, crl=crl, uploaded_at=uploaded_at)
