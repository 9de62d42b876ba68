"""The bodies of the device operations (iotda-rest.md A.3)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.api.schema import (
    NAME,
    AppId,
    DeviceId,
    Fingerprint,
    JsonObject,
    NodeId,
    Page,
    ProductId,
    Secret,
    Timeout,
    compact_time,
    precise_time,
)
from engine.registry.record import AuthType, CredentialRank, Device

Status = Literal["ONLINE", "OFFLINE", "ABNORMAL", "INACTIVE", "FROZEN"]
NodeType = Literal["ENDPOINT", "GATEWAY", "UNKNOWN"]


class InitialDesired(msgspec.Struct, frozen=True):
    """The properties that a service of the device starts with."""

    service_id: Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME)]
    desired: JsonObject


class AuthInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How a new device proves itself."""

    auth_type: Annotated[AuthType, Meta(description="SECRET when absent.")] | None = None
    secret: Annotated[Secret, Meta(description="Hexadecimal for CoAP devices; allocated when absent.")] | None = None
    fingerprint: Annotated[Fingerprint, Meta(description="The first certificate's, when absent.")] | None = None
    secure_access: Annotated[bool, Meta(description="Only over a secured protocol; true when absent.")] | None = None
    timeout: Timeout | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<AuthInfo {self.auth_type}>"


class CreateDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of AddDevice. Fields that are not named here are ignored."""

    node_id: NodeId
    product_id: ProductId
    device_id: Annotated[DeviceId, Meta(description="Unique; {product_id}_{node_id} when absent.")] | None = None
    device_name: Annotated[str, Meta(max_length=256, pattern=NAME)] | None = None
    description: Annotated[str, Meta(max_length=2048, pattern=NAME)] | None = None
    gateway_id: Annotated[DeviceId, Meta(description="The direct device that this one is behind.")] | None = None
    app_id: Annotated[AppId, Meta(description="The resource space; the default one when absent.")] | None = None
    extension_info: Annotated[JsonObject, Meta(description="Anything, at most 1 KB.")] | None = None
    shadow: Annotated[list[InitialDesired], Meta(description="What the device's properties start with.")] | None = None
    auth_info: AuthInfo | None = None


class UpdateAuthInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What UpdateDevice changes of how a device proves itself."""

    secure_access: Annotated[bool, Meta(description="Only over a secured protocol.")] | None = None
    timeout: Timeout | None = None


class UpdateDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The body of UpdateDevice; what is absent stays as it is."""

    device_name: Annotated[str, Meta(max_length=256, pattern=NAME)] | None = None
    description: Annotated[str, Meta(max_length=2048, pattern=NAME)] | None = None
    extension_info: Annotated[JsonObject, Meta(description="Anything, at most 1 KB.")] | None = None
    auth_info: UpdateAuthInfo | None = None


class ResetDeviceSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ResetDeviceSecret."""

    secret: Annotated[Secret, Meta(description="Hexadecimal for CoAP devices; allocated when absent.")] | None = None
    force_disconnect: Annotated[bool, Meta(description="End the live session.")] | None = None
    secret_type: Annotated[CredentialRank, Meta(description="PRIMARY when absent.")] | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<ResetDeviceSecret {self.secret_type}>"


class ResetSecretAnswer(msgspec.Struct, frozen=True):
    """The secret that the device has from now on."""

    device_id: str
    secret: str
    secret_type: CredentialRank

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<ResetSecretAnswer {self.device_id!r} {self.secret_type}>"


class ResetFingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ResetFingerprint."""

    fingerprint: Annotated[Fingerprint, Meta(description="Emptied when absent.")] | None = None
    force_disconnect: Annotated[bool, Meta(description="End the live session.")] | None = None
    fingerprint_type: Annotated[CredentialRank, Meta(description="PRIMARY when absent.")] | None = None


class ResetFingerprintAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fingerprint that the device has from now on, if it has one."""

    device_id: str
    fingerprint_type: CredentialRank
    fingerprint: str | None = None


class AuthInfoAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a device proves itself. `timeout` is in the answers of the creation, and of an update that changed it."""

    auth_type: str
    secure_access: bool
    secret: str | None = None
    secondary_secret: str | None = None
    fingerprint: str | None = None
    secondary_fingerprint: str | None = None
    timeout: int | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<AuthInfoAnswer {self.auth_type}>"


class DeviceSummary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A device as ListDevices shows it: no auth_info, no secret, no create_time."""

    app_id: str
    app_name: str
    device_id: str
    node_id: str
    gateway_id: str
    node_type: NodeType
    product_id: str
    product_name: str
    status: Status
    tags: list[JsonObject]
    device_name: str | None = None
    description: str | None = None


class DeviceAnswer(DeviceSummary, frozen=True, omit_defaults=True, kw_only=True):
    """A device, whole."""

    auth_info: AuthInfoAnswer
    create_time: str
    connection_status_update_time: str | None = None
    active_time: str | None = None
    extension_info: JsonObject | None = None


class DeviceList(msgspec.Struct, frozen=True):
    """The answer of ListDevices."""

    devices: list[DeviceSummary]
    page: Page


def device_summary(device: Device, online_since: float | None) -> DeviceSummary:
    """A stored device, for a list. online_since: epoch seconds, None for a device without a live session."""
    return DeviceSummary(**_shared(device, online_since))


def device_answer(device: Device, online_since: float | None, auth_info: AuthInfoAnswer) -> DeviceAnswer:
    """A stored device, whole."""
    changed_at = online_since if online_since is not None else device.last_seen_at
    return DeviceAnswer(
        **_shared(device, online_since),
        auth_info=auth_info,
        create_time=compact_time(device.created_at),
        connection_status_update_time=None if changed_at is None else precise_time(changed_at),
        active_time=None if device.activated_at is None else precise_time(device.activated_at),
        extension_info=None if device.extension_info is None else msgspec.json.decode(device.extension_info),
    )


def device_status(device: Device, online_since: float | None) -> Status:
    """iotda-rest.md A.3, status rules: INACTIVE until the first connection."""
    if device.frozen:
        return "FROZEN"
    if online_since is not None:
        return "ONLINE"
    return "INACTIVE" if device.activated_at is None else "OFFLINE"


def _shared(device: Device, online_since: float | None) -> dict[str, Any]:
    return {
        "app_id": device.app_id,
        "app_name": device.app_id,
        "device_id": device.device_id,
        "node_id": device.node_id,
        "gateway_id": device.gateway_id,
        "node_type": "GATEWAY" if device.gateway_id == device.device_id else "ENDPOINT",
        "product_id": device.product_id,
        "product_name": device.product_name,
        "status": device_status(device, online_since),
        "tags": [] if device.tags is None else msgspec.json.decode(device.tags),
        "device_name": device.device_name,
        "description": device.description,
    }
