"""From the body of AddDevice to a record: the defaults, and the rules that tie fields together (iotda-rest.md A.3)."""

from engine.api.device_schema import AuthInfo, CreateDevice
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import DEFAULT_APP, json_text
from engine.registry.record import AuthType, Device, DeviceProtocol, Product

_EXTENSION_INFO_BYTES = 1024
"""iotda-rest.md A.3."""
_SHADOW_BYTES = 512 * 1024
"""As much as a product's service_capabilities, whose properties it gives values to (A.4: 500 KB)."""
_PROTOCOLS = {"MQTT": DeviceProtocol.MQTT, "CoAP": DeviceProtocol.COAP}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def new_device(body: CreateDevice, product: Product, record_id: str, now: float) -> Device:
    """The record of a new device, its secret still missing. ApiProblem names the field that does not fit another."""
    device_id = body.device_id or f"{body.product_id}_{body.node_id}"
    auth_info = body.auth_info or AuthInfo()
    protocol = _PROTOCOLS.get(product.protocol_type, DeviceProtocol.OTHER)
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
        extension_info=_json_or_none("extension_info", body.extension_info, _EXTENSION_INFO_BYTES),
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
    if auth_info.secret is not None and protocol is DeviceProtocol.COAP and not _is_octets(auth_info.secret):
        raise ApiProblem(Problem.INVALID_INPUT, "auth_info.secret: CoAP devices take an even number of hex digits.")


def _is_octets(secret: str) -> bool:
    """Whether a secret is a pre-shared key in hex: an odd digit has no octet to be in."""
    return len(secret) % 2 == 0 and _HEX_DIGITS.issuperset(secret)


def _json_or_none(field: str, value: object, most_bytes: int) -> bytes | None:
    return None if value is None else json_text(field, value, most_bytes)
