"""What a change did, for its audit entry: before and after, of the fields that differ."""

import hashlib

import msgspec

from engine.registry.record import AuditEntry

_ALWAYS_DIFFERENT = "generation"


def with_difference(audit: AuditEntry, before: msgspec.Struct, after: msgspec.Struct) -> AuditEntry | None:
    """The entry with {"before": {...}, "after": {...}} added to its detail; None when nothing differs.

    Both are one kind of record, and none of its fields may be a secret. Bytes, which may be half a megabyte, are told
    apart by their SHA-256.
    """
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    changed = [name for name in old if old[name] != new[name] and name != _ALWAYS_DIFFERENT]
    if not changed:
        return None
    detail = msgspec.json.decode(audit.detail) | {
        "before": {name: _shown(old[name]) for name in changed},
        "after": {name: _shown(new[name]) for name in changed},
    }
    return msgspec.structs.replace(audit, detail=msgspec.json.encode(detail))


def _shown(value: object) -> object:
    return f"sha256:{hashlib.sha256(value).hexdigest()}" if isinstance(value, bytes) else value
