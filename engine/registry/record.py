"""What is known of a device, a product, a project, at rest and in the moment of the verdict."""

import enum

import msgspec


class AuthType(enum.StrEnum):
    """How a device proves itself (iotda-rest.md A.3, auth_info.auth_type)."""

    SECRET = "SECRET"
    CERTIFICATES = "CERTIFICATES"


class DeviceProtocol(enum.StrEnum):
    """The protocol a device may use; it comes from its product's protocol_type, where CoAP means LwM2M."""

    MQTT = "MQTT"
    COAP = "CoAP"
    OTHER = "Other"


def device_protocol(protocol_type: str) -> DeviceProtocol:
    """What the devices of a product of this protocol_type speak, as far as it matters here."""
    return _DEVICE_PROTOCOLS.get(protocol_type, DeviceProtocol.OTHER)


_DEVICE_PROTOCOLS = {"MQTT": DeviceProtocol.MQTT, "CoAP": DeviceProtocol.COAP}


class CredentialRank(enum.StrEnum):
    """Which of a device's two secrets or fingerprints is meant; both open the door (iotda-rest.md A.3)."""

    PRIMARY = "PRIMARY"
    SECONDARY = "SECONDARY"


class CredentialRow(msgspec.Struct, frozen=True, gc=False):
    """One row of the narrow credential table, secrets still sealed: all that admit reads of a device.

    `generation` grows with every change that a verdict depends on. `timeout_at` is the wall-clock second at which a
    device that has not been activated is deleted, None for never.
    """

    device_id: str
    record_id: str
    project_id: str
    node_id: str
    generation: int
    protocol: DeviceProtocol
    auth_type: AuthType
    frozen: bool
    secure_access: bool
    activated: bool
    checked_stamp_seen: bool
    timeout_at: int | None
    sealed_primary: bytes | None
    sealed_secondary: bytes | None
    fingerprint: str | None
    secondary_fingerprint: str | None


class Credential(msgspec.Struct, frozen=True, gc=False):
    """A CredentialRow with its secrets unsealed, for the length of one verdict.

    `known` is False for the fixed dummy that stands in for an unknown device, so that both cost the same work.
    `primary` and `secondary` always hold bytes to compute with; has_primary and has_secondary say if they count.
    """

    row: CredentialRow
    known: bool
    primary: bytes
    has_primary: bool
    secondary: bytes
    has_secondary: bool

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<Credential of {self.row.device_id!r} generation {self.row.generation}>"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product: the model of device, and the protocol its devices speak (iotda-rest.md A.4).

    `service_capabilities` is the JSON text of the list, stored as given. `created_at` is in epoch seconds.
    """

    record_id: str
    project_id: str
    product_id: str
    name: str
    device_type: str
    protocol_type: str
    data_format: str
    manufacturer_name: str | None = None
    industry: str | None = None
    description: str | None = None
    app_id: str
    service_capabilities: bytes
    created_at: int


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device as the API shows it: the descriptive row joined with the credential row.

    Instants are epoch seconds (activated_at and last_seen_at with a fraction). `extension_info`, `tags` and `shadow`
    are JSON texts. `gateway_id` is the device's own id for a direct device.
    """

    record_id: str
    project_id: str
    device_id: str
    node_id: str
    product_id: str
    product_name: str
    gateway_id: str
    device_name: str | None = None
    description: str | None = None
    app_id: str
    extension_info: bytes | None = None
    tags: bytes | None = None
    shadow: bytes | None = None
    created_at: int
    activated_at: float | None = None
    last_seen_at: float | None = None
    generation: int = 1
    protocol: DeviceProtocol
    auth_type: AuthType
    frozen: bool = False
    secure_access: bool = True
    timeout_seconds: int = 0
    timeout_at: int | None = None
    sealed_primary: bytes | None = None
    sealed_secondary: bytes | None = None
    fingerprint: str | None = None
    secondary_fingerprint: str | None = None


class CaCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A device CA certificate of a project (iotda-rest.md A.5). Its certificate_id is its record id.

    `fingerprint` is the SHA-256 of `der` in lower-case hex; instants are epoch seconds. Only with `verified_at` does it
    anchor anything: its owner has shown to hold the key. `generation` grows with every change.
    """

    certificate_id: str
    project_id: str
    app_id: str
    der: bytes
    fingerprint: str
    common_name: str | None = None
    owner: str | None = None
    effective_at: int
    expires_at: int
    verify_code: str
    created_at: int
    verified_at: int | None = None
    generation: int = 1
    provision_enable: bool = False
    template_id: str | None = None
    ocsp_enable: bool = False
    ocsp_ssl_enable: bool = False
    ocsp_server_ca_id: str | None = None


class Crl(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate revocation list. Instants are epoch seconds; `number` is its cRLNumber, where it has one."""

    der: bytes
    number: int | None
    this_update: int
    next_update: int
    revoked: int


class CaCrl(msgspec.Struct, frozen=True, kw_only=True):
    """The list that stands beside a device CA of a project, and since when."""

    project_id: str
    certificate_id: str
    crl: Crl
    uploaded_at: int


class CertificateStatus(enum.StrEnum):
    """Whether a device certificate may be used; a new one may."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class DeviceCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that a device has connected with; its certificate_id is its record id.

    `fingerprint` and `fingerprint_sha1` are the SHA-256 and the SHA-1 of `der` in lower-case hex, as a credential holds
    either. `generation` grows with every change.
    """

    certificate_id: str
    project_id: str
    der: bytes
    fingerprint: str
    fingerprint_sha1: str
    common_name: str | None = None
    expires_at: int
    created_at: int
    status: CertificateStatus = CertificateStatus.ACTIVE
    generation: int = 1


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the append-only audit: who did what to what, when; before and after without secrets.

    `actor` is "token:<8 hex of its hash>", "access-key:<id>", "device", or "keyturn" (the engine itself).
    `action` is noun.verb ("device.create", "device.freeze", "device.activate", "device.refused").
    `detail` is a small JSON object (bytes), never holding a secret.
    """

    at: float
    project_id: str
    actor: str
    action: str
    target: str
    detail: bytes = b"{}"


class Activation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device was accepted: the first time it becomes active, later its last_seen_at moves.

    `checked_stamp`: accepted with sign type 1, which policy "sticky" remembers.
    """

    device_id: str
    record_id: str
    at: float
    checked_stamp: bool = False
