"""New secrets and fingerprints for devices that are there (iotda-rest.md A.2, ResetDeviceSecret and ResetFingerprint).

When either returns, the old secret or fingerprint opens nothing any more. A live session goes on, as it is proved
already, unless force_disconnect ends it.
"""

from typing import Annotated

from litestar import Router, post
from litestar.params import JSONBody, QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.authentication import CallerOf
from engine.api.body import StrictBody
from engine.api.changes import audit_entry, change_device
from engine.api.device_schema import ResetDeviceSecret, ResetFingerprint, ResetFingerprintAnswer, ResetSecretAnswer
from engine.api.devices import find_device
from engine.api.new_device import allocate_secret, check_secret
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import DeviceIdPath, ProjectIdPath
from engine.api.services import ServicesOf
from engine.registry.record import AuthType, CredentialRank, DeviceProtocol
from engine.registry.sealing import Slot

_ACTION = "resetSecret"
_SLOTS = {CredentialRank.PRIMARY: Slot.PRIMARY, CredentialRank.SECONDARY: Slot.SECONDARY}


@post(
    "/{device_id:str}/action",
    status_code=200,
    dto=StrictBody[ResetDeviceSecret],
    responses=PROBLEMS,
    summary="ResetDeviceSecret",
    operation_id="ResetDeviceSecret",
)
async def reset_device_secret(
    project_id: ProjectIdPath,
    device_id: DeviceIdPath,
    data: JSONBody[ResetDeviceSecret],
    caller: CallerOf,
    services: ServicesOf,
    action_id: Annotated[str, QueryParameter(description=f"{_ACTION}; there is no other action.")] = "",
) -> ResetSecretAnswer:
    """Give a device a new secret: this one, or one that is allocated."""
    if action_id != _ACTION:
        raise ApiProblem(Problem.UNSUPPORTED_ACTION, f"action_id: is {_ACTION}.")
    device = await find_device(services, project_id, device_id)
    rank = data.secret_type or CredentialRank.PRIMARY
    if device.auth_type is not AuthType.SECRET:
        raise ApiProblem(Problem.INVALID_INPUT, "action_id: only devices with auth_type SECRET have one.")
    if rank is CredentialRank.SECONDARY and device.protocol is DeviceProtocol.COAP:
        raise ApiProblem(Problem.INVALID_INPUT, "secret_type: CoAP devices have no secondary secret.")
    secret = data.secret or allocate_secret(services)
    check_secret("secret", secret, device.protocol)
    sealed = services.sealer.seal(secret.encode(), project_id, device.record_id, _SLOTS[rank])
    is_closing = data.force_disconnect is True
    audit = audit_entry(
        services, caller, "device.reset-secret", device_id, secret_type=rank, force_disconnect=is_closing
    )
    change = services.store.reset_secret(project_id, device_id, device.record_id, rank, sealed, audit)
    await change_device(services, device_id, change, close=is_closing)
    return ResetSecretAnswer(device_id, secret, rank)


@post(
    "/{device_id:str}/reset-fingerprint",
    status_code=200,
    dto=StrictBody[ResetFingerprint],
    responses=PROBLEMS,
    summary="ResetFingerprint",
    operation_id="ResetFingerprint",
)
async def reset_fingerprint(
    project_id: ProjectIdPath,
    device_id: DeviceIdPath,
    data: JSONBody[ResetFingerprint],
    caller: CallerOf,
    services: ServicesOf,
) -> ResetFingerprintAnswer:
    """Give a device another fingerprint; without one it is emptied, and the next certificate that connects is taken."""
    device = await find_device(services, project_id, device_id)
    if device.auth_type is not AuthType.CERTIFICATES:
        raise ApiProblem(Problem.INVALID_INPUT, "fingerprint: only devices with auth_type CERTIFICATES have one.")
    rank = data.fingerprint_type or CredentialRank.PRIMARY
    # Compared case-insensitively (mqtt-device.md C.4), so kept in one case.
    fingerprint = data.fingerprint.lower() if data.fingerprint else None
    is_closing = data.force_disconnect is True
    audit = audit_entry(
        services, caller, "device.reset-fingerprint", device_id, fingerprint_type=rank, force_disconnect=is_closing
    )
    change = services.store.reset_fingerprint(project_id, device_id, device.record_id, rank, fingerprint, audit)
    await change_device(services, device_id, change, close=is_closing)
    return ResetFingerprintAnswer(device_id, rank, fingerprint)


device_resets_router = Router("/devices", route_handlers=[reset_device_secret, reset_fingerprint], tags=["devices"])
