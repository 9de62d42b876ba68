"""A search for devices as a value: what SearchDevices asks, whatever it was written in (iotda-rest.md A.2)."""

import enum
from collections.abc import Sequence

import msgspec

from engine.registry.record import Device


class SearchField(enum.StrEnum):
    """What a condition may be about; the words are the contract's own."""

    APP_ID = "app_id"
    DEVICE_ID = "device_id"
    GATEWAY_ID = "gateway_id"
    PRODUCT_ID = "product_id"
    DEVICE_NAME = "device_name"
    NODE_ID = "node_id"
    STATUS = "status"
    NODE_TYPE = "node_type"
    TAG_KEY = "tag_key"
    TAG_VALUE = "tag_value"
    SW_VERSION = "sw_version"
    FW_VERSION = "fw_version"
    GROUP_ID = "group_id"
    CREATE_TIME = "create_time"
    MARKER = "marker"


class Operator(enum.StrEnum):
    """How a field is compared. LIKE is by prefix, and its value is the prefix alone."""

    EQUAL = "="
    NOT_EQUAL = "!="
    BELOW = "<"
    ABOVE = ">"
    AT_MOST = "<="
    AT_LEAST = ">="
    LIKE = "like"
    IN = "in"
    NOT_IN = "not in"


NEGATIVE = frozenset({Operator.NOT_EQUAL, Operator.NOT_IN})
"""The exact complements of EQUAL and IN: they are also true of a device that has no such field."""


class Condition(msgspec.Struct, frozen=True):
    """One comparison. The values are texts, epoch seconds for CREATE_TIME; only IN and NOT_IN have more than one."""

    field: SearchField
    operator: Operator
    values: tuple[str | float, ...]


class DeviceSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Devices of which one of `any_of` is true with all its conditions; every device when it is empty.

    A condition on TAG_VALUE that stands right behind one on TAG_KEY is about the tag of that key. The order is the
    record id's.
    """

    any_of: Sequence[Sequence[Condition]] = ()
    is_count: bool = False
    is_newest_first: bool = True
    limit: int = 10
    offset: int = 0


class SearchPage(msgspec.Struct, frozen=True):
    """What was found: the devices, or with is_count how many there are."""

    devices: Sequence[Device] = ()
    count: int | None = None
