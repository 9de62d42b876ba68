"""Real stores for tests: an empty one, and one with a project, a product and devices."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.registry.record import AuditEntry, AuthType, Device, DeviceProtocol, Product
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore

CLOCK = Clock(time.time, time.monotonic)
PROJECT = "p"


@asynccontextmanager
async def open_empty_store(tmp_path: Path, limits: Limits | None = None) -> AsyncIterator[SqliteStore]:
    """A new registry with one project."""
    await trio.Path(tmp_path).mkdir(exist_ok=True)
    store = SqliteStore.open(tmp_path / "registry.db", limits=limits or Limits(), clock=CLOCK, create=True)
    try:
        await store.create_project(PROJECT)
        yield store
    finally:
        await store.close()


def audit_entry(action: str, target: str = "") -> AuditEntry:
    return AuditEntry(at=CLOCK.wall(), project_id=PROJECT, actor="test", action=action, target=target)


def new_sealer() -> Sealer:
    return Sealer(MasterKeys.generate(os.urandom), os.urandom)


async def add_product(
    store: SqliteStore, product_id: str = "mqtt", protocol_type: str = "MQTT", project_id: str = PROJECT
) -> None:
    product = Product(
        record_id=await store.allocate_record_id(CLOCK.wall()),
        project_id=project_id,
        product_id=product_id,
        name=product_id,
        device_type="t",
        protocol_type=protocol_type,
        data_format="json",
        app_id="default",
        service_capabilities=b"[]",
        created_at=int(CLOCK.wall()),
    )
    assert await store.add_product(product, audit_entry("product.create", product_id)) is None


async def add_device(
    store: SqliteStore, sealer: Sealer, device_id: str, secret: bytes, product_id: str = "mqtt", **fields: Any
) -> str:
    """A SECRET device; its record id."""
    record_id = await store.allocate_record_id(CLOCK.wall())
    device = Device(
        **{
            "record_id": record_id,
            "project_id": PROJECT,
            "device_id": device_id,
            "node_id": device_id,
            "product_id": product_id,
            "product_name": product_id,
            "gateway_id": device_id,
            "app_id": "default",
            "created_at": int(CLOCK.wall()),
            "protocol": DeviceProtocol.MQTT,
            "auth_type": AuthType.SECRET,
            "sealed_primary": sealer.seal(secret, PROJECT, record_id, Slot.PRIMARY),
            **fields,
        }
    )
    assert await store.add_device(device, audit_entry("device.create", device_id)) is None
    return record_id
