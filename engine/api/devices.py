"""Devices: add, list, show, update, delete, freeze, unfreeze (iotda-rest.md A.2, A.3)."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.authentication import Caller, CallerOf
from engine.api.body import StrictBody
from engine.api.changes import audit_entry, change_device
from engine.api.device_schema import (
    AuthInfoAnswer,
    CreateDevice,
    DeviceAnswer,
    DeviceList,
    UpdateAuthInfo,
    UpdateDevice,
    device_answer,
    device_summary,
)
from engine.api.new_device import creation_audit, extension_info_text, sealed_device
from engine.api.problems import ApiProblem, Problem, raise_refusal
from engine.api.schema import COMPACT_TIME, ID, NAME, DeviceIdPath, ProjectIdPath, page_of, read_compact_time
from engine.api.services import ApiServices, ServicesOf
from engine.registry.record import AuditEntry, Device
from engine.registry.sealing import Slot
from engine.registry.store import DeviceFilter, DeviceUpdate, PageRequest


@post("/", dto=StrictBody[CreateDevice], responses=PROBLEMS, summary="AddDevice", operation_id="AddDevice")
async def add_device(
    project_id: ProjectIdPath, data: JSONBody[CreateDevice], caller: CallerOf, services: ServicesOf
) -> DeviceAnswer:
    """Register a device. The answer holds its secret, given or allocated."""
    products = await services.store.products(project_id, [data.product_id])
    if data.product_id not in products:
        raise ApiProblem(Problem.PRODUCT_ABSENT)
    device = await sealed_device(services, data, products[data.product_id])
    audit = creation_audit(services, caller, device)
    raise_refusal(await services.store.add_device(device, audit))
    auth_info = _with_secrets(_auth_info_answer(device), device, services)
    return device_answer(device, None, msgspec.structs.replace(auth_info, timeout=device.timeout_seconds))


@get("/", responses=PROBLEMS, summary="ListDevices", operation_id="ListDevices")
async def list_devices(
    project_id: ProjectIdPath,
    page: NamedDependency[PageRequest],
    matching: NamedDependency[DeviceFilter],
    services: ServicesOf,
) -> DeviceList:
    """List devices, newest first."""
    found = await services.store.list_devices(project_id, matching, page)
    online = services.bus.online([device.device_id for device in found.devices])
    return DeviceList(
        [device_summary(device, online.get(device.device_id)) for device in found.devices],
        page_of([device.record_id for device in found.devices], found.count),
    )


@get("/{device_id:str}", responses=PROBLEMS, summary="ShowDevice", operation_id="ShowDevice")
async def show_device(
    project_id: ProjectIdPath, device_id: DeviceIdPath, caller: CallerOf, services: ServicesOf
) -> DeviceAnswer:
    """Show a device. Its secrets only to a caller who may read them; that they were read is audited."""
    return await _whole_answer(services, caller, await find_device(services, project_id, device_id))


@put(
    "/{device_id:str}",
    dto=StrictBody[UpdateDevice],
    responses=PROBLEMS,
    summary="UpdateDevice",
    operation_id="UpdateDevice",
)
async def update_device(
    project_id: ProjectIdPath,
    device_id: DeviceIdPath,
    data: JSONBody[UpdateDevice],
    caller: CallerOf,
    services: ServicesOf,
) -> DeviceAnswer:
    """Change what a device is called and how it may connect. Another timeout begins anew, with this update."""
    before = await find_device(services, project_id, device_id)
    update = device_update(before, data)
    audit = audit_entry(services, caller, "device.update", device_id)
    change = services.store.update_device(project_id, device_id, update, audit)
    await change_device(services, device_id, change, close=False)
    after = await find_device(services, project_id, device_id)
    is_timeout_changed = after.timeout_seconds != before.timeout_seconds
    return await _whole_answer(services, caller, after, after.timeout_seconds if is_timeout_changed else None)


@delete("/{device_id:str}", responses=PROBLEMS, summary="DeleteDevice", operation_id="DeleteDevice")
async def delete_device(
    project_id: ProjectIdPath, device_id: DeviceIdPath, caller: CallerOf, services: ServicesOf
) -> None:
    """Delete a device and end its session. Refused while it has sub-devices."""
    device = await find_device(services, project_id, device_id)
    audit = deletion_audit(services, caller, device)
    await change_device(services, device_id, services.store.delete_device(project_id, device_id, audit), close=True)


@post(
    "/{device_id:str}/freeze", status_code=204, responses=PROBLEMS, summary="FreezeDevice", operation_id="FreezeDevice"
)
async def freeze_device(
    project_id: ProjectIdPath, device_id: DeviceIdPath, caller: CallerOf, services: ServicesOf
) -> None:
    """Freeze a direct device: its session ends, and it cannot connect until it is unfrozen."""
    await _set_frozen(services, caller, project_id, device_id, frozen=True)


@post(
    "/{device_id:str}/unfreeze",
    status_code=204,
    responses=PROBLEMS,
    summary="UnfreezeDevice",
    operation_id="UnfreezeDevice",
)
async def unfreeze_device(
    project_id: ProjectIdPath, device_id: DeviceIdPath, caller: CallerOf, services: ServicesOf
) -> None:
    """Let a frozen device connect again."""
    await _set_frozen(services, caller, project_id, device_id, frozen=False)


def device_filter(
    product_id: Annotated[str | None, QueryParameter(max_length=36, pattern=ID, description="Exactly.")] = None,
    gateway_id: Annotated[str | None, QueryParameter(max_length=128, pattern=ID, description="Its children.")] = None,
    is_cascade_query: Annotated[bool, QueryParameter(description="Also theirs; only with gateway_id.")] = False,
    node_id: Annotated[str | None, QueryParameter(max_length=64, pattern=ID, description="As a prefix.")] = None,
    device_name: Annotated[str | None, QueryParameter(max_length=256, pattern=NAME, description="As a prefix.")] = None,
    app_id: Annotated[str | None, QueryParameter(max_length=36, pattern=ID, description="Exactly.")] = None,
    start_time: Annotated[
        str | None, QueryParameter(pattern=COMPACT_TIME, description="Created then or later, yyyyMMdd'T'HHmmss'Z'.")
    ] = None,
    end_time: Annotated[
        str | None, QueryParameter(pattern=COMPACT_TIME, description="Created then or before, yyyyMMdd'T'HHmmss'Z'.")
    ] = None,
) -> DeviceFilter:
    """ListDevices' filters (iotda-rest.md A.2), as a Litestar dependency."""
    created_from = read_compact_time("start_time", start_time)
    created_to = read_compact_time("end_time", end_time)
    if created_from is not None and created_to is not None and created_from > created_to:
        raise ApiProblem(Problem.TIMES_REVERSED)
    return DeviceFilter(
        product_id=product_id,
        gateway_id=gateway_id,
        is_cascade=is_cascade_query and gateway_id is not None,
        node_id=node_id,
        device_name=device_name,
        app_id=app_id,
        created_from=created_from,
        created_to=created_to,
    )


