"""Records for the registry's tests: one valid of each, every field replaceable, and a store to put them in."""

import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec

from engine.clock import Clock
from engine.limits import Limits
from engine.registry.record import AuditEntry, AuthType, Device, DeviceProtocol, Product
from engine.registry.sqlite import SqliteStore
from engine.registry.store_access import AccessKey, ApiToken, Role

NOW = 1_700_000_000
CLOCK = Clock(wall=lambda: float(NOW), monotonic=time.monotonic)
PROJECT = "project-1"
OTHER_PROJECT = "project-2"

_PRODUCT = Product(
    record_id="1" * 24,
    project_id=PROJECT,
    product_id="pumps",
    name="Pumps",
    device_type="pump",
    protocol_type="MQTT",
    data_format="json",
    app_id="app",
    service_capabilities=b"[]",
    created_at=NOW,
)


def record_id(number: int, seconds: int = NOW) -> str:
    """A record id as the store makes them."""
    return f"{seconds:08x}{number:016x}"


def product(product_id: str = "pumps", **changes: Any) -> Product:
    """An MQTT product of PROJECT, with these fields changed."""
    return msgspec.structs.replace(_PRODUCT, product_id=product_id, **changes)


def device(number: int = 1, **changes: Any) -> Device:
    """Direct MQTT device number so and so of the product "pumps" in PROJECT, with these fields changed."""
    device_id = changes.get("device_id", f"pump-{number}")
    fields: dict[str, Any] = {
        "record_id": record_id(number),
        "project_id": PROJECT,
        "device_id": device_id,
        "node_id": f"node-{number}",
        "product_id": "pumps",
        "product_name": "Pumps",
        "gateway_id": device_id,
        "app_id": "app",
        "created_at": NOW,
        "protocol": DeviceProtocol.MQTT,
        "auth_type": AuthType.SECRET,
        "sealed_primary": b"sealed",
    }
    return Device(**(fields | changes))


def audit(action: str = "device.create", target: str = "pump-1", **changes: Any) -> AuditEntry:
    """An entry of PROJECT, with these fields changed."""
    entry = AuditEntry(at=float(NOW), project_id=PROJECT, actor="token:0123abcd", action=action, target=target)
    return msgspec.structs.replace(entry, **changes)


def access_key(name: str = "AK", **changes: Any) -> AccessKey:
    """An access key of PROJECT that may do all, with these fields changed."""
    key = AccessKey(
        access_key=name,
        project_id=PROJECT,
        sealed_secret_key=b"sealed",
        role=Role.ADMIN,
        reads_secrets=True,
        created_at=NOW,
    )
    return msgspec.structs.replace(key, **changes)


def api_token(name: str = "init", **changes: Any) -> ApiToken:
    """A token of PROJECT that may do all, its digest made from its name, with these fields changed."""
    token = ApiToken(
        digest=hashlib.sha256(name.encode()).digest(),
        project_id=PROJECT,
        name=name,
        role=Role.ADMIN,
        reads_secrets=True,
        created_at=NOW,
    )
    return msgspec.structs.replace(token, **changes)


def open_sqlite(path: Path, *, create: bool = False, **limits: Any) -> SqliteStore:
    """The registry in `path`, with some limits changed."""
    return SqliteStore.open(path, limits=Limits(**limits), clock=CLOCK, create=create)


async def seed(store: SqliteStore) -> None:
    """Both projects, and the product "pumps" in PROJECT."""
    assert await store.create_project(PROJECT) is None
    assert await store.create_project(OTHER_PROJECT) is None
    assert await store.add_product(product(), audit("product.create", "pumps")) is None
