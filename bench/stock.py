"""A fleet put straight into a node's registry, some thousand devices a second: the API would take minutes."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE
from engine.registry.record import Activation, AuditEntry, AuthType, Device, DeviceProtocol, Product
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore

_PRODUCT = "bench"
_BATCH = 512
"""What the writer commits at once."""


def stock(data: Path, project_id: str, count: int, *, is_activated: bool) -> list[tuple[str, str]]:
    """Add so many MQTT devices of one product to a data directory that nobody serves; device_id and secret of each.

    is_activated: as if each had been there before.
    """
    devices = [(f"{_PRODUCT}_n{number}", f"{number:032x}") for number in range(count)]
    trio.run(_fill, data, project_id, devices, is_activated)
    return devices


async def _fill(data: Path, project_id: str, devices: Sequence[tuple[str, str]], is_activated: bool) -> None:
    sealer = Sealer(MasterKeys.read(data / MASTER_KEY_FILE), os.urandom)
    store = SqliteStore.open(data / REGISTRY_FILE, limits=Limits(), clock=Clock(time.time, time.monotonic))
    audit = AuditEntry(at=time.time(), project_id=project_id, actor="keyturn", action="bench.create", target="bench")
    await store.add_product(_product(await store.allocate_record_id(time.time()), project_id), audit)
    for begin in range(0, len(devices), _BATCH):
        batch = [
            _device(*device, await store.allocate_record_id(time.time()), project_id, sealer)
            for device in devices[begin : begin + _BATCH]
        ]
        async with trio.open_nursery() as nursery:
            for device in batch:
                nursery.start_soon(store.add_device, device, audit)
        if is_activated:
            await store.activate([_activation(one) for one in batch])
    await store.close()


def _product(record_id: str, project_id: str) -> Product:
    return Product(
        record_id=record_id,
        project_id=project_id,
        product_id=_PRODUCT,
        name=_PRODUCT,
        device_type="pump",
        protocol_type="MQTT",
        data_format="json",
        app_id="default",
        service_capabilities=b"[]",
        created_at=int(time.time()),
    )


def _device(device_id: str, secret: str, record_id: str, project_id: str, sealer: Sealer) -> Device:
    return Device(
        record_id=record_id,
        project_id=project_id,
        device_id=device_id,
        node_id=device_id.removeprefix(f"{_PRODUCT}_"),
        product_id=_PRODUCT,
        product_name=_PRODUCT,
        gateway_id=device_id,
        app_id="default",
        created_at=int(time.time()),
        protocol=DeviceProtocol.MQTT,
        auth_type=AuthType.SECRET,
        sealed_primary=sealer.seal(secret.encode(), project_id, record_id, Slot.PRIMARY),
    )


def _activation(device: Device) -> Activation:
    """As the storm client's devices come: with a time stamp that is judged."""
    return Activation(device_id=device.device_id, record_id=device.record_id, at=time.time(), checked_stamp=True)
