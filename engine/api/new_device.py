"""From the body of AddDevice to a record: the defaults, and the rules that tie fields together (iotda-rest.md A.3)."""

import msgspec

from engine.api.authentication import Caller
from engine.api.changes import audit_entry
from engine.api.device_schema import AuthInfo, CreateDevice
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import DEFAULT_APP, json_text
from engine.api.services import ApiServices
from engine.registry.record import AuditEntry, AuthType, Device, DeviceProtocol, Product, device_protocol
from engine.registry.sealing import Slot

_EXTENSION_INFO_BYTES = 1024
"""iotda-rest.md A.3."""
_SHADOW_BYTES = 512 * 1024
"""As much as a product's service_capabilities, whose properties it gives values to (A.4: 500 KB)."""
_SECRET_BYTES = 16
"""An allocated secret is so many random bytes in hex: 32 digits (iotda-rest.md A.3)."""
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


async def sealed_device(services: ApiServices, body: CreateDevice, product: Product) -> Device:
    """The record of a new device, whole: its secret, given or allocated, is sealed in it. As new_device."""
    now = services.clock.wall()
    device = new_device(body, product, await services.store.allocate_record_id(now), now)
    if device.auth_type is not AuthType.SECRET:
        return device
    given = body.auth_info.secret if body.auth_info else None
    secret = given or allocate_secret(services)
    sealed = services.sealer.seal(secret.encode(), device.project_id, device.record_id, Slot.PRIMARY)
    return msgspec.structs.replace(device, sealed_primary=sealed)


def creation_audit(services: ApiServices, caller: Caller, device: Device, **detail: object) -> AuditEntry:
    """What the audit says of a new device."""
    return audit_entry(
        services,
        caller,
        "device.create",
        device.device_id,
        after={
            "node_id": device.node_id,
            "product_id": device.product_id,
            "gateway_id": device.gateway_id,
            "auth_type": device.auth_type,
            "timeout": device.timeout_seconds,
        },
        **detail,
    )


def new_device(body: CreateDevice, product: Product, record_id: str, now: float) -> Device:
    """The record of a new device, its secret still missing. ApiProblem names the field that does not fit another."""
    device_id = body.device_id or f"{body.product_id}_{body.node_id}"
    auth_info = body.auth_info or AuthInfo()
    protocol = device_protocol(product.protocol_type)
    auth_type = auth_info.auth_type or AuthType.SECRET
    _check_credentials(auth_info, auth_type, protocol)
    gateway_id = body.gateway_id or device_id
    timeout_seconds = auth_info.timeout or 0
    if timeout_seconds and gateway_id != device_id:
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.timeout: only direct devices have one.")
    return Device(
        record_id=record_id,
        project_id=product.project_id,
        device_id=device_id,
        node_id=body.node_id,
        product_id=product.product_id,
        product_name=product.name,
        gateway_id=gateway_id,
        device_name=body.device_name,
        description=body.description,
        app_id=body.app_id or DEFAULT_APP,
        extension_info=extension_info_text(body.extension_info),
        shadow=_json_or_none("shadow", body.shadow, _SHADOW_BYTES),
        created_at=int(now),
        protocol=protocol,
        auth_type=auth_type,
        secure_access=auth_info.secure_access is not False,
        timeout_seconds=timeout_seconds,
        timeout_at=int(now) + timeout_seconds if timeout_seconds else None,
        # Compared case-insensitively (mqtt-device.md C.4), so kept in one case.
        fingerprint=auth_info.fingerprint.lower() if auth_info.fingerprint else None,
    )


def _check_credentials(auth_info: AuthInfo, auth_type: AuthType, protocol: DeviceProtocol) -> None:
    if auth_type is AuthType.CERTIFICATES and protocol is DeviceProtocol.COAP:
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.auth_type: CoAP devices have secrets, not certificates.")
    if auth_info.secret is not None and auth_type is not AuthType.SECRET:
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.secret: only with auth_type SECRET.")
    if auth_info.fingerprint is not None and auth_type is not AuthType.CERTIFICATES:
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.fingerprint: only with auth_type CERTIFICATES.")
    if auth_info.secret is not None:
        check_secret("auth_info.secret", auth_info.secret, protocol)


def check_secret(field: str, secret: str, protocol: DeviceProtocol) -> None:
    """ApiProblem for a CoAP secret that is no pre-shared key in hex: an odd digit has no octet to be in."""
    if protocol is DeviceProtocol.COAP and not (len(secret) % 2 == 0 and _HEX_DIGITS.issuperset(secret)):
        raise ApiProblem(Problem.INVALID_INPUT, f"{field}: CoAP devices take an even number of hex digits.")


def allocate_secret(services: ApiServices) -> str:
    """A secret for a device whose owner gave none."""
    return services.randomness(_SECRET_BYTES).hex()


def extension_info_text(value: object) -> bytes | None:
    """extension_info as it is stored. ApiProblem when it is too long."""
    return _json_or_none("extension_info", value, _EXTENSION_INFO_BYTES)


def _json_or_none(field: str, value: object, most_bytes: int) -> bytes | None:
    return None if value is None else json_text(field, value, most_bytes)
