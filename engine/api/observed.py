"""What Keyturn adds to the contract, under /keyturn: the audit, and a device's last attempts."""

from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.devices import find_device
from engine.api.schema import DeviceIdPath, JsonObject, ProjectIdPath, precise_time
from engine.api.services import ServicesOf


class AuditLine(msgspec.Struct, frozen=True):
    """Who did what to what, when. `sequence` is what `before` of the next request takes."""

    sequence: int
    at: str
    actor: str
    action: str
    target: str
    detail: JsonObject


class AuditList(msgspec.Struct, frozen=True):
    """A page of the audit, newest first."""

    entries: list[AuditLine]


class AttemptLine(msgspec.Struct, frozen=True):
    """One try of a device to connect, and the exact reason for what came of it."""

    at: str
    reason: str
    address: str
    listener: str


class AttemptList(msgspec.Struct, frozen=True):
    """A device's last attempts, newest first, as far as the node remembers them."""

    device_id: str
    attempts: list[AttemptLine]


@get("/audit", responses=PROBLEMS, summary="ListAudit", operation_id="ListAudit")
async def list_audit(
    project_id: ProjectIdPath,
    services: ServicesOf,
    limit: Annotated[int, QueryParameter(ge=1, le=50, description="Entries in this page.")] = 50,
    before: Annotated[int | None, QueryParameter(ge=1, description="Only entries with a smaller sequence.")] = None,
    target: Annotated[str | None, QueryParameter(max_length=128, description="Only this device or product.")] = None,
) -> AuditList:
    """List who changed, read or was refused what in the project, newest first."""
    found = await services.store.list_audit(project_id, target=target, before=before, limit=limit)
    lines = [
        AuditLine(
            sequence, precise_time(entry.at), entry.actor, entry.action, entry.target, msgspec.json.decode(entry.detail)
        )
        for sequence, entry in found.entries
    ]
    return AuditList(lines)


@get("/devices/{device_id:str}/attempts", responses=PROBLEMS, summary="ListAttempts", operation_id="ListAttempts")
async def list_attempts(project_id: ProjectIdPath, device_id: DeviceIdPath, services: ServicesOf) -> AttemptList:
    """Show why a device was accepted or refused, the last few times."""
    await find_device(services, project_id, device_id)
    lines = [
        AttemptLine(precise_time(attempt.at), attempt.reason.value, attempt.address, attempt.listener)
        for attempt in services.attempts.of_device(device_id)
    ]
    return AttemptList(device_id, lines)


observed_router = Router("/keyturn", route_handlers=[list_audit, list_attempts], tags=["keyturn"])
