"""The Store protocol: the one narrow door to the registry. Every implementation runs tests/registry/store_contract.py.

Look-ups take a sequence and answer a mapping. Every method raises StoreUnavailable, and only that, when the registry
cannot do what was asked for a reason that is not the caller's; a refusal for a reason of the data is a StoreRefusal
value. Every change writes its audit entry in the same transaction.
"""

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.registry.record import Activation, AuditEntry, CredentialRank, CredentialRow, Device, Product
from engine.registry.search import DeviceSearch, SearchPage

if TYPE_CHECKING:  # each part knows this module's StoreRefusal, so this module cannot import a part when it runs
    from engine.registry.store_access import AccessStore, ApiToken
    from engine.registry.store_batches import BatchStore
    from engine.registry.store_certificates import CertificateStore

NEWEST = "f" * 24


class StoreRefusal(enum.Enum):
    """Why a change was not made; the data is as before."""

    DEVICE_EXISTS = "device_id is taken"
    NODE_ID_TAKEN = "node_id is taken by another CoAP device"
    FINGERPRINT_TAKEN = "the fingerprint is another device's"
    DEVICE_ABSENT = "no such device in the project"
    DEVICE_HAS_SUB_DEVICES = "the device has sub-devices"
    SUB_DEVICE = "sub-devices cannot be frozen"
    ALREADY_FROZEN = "the device is frozen already"
    NOT_FROZEN = "the device is not frozen"
    GATEWAY_ABSENT = "gateway_id names no device of the project that may have sub-devices"
    TOO_MANY_TAGS = "the device has as many tags as it may have"
    TAG_ABSENT = "the device has no tag of this key"
    SEARCH_TOO_SLOW = "the search took longer than a search may"
    PRODUCT_EXISTS = "product_id is taken"
    PRODUCT_ABSENT = "no such product in the project"
    PRODUCT_IN_USE = "the product has devices"
    PRODUCT_PROTOCOL_IN_USE = "the product has devices of another protocol"
    PRODUCT_TO_COAP = "another protocol_type cannot become CoAP"
    CERTIFICATE_EXISTS = "the project has this device CA certificate already"
    CERTIFICATE_ABSENT = "no such device CA certificate in the project"
    TOO_MANY_CERTIFICATES = "the project has as many device CA certificates as it may have"
    CA_LOOKS_ALIKE = "another project has a verified device CA with this subject and another key"
    CRL_ABSENT = "the device CA certificate has no CRL"
    CRL_OLDER = "the CRL is older than the one that is there"
    CRLS_TOO_LARGE = "the project's CRLs would be larger together than they may be"
    DEVICE_CERTIFICATE_ABSENT = "no such device certificate in the project"
    BATCH_FILE_ABSENT = "no such batch file in the project"
    BATCH_FILE_IN_USE = "an unfinished batch task reads the file"
    TOO_MANY_BATCH_FILES = "the project has as many batch files as it may have"
    BATCH_TASK_ABSENT = "no such batch task in the project"
    BATCH_TASK_INITIALIZING = "the batch task is being initialized"
    BATCH_TASK_UNFINISHED = "the batch task is not finished"
    BATCH_TASK_FINISHED = "the batch task is finished or being stopped"
    BATCH_TASK_NOT_RETRIED = "the batch task is not in a state to be retried"
    TOO_MANY_BATCH_TASKS = "the project has as many unfinished batch tasks of this type as it may have"
    PROJECT_EXISTS = "project_id is taken"
    PROJECT_ABSENT = "no such project"
    ACCESS_KEY_EXISTS = "the access key is taken"
    ACCESS_KEY_ABSENT = "the project has no such access key"
    TOO_MANY_ACCESS_KEYS = "the project has as many access keys as it may have"
    TOKEN_EXISTS = "the project has a token of this name, or the node this token"
    TOKEN_ABSENT = "the project has no token of this name"
    TOO_MANY_TOKENS = "the project has as many tokens as it may have"


class PageRequest(msgspec.Struct, frozen=True):
    """Paging of iotda-rest.md A.1: records with record_id < marker, newest first, after skipping `offset`."""

    limit: int = 10
    marker: str = NEWEST
    offset: int = 0