def device_update(device: Device, body: UpdateDevice) -> DeviceUpdate:
    """The change that a body of UpdateDevice asks for. ApiProblem when it is not for this device."""
    auth_info = body.auth_info or UpdateAuthInfo()
    if auth_info.timeout and device.gateway_id != device.device_id:
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.timeout: only direct devices have one.")
    return DeviceUpdate(
        device_name=body.device_name,
        description=body.description,
        extension_info=extension_info_text(body.extension_info),
        secure_access=auth_info.secure_access,
        timeout_seconds=auth_info.timeout,
    )


def deletion_audit(services: ApiServices, caller: Caller, device: Device, **detail: object) -> AuditEntry:
    """What the audit says of a deleted device."""
    before = {"node_id": device.node_id, "product_id": device.product_id, "gateway_id": device.gateway_id}
    return audit_entry(services, caller, "device.delete", device.device_id, before=before, **detail)


def freezing_audit(
    services: ApiServices, caller: Caller, device_id: str, *, frozen: bool, **detail: object
) -> AuditEntry:
    """What the audit says of a device that is frozen, or let go."""
    before, after = {"frozen": not frozen}, {"frozen": frozen}
    action = "device.freeze" if frozen else "device.unfreeze"
    return audit_entry(services, caller, action, device_id, before=before, after=after, **detail)


async def find_device(services: ApiServices, project_id: str, device_id: str) -> Device:
    """The project's device. ApiProblem when it has none of that id."""
    devices: Mapping[str, Device] = await services.store.devices(project_id, [device_id])
    if device_id not in devices:
        raise ApiProblem(Problem.DEVICE_ABSENT)
    return devices[device_id]


async def _set_frozen(services: ApiServices, caller: Caller, project_id: str, device_id: str, *, frozen: bool) -> None:
    audit = freezing_audit(services, caller, device_id, frozen=frozen)
    change = services.store.set_frozen(project_id, device_id, frozen, audit)
    await change_device(services, device_id, change, close=frozen)


async def _whole_answer(
    services: ApiServices, caller: Caller, device: Device, timeout: int | None = None
) -> DeviceAnswer:
    """The device as this caller may see it."""
    auth_info = msgspec.structs.replace(_auth_info_answer(device), timeout=timeout)
    if caller.reads_secrets and (device.sealed_primary is not None or device.sealed_secondary is not None):
        await services.store.append_audit([audit_entry(services, caller, "secret.read", device.device_id)])
        auth_info = _with_secrets(auth_info, device, services)
    online = services.bus.online([device.device_id])
    return device_answer(device, online.get(device.device_id), auth_info)


def _auth_info_answer(device: Device) -> AuthInfoAnswer:
    return AuthInfoAnswer(
        auth_type=device.auth_type,
        secure_access=device.secure_access,
        fingerprint=device.fingerprint,
        secondary_fingerprint=device.secondary_fingerprint,
    )


def _with_secrets(auth_info: AuthInfoAnswer, device: Device, services: ApiServices) -> AuthInfoAnswer:
    return msgspec.structs.replace(
        auth_info,
        secret=_unsealed(device, device.sealed_primary, Slot.PRIMARY, services),
        secondary_secret=_unsealed(device, device.sealed_secondary, Slot.SECONDARY, services),
    )


def _unsealed(device: Device, blob: bytes | None, slot: Slot, services: ApiServices) -> str | None:
    if blob is None:
        return None
    return services.sealer.unseal(blob, device.project_id, device.record_id, slot).decode()


devices_router = Router(
    "/devices",
    route_handlers=[
        add_device,
        list_devices,
        show_device,
        update_device,
        delete_device,
        freeze_device,
        unfreeze_device,
    ],
    dependencies={"matching": Provide(device_filter, sync_to_thread=False)},
    tags=["devices"],
)
