"""Changes of a device that is there: update, resets, tags, expiry. As changes.py: functions of the writer's connection.

What an entry of the audit says of before and after is read in the same transaction, so that no other change is between.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from engine.registry.changes import append_audit, is_fingerprint_taken
from engine.registry.record import AuditEntry, CredentialRank
from engine.registry.store import DeviceUpdate, StoreRefusal
from engine.registry.tags import index_tags, tags_of, tags_text

_SECRET_COLUMNS = {CredentialRank.PRIMARY: "sealed_primary", CredentialRank.SECONDARY: "sealed_secondary"}
_FINGERPRINT_COLUMNS = {CredentialRank.PRIMARY: "fingerprint", CredentialRank.SECONDARY: "secondary_fingerprint"}


def update_device(
    connection: sqlite3.Connection, project_id: str, device_id: str, update: DeviceUpdate, audit: AuditEntry
) -> StoreRefusal | None:
    """DEVICE_ABSENT. See Store.update_device."""
    names = DeviceUpdate.__struct_fields__
    row = connection.execute(
        f"SELECT {', '.join(names)} FROM device JOIN credential USING (device_id) "  # noqa: S608 names of a Struct
        "WHERE device_id = ? AND device.project_id = ?",
        (device_id, project_id),
    ).fetchone()
    if row is None:
        return StoreRefusal.DEVICE_ABSENT
    before = dict(zip(names, row, strict=True)) | {"secure_access": row[names.index("secure_access")] == 1}
    wanted = msgspec.structs.asdict(update)
    changed = [name for name in names if wanted[name] is not None and wanted[name] != before[name]]
    if not changed:
        return None
    after = before | {name: wanted[name] for name in changed}
    values = after | {"device_id": device_id, "now": int(audit.at)}
    connection.execute(
        """
        UPDATE device SET device_name = :device_name, description = :description, extension_info = :extension_info,
                          timeout_seconds = :timeout_seconds
        WHERE device_id = :device_id
        """,
        values,
    )
    if "secure_access" in changed:
        connection.execute(
            """
            UPDATE credential SET secure_access = :secure_access, generation = generation + 1
            WHERE device_id = :device_id
            """,
            values,
        )
    if "timeout_seconds" in changed:
        connection.execute(
            """
            UPDATE credential SET generation = generation + 1,
                timeout_at = iif(activated OR :timeout_seconds = 0, NULL, :now + :timeout_seconds)
            WHERE device_id = :device_id
            """,
            values,
        )
    _append(connection, audit, *({name: _shown(one[name]) for name in changed} for one in (before, after)))
    return None


def reset_secret(
    connection: sqlite3.Connection,
    project_id: str,
    device_id: str,
    record_id: str,
    rank: CredentialRank,
    sealed: bytes,
    audit: AuditEntry,
) -> StoreRefusal | None:
    """DEVICE_ABSENT. See Store.reset_secret."""
    column = _SECRET_COLUMNS[rank]
    row = connection.execute(
        f"SELECT generation, {column} IS NOT NULL FROM credential "  # noqa: S608 a literal of this module
        "WHERE device_id = ? AND record_id = ? AND project_id = ?",
        (device_id, record_id, project_id),
    ).fetchone()
    if row is None:
        return StoreRefusal.DEVICE_ABSENT
    generation, is_set = row
    connection.execute(
        f"UPDATE credential SET {column} = ?, generation = generation + 1, "  # noqa: S608 the same
        "checked_stamp_seen = checked_stamp_seen AND ? WHERE device_id = ?",
        (sealed, rank is CredentialRank.SECONDARY, device_id),
    )
    before = {"generation": generation, "is_set": is_set == 1}
    _append(connection, audit, before, {"generation": generation + 1, "is_set": True})
    return None


def reset_fingerprint(
    connection: sqlite3.Connection,
    project_id: str,
    device_id: str,
    record_id: str,
    rank: CredentialRank,
    fingerprint: str | None,
    audit: AuditEntry,
) -> StoreRefusal | None:
    """DEVICE_ABSENT, FINGERPRINT_TAKEN. See Store.reset_fingerprint."""
    column = _FINGERPRINT_COLUMNS[rank]
    row = connection.execute(
        f"SELECT {column} FROM credential "  # noqa: S608 a literal of this module
        "WHERE device_id = ? AND record_id = ? AND project_id = ?",
        (device_id, record_id, project_id),
    ).fetchone()
    if row is None:
        return StoreRefusal.DEVICE_ABSENT
    if is_fingerprint_taken(connection, project_id, device_id, fingerprint):
        return StoreRefusal.FINGERPRINT_TAKEN
    connection.execute(
        f"UPDATE credential SET {column} = ?, generation = generation + 1 WHERE device_id = ?",  # noqa: S608 the same
        (fingerprint, device_id),
    )
    _append(connection, audit, {column: row[0]}, {column: fingerprint})
    return None


def change_tags(
    connection: sqlite3.Connection,
    project_id: str,
    device_id: str,
    bind: Mapping[str, str],
    unbind: Collection[str],
    most: int,
    audit: AuditEntry,
) -> StoreRefusal | None:
    """DEVICE_ABSENT, TAG_ABSENT, TOO_MANY_TAGS. See Store.change_tags."""
    row = connection.execute(
        "SELECT record_id, tags FROM device WHERE device_id = ? AND project_id = ?", (device_id, project_id)
    ).fetchone()
    if row is None:
        return StoreRefusal.DEVICE_ABSENT
    record_id, stored = row
    before = tags_of(stored)
    if not before.keys() >= set(unbind):
        return StoreRefusal.TAG_ABSENT
    after = {key: value for key, value in (before | dict(bind)).items() if key not in unbind}
    if len(after) > most:
        return StoreRefusal.TOO_MANY_TAGS
    connection.execute("UPDATE device SET tags = ? WHERE device_id = ?", (tags_text(after), device_id))
    index_tags(connection, project_id, record_id, device_id, after)
    _append(connection, audit, {"tags": before}, {"tags": after})
    return None


def is_any_due(connection: sqlite3.Connection, now: float) -> bool:
    """Whether expire_devices may find a device."""
    return connection.execute("SELECT 1 FROM credential WHERE timeout_at <= ? LIMIT 1", (now,)).fetchone() is not None


def expire_devices(connection: sqlite3.Connection, now: float, most: int) -> Sequence[str]:
    """The device_ids that were deleted. See Store.expire_devices."""
    expired = connection.execute(
        """
        DELETE FROM device WHERE device_id IN (
            SELECT device_id FROM credential
            WHERE timeout_at <= :now AND NOT activated AND NOT EXISTS (
                SELECT 1 FROM device AS child
                WHERE child.project_id = credential.project_id AND child.gateway_id = credential.device_id
                      AND child.device_id <> credential.device_id
            )
            ORDER BY timeout_at LIMIT :most
        )
        RETURNING project_id, device_id, node_id, product_id, created_at, timeout_seconds
        """,
        {"now": now, "most": most},
    ).fetchall()
    append_audit(connection, [_expiry(now, *row) for row in expired])
    return [device_id for _project_id, device_id, *_rest in expired]


def _append(
    connection: sqlite3.Connection, audit: AuditEntry, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """The entry, with before and after in its detail."""
    detail = msgspec.json.decode(audit.detail) | {"before": before, "after": after}
    append_audit(connection, [msgspec.structs.replace(audit, detail=msgspec.json.encode(detail))])


def _shown(value: Any) -> Any:
    """A JSON text as the JSON that it is."""
    return msgspec.Raw(value) if isinstance(value, bytes) else value


def _expiry(
    now: float, project_id: str, device_id: str, node_id: str, product_id: str, created_at: int, timeout_seconds: int
) -> AuditEntry:
    before = {
        "node_id": node_id,
        "product_id": product_id,
        "created_at": created_at,
        "timeout_seconds": timeout_seconds,
    }
    return AuditEntry(
        at=now,
        project_id=project_id,
        actor="keyturn",
        action="device.expire",
        target=device_id,
        detail=msgspec.json.encode({"before": before}),
    )
