"""The change of a product, as a function of the writer's connection (see changes.py)."""

import sqlite3

import msgspec

from engine.registry.changes import append_audit, exists
from engine.registry.differences import with_difference
from engine.registry.record import AuditEntry, DeviceProtocol, Product, device_protocol
from engine.registry.rows import SELECT_PRODUCT, product_from_row
from engine.registry.store import ProductUpdate, StoreRefusal

_FIND = f"{SELECT_PRODUCT} WHERE project_id = ? AND product_id = ?"
_HAS_DEVICES_OF_ANOTHER_PROTOCOL = """
    SELECT 1 FROM device JOIN credential USING (device_id)
    WHERE device.project_id = ? AND device.product_id = ? AND credential.protocol <> ? LIMIT 1
"""
_UPDATE = """
    UPDATE product
    SET name = :name, device_type = :device_type, protocol_type = :protocol_type, data_format = :data_format,
        manufacturer_name = :manufacturer_name, industry = :industry, description = :description,
        service_capabilities = :service_capabilities
    WHERE project_id = :project_id AND product_id = :product_id
"""


def update_product(
    connection: sqlite3.Connection, project_id: str, product_id: str, update: ProductUpdate, audit: AuditEntry
) -> Product | StoreRefusal:
    """PRODUCT_ABSENT, PRODUCT_TO_COAP, PRODUCT_PROTOCOL_IN_USE, in this order."""
    row = connection.execute(_FIND, (project_id, product_id)).fetchone()
    if row is None:
        return StoreRefusal.PRODUCT_ABSENT
    before = product_from_row(row)
    given = {name: value for name, value in msgspec.structs.asdict(update).items() if value is not None}
    after = msgspec.structs.replace(before, **given)
    if after.protocol_type != before.protocol_type:
        protocol = device_protocol(after.protocol_type)
        if protocol is DeviceProtocol.COAP:
            return StoreRefusal.PRODUCT_TO_COAP
        if exists(connection, _HAS_DEVICES_OF_ANOTHER_PROTOCOL, (project_id, product_id, protocol)):
            return StoreRefusal.PRODUCT_PROTOCOL_IN_USE
    entry = with_difference(audit, before, after)
    if entry is not None:
        connection.execute(_UPDATE, msgspec.structs.asdict(after))
        append_audit(connection, [entry])
    return after
