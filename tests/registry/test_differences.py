"""What an audit entry says of a change."""

import hashlib

import msgspec

from engine.registry.differences import with_difference
from tests.registry.samples import audit, device


def test_only_what_differs_is_told() -> None:
    before, after = device(device_name="old", description="same"), device(device_name=None, description="same")

    entry = with_difference(audit(detail=b'{"why":"asked"}'), before, after)

    assert entry is not None
    assert msgspec.json.decode(entry.detail) == {
        "why": "asked",
        "before": {"device_name": "old"},
        "after": {"device_name": None},
    }


def test_bytes_are_told_apart_by_their_hash() -> None:
    entry = with_difference(audit(), device(extension_info=None), device(extension_info=b"{}"))

    assert entry is not None
    after = {"extension_info": f"sha256:{hashlib.sha256(b'{}').hexdigest()}"}
    assert msgspec.json.decode(entry.detail) == {"before": {"extension_info": None}, "after": after}


def test_nothing_different_is_nothing_to_tell() -> None:
    """The generation follows a change, it is none."""
    assert with_difference(audit(), device(), device(generation=2)) is None