class DevicePage(msgspec.Struct, frozen=True):
    """`count` is exact: all that match the filter, on every page. The last record's record_id is the next marker."""

    devices: Sequence[Device]
    count: int


class ProductPage(msgspec.Struct, frozen=True):
    """As DevicePage."""

    products: Sequence[Product]
    count: int


class AuditPage(msgspec.Struct, frozen=True):
    """Audit entries newest first, each with its sequence number; `before` of the next request is the last one's."""

    entries: Sequence[tuple[int, AuditEntry]]


class DeviceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """ListDevices' filters (iotda-rest.md A.2); None does not filter.

    node_id and device_name are prefixes; created_from and created_to are epoch seconds, both inclusive. `gateway_id`
    alone matches the children, with is_cascade also theirs. `tags` are (key, value) pairs, of which one is enough; a
    value of None is any.
    """

    product_id: str | None = None
    gateway_id: str | None = None
    is_cascade: bool = False
    node_id: str | None = None
    device_name: str | None = None
    app_id: str | None = None
    created_from: int | None = None
    created_to: int | None = None
    tags: Sequence[tuple[str, str | None]] = ()


class DeviceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What UpdateDevice changes; None leaves a field as it is. `extension_info` is a JSON text."""

    device_name: str | None = None
    description: str | None = None
    extension_info: bytes | None = None
    secure_access: bool | None = None
    timeout_seconds: int | None = None


class ProductFilter(msgspec.Struct, frozen=True, kw_only=True):
    """ListProducts' filters; product_name is a prefix."""

    app_id: str | None = None
    product_name: str | None = None


class ProductUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What UpdateProduct changes; None leaves a field as it is. `service_capabilities` is a JSON text."""

    name: str | None = None
    device_type: str | None = None
    protocol_type: str | None = None
    data_format: str | None = None
    manufacturer_name: str | None = None
    industry: str | None = None
    description: str | None = None
    service_capabilities: bytes | None = None


class Store(Protocol):
    """The registry, as every room above sees it."""

    @property
    def certificates(self) -> "CertificateStore":
        """Device CAs and device certificates."""

    @property
    def access(self) -> "AccessStore":
        """Access keys and tokens."""

    @property
    def batches(self) -> "BatchStore":
        """Batch tasks and their files."""

    async def credentials(self, device_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        """The credential rows of those ids that exist. The hot path: SQLite answers a few without a thread hop."""

    async def credentials_by_node(self, node_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        """The credential rows of the CoAP devices with those node_ids, by node_id. As hot as `credentials`."""

    async def credentials_after(self, device_id: str, limit: int) -> Sequence[CredentialRow]:
        """Up to so many credential rows of all projects in the order of their device_ids, those above `device_id`.

        For reading them all: begin with "", go on with the last one's; fewer than `limit` are the end.
        """

    async def devices(self, project_id: str, device_ids: Sequence[str]) -> Mapping[str, Device]:
        """The devices of the project among these ids."""

    async def list_devices(self, project_id: str, matching: DeviceFilter, page: PageRequest) -> DevicePage:
        """One page of the devices that match, newest first."""

    async def products(self, project_id: str, product_ids: Sequence[str]) -> Mapping[str, Product]:
        """The products of the project among these ids."""

    async def list_products(self, project_id: str, matching: ProductFilter, page: PageRequest) -> ProductPage:
        """One page of the products that match, newest first."""

    async def allocate_record_id(self, now: float) -> str:
        """The next 24-hex record id: 8 digits of seconds, 16 of a persisted counter; grows when the clock goes back."""

    async def add_product(self, product: Product, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, PRODUCT_EXISTS."""

    async def update_product(
        self, project_id: str, product_id: str, update: ProductUpdate, audit: AuditEntry
    ) -> Product | StoreRefusal:
        """Change what is different, and put before and after into the audit; the product as it is then.

        PRODUCT_ABSENT, PRODUCT_TO_COAP, PRODUCT_PROTOCOL_IN_USE (a device keeps the protocol that it was made with).
        """

    async def delete_product(self, project_id: str, product_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; PRODUCT_ABSENT, PRODUCT_IN_USE."""

    async def add_device(self, device: Device, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; DEVICE_EXISTS, NODE_ID_TAKEN, FINGERPRINT_TAKEN, PRODUCT_ABSENT, GATEWAY_ABSENT.

        A gateway is a direct device or a sub-device of one: there are two levels of sub-devices.
        PRODUCT_ABSENT also when the product's protocol is not the device's any more: it was changed in the meantime.
        """

    async def update_device(
        self, project_id: str, device_id: str, update: DeviceUpdate, audit: AuditEntry
    ) -> StoreRefusal | None:
        """Change what is different, and put before and after into the audit; nothing different, nothing written.

        Another timeout runs anew from audit.at, unless the device is activated. The generation grows when something
        changes that a verdict depends on. DEVICE_ABSENT.
        """

    async def reset_secret(
        self, project_id: str, device_id: str, record_id: str, rank: CredentialRank, sealed: bytes, audit: AuditEntry
    ) -> StoreRefusal | None:
        """Replace a secret, generation + 1; DEVICE_ABSENT (also when the device is another record by now).

        With a new primary secret checked_stamp_seen begins anew. With a new secondary one it does not: what protects
        the primary secret from replays must not end because another secret was added.
        """

    async def reset_fingerprint(
        self,
        project_id: str,
        device_id: str,
        record_id: str,
        rank: CredentialRank,
        fingerprint: str | None,
        audit: AuditEntry,
    ) -> StoreRefusal | None:
        """Replace or (None) empty a fingerprint, generation + 1; DEVICE_ABSENT, FINGERPRINT_TAKEN."""

    async def change_tags(
        self, project_id: str, device_id: str, bind: Mapping[str, str], unbind: Collection[str], audit: AuditEntry
    ) -> StoreRefusal | None:
        """Bind tags (a key that is bound gets its new value), unbind others; DEVICE_ABSENT, TAG_ABSENT, TOO_MANY_TAGS.

        `audit` gets before and after.
        """

    async def expire_devices(self, now: float, most: int) -> Sequence[str]:
        """Delete devices that were not activated by timeout_at, at most so many; their device_ids.

        Each with the audit entry "device.expire". A device that has sub-devices stays, as it would for DeleteDevice.
        """

    async def search_devices(
        self, project_id: str, search: DeviceSearch, online: Sequence[str]
    ) -> SearchPage | StoreRefusal:
        """The devices that a search finds; SEARCH_TOO_SLOW. `online`: the devices with a live session."""

    async def delete_device(self, project_id: str, device_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; DEVICE_ABSENT, DEVICE_HAS_SUB_DEVICES."""

    async def set_frozen(self, project_id: str, device_id: str, frozen: bool, audit: AuditEntry) -> StoreRefusal | None:
        """Freeze or unfreeze, generation + 1; DEVICE_ABSENT, SUB_DEVICE, ALREADY_FROZEN, NOT_FROZEN."""

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """Durably note that these devices were accepted; the device_ids whose record (by record_id) still exists.

        A first activation sets activated_at, clears timeout_at and writes the audit entry "device.activate"; a later
        one moves last_seen_at. checked_stamp, once true, stays until the secret is reset. The generation does not grow.
        """

    async def note_seen(self, activations: Sequence[Activation]) -> None:
        """As activate, of devices that are nearly all active already, for who does not ask which of them exist."""

    async def pin_fingerprint(self, device_id: str, generation: int, fingerprint: str, now: float) -> bool:
        """Durably store the first certificate's fingerprint of a device that has none, generation + 1.

        False, and nothing changed, when the record is not of this generation any more or has a fingerprint, and when
        the fingerprint is another device's of the project: a certificate belongs to one device.
        """

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries that belong to no change of a record (refusals, summed up by observe.attempts)."""

    async def list_audit(
        self, project_id: str, *, target: str | None = None, before: int | None = None, limit: int = 50
    ) -> AuditPage:
        """Audit entries of the project, newest first, below the sequence number `before`."""

    async def api_token(self, digest: bytes) -> "ApiToken | None":
        """The token with this SHA-256 digest, if it exists and is not revoked."""

    async def check(self) -> None:
        """For /readyz: read something, and raise StoreUnavailable when reads or writes are known to fail."""

    async def close(self) -> None:
        """Flush what is queued and let go of the files."""
