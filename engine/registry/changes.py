"""Every change of the registry, as a function of the writer's connection; each runs inside a savepoint.

The writer is alone, so a check and the change after it see the same state. A refusal changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from engine.registry.record import Activation, AuditEntry, Device, Product
from engine.registry.rows import INSERT_AUDIT, INSERT_CREDENTIAL, INSERT_DEVICE, INSERT_PRODUCT
from engine.registry.store import StoreRefusal
from engine.registry.tags import index_tags, tags_of


def append_audit(connection: sqlite3.Connection, entries: Iterable[AuditEntry]) -> None:
    """Append these entries, in order."""
    connection.executemany(INSERT_AUDIT, [msgspec.structs.asdict(entry) for entry in entries])


def add_product(connection: sqlite3.Connection, product: Product, audit: AuditEntry) -> StoreRefusal | None:
    """PROJECT_ABSENT, PRODUCT_EXISTS."""
    if not has_project(connection, product.project_id):
        return StoreRefusal.PROJECT_ABSENT
    if _has_product(connection, product.project_id, product.product_id):
        return StoreRefusal.PRODUCT_EXISTS
    connection.execute(INSERT_PRODUCT, msgspec.structs.asdict(product))
    append_audit(connection, [audit])
    return None


def delete_product(
    connection: sqlite3.Connection, project_id: str, product_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """PRODUCT_ABSENT, PRODUCT_IN_USE."""
    key = (project_id, product_id)
    if not _has_product(connection, *key):
        return StoreRefusal.PRODUCT_ABSENT
    if exists(connection, "SELECT 1 FROM device WHERE project_id = ? AND product_id = ? LIMIT 1", key):
        return StoreRefusal.PRODUCT_IN_USE
    connection.execute("DELETE FROM product WHERE project_id = ? AND product_id = ?", key)
    append_audit(connection, [audit])
    return None


def add_device(connection: sqlite3.Connection, device: Device, audit: AuditEntry) -> StoreRefusal | None:
    """DEVICE_EXISTS, NODE_ID_TAKEN, FINGERPRINT_TAKEN, PRODUCT_ABSENT, GATEWAY_ABSENT, in this order."""
    # One statement instead of four: each costs the writer a wait for the interpreter's lock.
    is_taken, is_node_taken, has_product, has_gateway = connection.execute(
        """
        SELECT EXISTS (SELECT 1 FROM credential WHERE device_id = :device_id),
               :protocol = 'CoAP' AND EXISTS (SELECT 1 FROM credential WHERE node_id = :node_id AND protocol = 'CoAP'),
               EXISTS (
                   SELECT 1 FROM product
                   WHERE project_id = :project_id AND product_id = :product_id
                         AND CASE WHEN protocol_type IN ('MQTT', 'CoAP') THEN protocol_type ELSE 'Other' END = :protocol
               ),
               :gateway_id = :device_id OR EXISTS (
                   SELECT 1 FROM device AS gateway JOIN device AS top ON top.device_id = gateway.gateway_id
                   WHERE gateway.device_id = :gateway_id AND gateway.project_id = :project_id
                         AND top.gateway_id = top.device_id
               )
        """,
        fields := msgspec.structs.asdict(device),
    ).fetchone()
    if is_taken:
        return StoreRefusal.DEVICE_EXISTS
    if is_node_taken:
        return StoreRefusal.NODE_ID_TAKEN
    if is_fingerprint_taken(connection, device.project_id, device.device_id, device.fingerprint):
        return StoreRefusal.FINGERPRINT_TAKEN
    if not has_product:
        return StoreRefusal.PRODUCT_ABSENT
    if not has_gateway:
        return StoreRefusal.GATEWAY_ABSENT
    connection.execute(INSERT_DEVICE, fields)
    connection.execute(INSERT_CREDENTIAL, fields)
    if device.tags is not None:
        index_tags(connection, device.project_id, device.record_id, device.device_id, tags_of(device.tags))
    append_audit(connection, [audit])
    return None


def delete_device(
    connection: sqlite3.Connection, project_id: str, device_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """DEVICE_ABSENT, DEVICE_HAS_SUB_DEVICES. The credential goes with the device (ON DELETE CASCADE)."""
    if _gateway_of(connection, project_id, device_id) is None:
        return StoreRefusal.DEVICE_ABSENT
    children = "SELECT 1 FROM device WHERE project_id = ? AND gateway_id = ? AND device_id <> gateway_id LIMIT 1"
    if exists(connection, children, (project_id, device_id)):
        return StoreRefusal.DEVICE_HAS_SUB_DEVICES
    connection.execute("DELETE FROM device WHERE device_id = ?", (device_id,))
    append_audit(connection, [audit])
    return None


def set_frozen(
    connection: sqlite3.Connection, project_id: str, device_id: str, frozen: bool, audit: AuditEntry
) -> StoreRefusal | None:
    """DEVICE_ABSENT, SUB_DEVICE, ALREADY_FROZEN, NOT_FROZEN, in this order."""
    gateway_id = _gateway_of(connection, project_id, device_id)
    if gateway_id is None:
        return StoreRefusal.DEVICE_ABSENT
    if gateway_id != device_id:
        return StoreRefusal.SUB_DEVICE
    changed = connection.execute(
        "UPDATE credential SET frozen = ?1, generation = generation + 1 WHERE device_id = ?2 AND frozen <> ?1",
        (frozen, device_id),
    ).rowcount
    if not changed:
        return StoreRefusal.ALREADY_FROZEN if frozen else StoreRefusal.NOT_FROZEN
    append_audit(connection, [audit])
    return None


def activate(connection: sqlite3.Connection, activations: Sequence[Activation]) -> frozenset[str]:
    """The device_ids whose record still exists; see Store.activate."""
    existing = set()
    first = []
    for activation in activations:
        row = connection.execute(
            "SELECT project_id, activated, checked_stamp_seen FROM credential WHERE device_id = ? AND record_id = ?",
            (activation.device_id, activation.record_id),
        ).fetchone()
        if row is None:
            continue
        project_id, activated, checked_stamp_seen = row
        existing.add(activation.device_id)
        fields = msgspec.structs.asdict(activation)
        if not activated or (activation.checked_stamp and not checked_stamp_seen):
            connection.execute(
                """
                UPDATE credential
                SET activated = 1, timeout_at = NULL, checked_stamp_seen = max(checked_stamp_seen, :checked_stamp)
                WHERE device_id = :device_id
                """,
                fields,
            )
        connection.execute(
            """
            UPDATE device
            SET activated_at = coalesce(activated_at, :at), last_seen_at = max(coalesce(last_seen_at, :at), :at)
            WHERE device_id = :device_id
            """,
            fields,
        )
        if not activated:
            first.append(_activation_audit(project_id, activation))
    append_audit(connection, first)
    return frozenset(existing)


def note_seen(connection: sqlite3.Connection, activations: Sequence[Activation]) -> None:
    """See Store.note_seen. One statement for those that are active: 4 us each, where activate takes 9."""
    moved = connection.executemany(
        """
        UPDATE device SET last_seen_at = max(last_seen_at, ?3)
        WHERE device_id = ?1 AND record_id = ?2 AND activated_at IS NOT NULL
        """,
        [(activation.device_id, activation.record_id, activation.at) for activation in activations],
    ).rowcount
    if moved < len(activations) or any(activation.checked_stamp for activation in activations):
        activate(connection, activations)


def pin_fingerprint(
    connection: sqlite3.Connection, device_id: str, generation: int, fingerprint: str, now: float
) -> bool:
    """Whether the device had no fingerprint and this generation; of two that race, one is told False.

    False as well when the fingerprint is another device's.
    """
    row = connection.execute(
        "SELECT project_id FROM credential WHERE device_id = ? AND generation = ? AND fingerprint IS NULL",
        (device_id, generation),
    ).fetchone()
    if row is None or is_fingerprint_taken(connection, row[0], device_id, fingerprint):
        return False
    connection.execute(
        "UPDATE credential SET fingerprint = ?, generation = generation + 1 WHERE device_id = ?",
        (fingerprint, device_id),
    )
    detail = msgspec.json.encode({"fingerprint": fingerprint})
    entry = AuditEntry(at=now, project_id=row[0], actor="device", action="device.pin", target=device_id, detail=detail)
    append_audit(connection, [entry])
    return True


def create_project(connection: sqlite3.Connection, project_id: str, audit: AuditEntry) -> StoreRefusal | None:
    """PROJECT_EXISTS."""
    if has_project(connection, project_id):
        return StoreRefusal.PROJECT_EXISTS
    connection.execute("INSERT INTO project (project_id, created_at) VALUES (?, ?)", (project_id, int(audit.at)))
    append_audit(connection, [audit])
    return None


def is_fingerprint_taken(
    connection: sqlite3.Connection, project_id: str, device_id: str, fingerprint: str | None
) -> bool:
    """Whether another device of the project has it, as its first or its second."""
    if fingerprint is None:
        return False
    return exists(
        connection,
        """
        SELECT 1 FROM credential WHERE project_id = ?1 AND fingerprint = ?2 AND device_id <> ?3
        UNION ALL
        SELECT 1 FROM credential WHERE project_id = ?1 AND secondary_fingerprint = ?2 AND device_id <> ?3
        """,
        (project_id, fingerprint, device_id),
    )


def _activation_audit(project_id: str, activation: Activation) -> AuditEntry:
    return AuditEntry(
        at=activation.at,
        project_id=project_id,
        actor="device",
        action="device.activate",
        target=activation.device_id,
    )


def exists(connection: sqlite3.Connection, statement: str, arguments: Sequence[object]) -> bool:
    """Whether the statement finds a row."""
    return connection.execute(statement, arguments).fetchone() is not None


def has_project(connection: sqlite3.Connection, project_id: str) -> bool:
    """Whether there is such a project."""
    return exists(connection, "SELECT 1 FROM project WHERE project_id = ?", (project_id,))


def _has_product(connection: sqlite3.Connection, project_id: str, product_id: str) -> bool:
    return exists(connection, "SELECT 1 FROM product WHERE project_id = ? AND product_id = ?", (project_id, product_id))


def _gateway_of(connection: sqlite3.Connection, project_id: str, device_id: str) -> str | None:
    """The device's gateway_id; None when the project has no such device."""
    row = connection.execute(
        "SELECT gateway_id FROM device WHERE device_id = ? AND project_id = ?", (device_id, project_id)
    ).fetchone()
    return None if row is None else str(row[0])
