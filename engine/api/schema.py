"""The field types that every operation shares: lengths, character classes and instants of iotda-rest.md A.1.

Patterns are read by Python's re and, in the OpenAPI document, by ECMAScript's; `$` alone would let a trailing newline
through in Python.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta

from engine.api.problems import ApiProblem, Problem
from engine.registry.store import NEWEST, PageRequest

END = r"$(?!\n)"
_NAME_CLASS = r"\u3400-\u4dbf\u4e00-\u9fffA-Za-z0-9_?'#().,&%@!\-"
ID = f"^[A-Za-z0-9_-]*{END}"
NAME = f"^[{_NAME_CLASS}]*{END}"
SERVICE_NAME = f"^[{_NAME_CLASS}$]*{END}"
TEXT = f"^[{_NAME_CLASS}\\s;/\uff0c\u3001\uff1a\uff1b\u3002]*{END}"
TAG = f"^[\\u3400-\\u4dbf\\u4e00-\\u9fffA-Za-z0-9_.\\-]*{END}"
FINGERPRINT = f"^([0-9A-Fa-f]{{40}}|[0-9A-Fa-f]{{64}}){END}"
RECORD_ID = f"^[0-9a-f]{{24}}{END}"
COMPACT_TIME = f"^[0-9]{{8}}T[0-9]{{6}}Z{END}"

DeviceId = Annotated[str, Meta(min_length=1, max_length=128, pattern=ID, description="The device's id, unique.")]
NodeId = Annotated[
    str,
    Meta(
        min_length=1, max_length=64, pattern=ID, description="What the device calls itself: IMEI, MAC, serial number."
    ),
]
ProductId = Annotated[str, Meta(min_length=1, max_length=36, pattern=ID, description="The product's id.")]
AppId = Annotated[str, Meta(min_length=1, max_length=36, pattern=ID, description="The resource space.")]
Secret = Annotated[str, Meta(min_length=8, max_length=32, pattern=ID, description="The device's secret.")]
Fingerprint = Annotated[
    str, Meta(pattern=FINGERPRINT, description="SHA-1 (40) or SHA-256 (64 hex digits) of the device's certificate.")
]
TagKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=TAG, description="Unique for a device.")]
TagValue = Annotated[str, Meta(max_length=128, pattern=TAG, description="What the tag says.")]
Timeout = Annotated[
    int,
    Meta(ge=0, le=2_147_483_647, description="Seconds in which the device must connect or is deleted; 0 is never."),
]
JsonObject = dict[str, Any]

ProjectIdPath = Annotated[str, PathParameter(description="The project, which must be the caller's.")]
DeviceIdPath = Annotated[str, PathParameter(description="The device.")]
ProductIdPath = Annotated[str, PathParameter(description="The product.")]

DEFAULT_APP = "default"
"""The resource space of whatever names none."""


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count`: all that match. `marker`: the last record's id, to ask for the next page with."""

    count: int
    marker: str | None = None


def page_of(record_ids: Sequence[str], count: int) -> Page:
    """The page that ends with the last of these records."""
    return Page(count, record_ids[-1] if record_ids else None)


def page_request(
    limit: Annotated[int, QueryParameter(ge=1, le=50, description="Records in this page.")] = 10,
    marker: Annotated[str, QueryParameter(pattern=RECORD_ID, description="Only records with a smaller id.")] = NEWEST,
    offset: Annotated[int, QueryParameter(ge=0, le=500, description="Records to skip after the marker.")] = 0,
) -> PageRequest:
    """The paging of every list (iotda-rest.md A.1), as a Litestar dependency."""
    return PageRequest(limit, marker, offset)


def compact_time(at: float) -> str:
    """Epoch seconds as yyyyMMdd'T'HHmmss'Z'."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def precise_time(at: float) -> str:
    """Epoch seconds as yyyy-MM-dd'T'HH:mm:ss.SSS'Z'."""
    instant = datetime.fromtimestamp(at, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def read_compact_time(field: str, text: str | None) -> int | None:
    """The epoch seconds of yyyyMMdd'T'HHmmss'Z', whose form was checked before. ApiProblem when no such day exists."""
    if text is None:
        return None
    try:
        return int(datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise ApiProblem(Problem.INVALID_TIME, f"{field}: no such instant.") from None


def json_text(field: str, value: object, most_bytes: int) -> bytes:
    """A value as compact JSON. ApiProblem when it is longer than so many bytes."""
    text = msgspec.json.encode(value)
    if len(text) > most_bytes:
        raise ApiProblem(Problem.INVALID_INPUT, f"{field}: at most {most_bytes} bytes of JSON.")
    return text
