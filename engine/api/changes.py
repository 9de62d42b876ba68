"""What every change of the registry has in common: its audit entry, and that it is told before it is answered."""

from collections.abc import Awaitable, Collection
from typing import Any, TypeVar

import msgspec
import trio

from engine.api.authentication import Caller
from engine.api.problems import raise_refusal, unless_refused
from engine.api.services import ApiServices
from engine.errors import StoreUnavailable
from engine.registry.record import AuditEntry
from engine.registry.store import StoreRefusal

Changed = TypeVar("Changed")


def audit_entry(services: ApiServices, caller: Caller, action: str, target: str, **detail: Any) -> AuditEntry:
    """Who does what to what, now. `detail` must hold no secret."""
    return AuditEntry(
        at=services.clock.wall(),
        project_id=caller.project_id,
        actor=caller.actor,
        action=action,
        target=target,
        detail=msgspec.json.encode(detail),
    )


async def change_certificates(
    services: ApiServices,
    project_id: str,
    change: Awaitable[Changed | StoreRefusal],
    *,
    close: Collection[str] = (),
) -> Changed:
    """Commit a change of a device CA, a CRL or a device certificate, then have every worker judge by it; shielded as
    below, and told of a change that may or may not have been made. close: fingerprints of device CAs or certificates,
    whose live sessions end."""
    with trio.CancelScope(shield=True):
        try:
            changed = unless_refused(await change)
        except StoreUnavailable:
            await services.bus.invalidate_certificates()
            raise
        await services.bus.invalidate_certificates()
        if close:
            await services.bus.close_certified(project_id, close)
    return changed


async def change_device(
    services: ApiServices, device_id: str, change: Awaitable[StoreRefusal | None], *, close: bool
) -> None:
    """Commit a change, then have every worker forget the old record; ApiProblem when the store refuses it.

    Shielded: a committed change whose invalidation was cancelled would leave the old credential working. A change of
    which the registry cannot say whether it was made is told as well, and closes no session.
    """
    with trio.CancelScope(shield=True):
        try:
            raise_refusal(await change)
        except StoreUnavailable:
            await services.bus.invalidate([device_id], close=False)
            raise
        await services.bus.invalidate([device_id], close=close)
