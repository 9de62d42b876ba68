"""The Store protocol: the one narrow door to the registry. Every implementation runs tests/registry/store_contract.py.

Look-ups take a sequence and answer a mapping. Every method raises StoreUnavailable, and only that, when the registry
cannot do what was asked for a reason that is not the caller's; a refusal for a reason of the data is a StoreRefusal
value. Every change writes its audit entry in the same transaction.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from engine.registry.record import Activation, AuditEntry, CredentialRow, Device, Product

NEWEST = "f" * 24


class StoreRefusal(enum.Enum):
    """Why a change was not made; the data is as before."""

    DEVICE_EXISTS = "device_id is taken"
    NODE_ID_TAKEN = "node_id is taken by another CoAP device"
    DEVICE_ABSENT = "no such device in the project"
    DEVICE_HAS_SUB_DEVICES = "the device has sub-devices"
    SUB_DEVICE = "sub-devices cannot be frozen"
    ALREADY_FROZEN = "the device is frozen already"
    NOT_FROZEN = "the device is not frozen"
    GATEWAY_ABSENT = "gateway_id names no direct device of the project"
    PRODUCT_EXISTS = "product_id is taken"
    PRODUCT_ABSENT = "no such product in the project"
    PRODUCT_IN_USE = "the product has devices"
    PROJECT_EXISTS = "project_id is taken"
    PROJECT_ABSENT = "no such project"
    ACCESS_KEY_EXISTS = "the access key is taken"
    TOKEN_EXISTS = "the project has a token of this name, or the node this token"
    TOKEN_ABSENT = "the project has no token of this name"


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
    alone matches the direct children, with is_cascade also the gateway itself.
    """

    product_id: str | None = None
    gateway_id: str | None = None
    is_cascade: bool = False
    node_id: str | None = None
    device_name: str | None = None
    app_id: str | None = None
    created_from: int | None = None
    created_to: int | None = None


class ProductFilter(msgspec.Struct, frozen=True, kw_only=True):
    """ListProducts' filters; product_name is a prefix."""

    app_id: str | None = None
    product_name: str | None = None


class ApiToken(msgspec.Struct, frozen=True):
    """A verified X-Auth-Token: whose project it opens, and the name that the audit writes."""

    project_id: str
    actor: str


class Store(Protocol):
    """The registry, as every room above sees it."""

    async def credentials(self, device_ids: Sequence[str]) -> Mapping[str, CredentialRow]:
        """The credential rows of those ids that exist. The hot path: SQLite answers a few without a thread hop."""

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

    async def delete_product(self, project_id: str, product_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; PRODUCT_ABSENT, PRODUCT_IN_USE."""

    async def add_device(self, device: Device, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; DEVICE_EXISTS, NODE_ID_TAKEN, PRODUCT_ABSENT, GATEWAY_ABSENT (at most two levels)."""

    async def delete_device(self, project_id: str, device_id: str, audit: AuditEntry) -> StoreRefusal | None:
        """Delete; DEVICE_ABSENT, DEVICE_HAS_SUB_DEVICES."""

    async def set_frozen(self, project_id: str, device_id: str, frozen: bool, audit: AuditEntry) -> StoreRefusal | None:
        """Freeze or unfreeze, generation + 1; DEVICE_ABSENT, SUB_DEVICE, ALREADY_FROZEN, NOT_FROZEN."""

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """Durably note that these devices were accepted; the device_ids whose record (by record_id) still exists.

        A first activation sets activated_at, clears timeout_at and writes the audit entry "device.activate"; a later
        one moves last_seen_at. checked_stamp, once true, stays until the secret is reset. The generation does not grow.
        """

    async def pin_fingerprint(self, device_id: str, generation: int, fingerprint: str, now: float) -> bool:
        """Durably store the first certificate's fingerprint of a device that has none, generation + 1.

        False, and nothing changed, when the record is not of this generation any more or has a fingerprint.
        """

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Append entries that belong to no change of a record (refusals, summed up by observe.attempts)."""

    async def list_audit(
        self, project_id: str, *, target: str | None = None, before: int | None = None, limit: int = 50
    ) -> AuditPage:
        """Audit entries of the project, newest first, below the sequence number `before`."""

    async def api_token(self, digest: bytes) -> ApiToken | None:
        """The token with this SHA-256 digest, if it exists and is not revoked."""

    async def check(self) -> None:
        """For /readyz: read something, and raise StoreUnavailable when reads or writes are known to fail."""

    async def close(self) -> None:
        """Flush what is queued and let go of the files."""
