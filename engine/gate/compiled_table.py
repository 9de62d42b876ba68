"""The boundary to native/credential_table.c and known_good.c, as compiled.py is to the rest of native/.

The native front hands the table and the policy on to C; nothing here is on the way of a CONNECT.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.gate import _native
from engine.gate.compiled import certificate_list
from engine.limits import Limits

try:
    _eng_known_good = _native.lib.eng_known_good
except AttributeError as fault:
    raise ImportError(f"the native module is older than its sources: {fault}") from None

_SIGN_TYPES = {
    "both": _native.lib.ENG_SIGN_TYPES_BOTH,
    "sticky": _native.lib.ENG_SIGN_TYPES_STICKY,
    "checked-only": _native.lib.ENG_SIGN_TYPES_CHECKED_ONLY,
}
RECORD_ID_BYTES = 12
SHA256_BYTES = 32


class CredentialTable:
    """The writer's handle on a new table of so many entries (native/credential_table.cdef.h). For one thread.

    OSError: no memory, RLIMIT_MEMLOCK allows no page, Linux before 5.1. `pointer` is what C takes.
    """

    def __init__(self, entries: int) -> None:
        table = _native.lib.eng_credential_table_open(entries)
        if table == _native.ffi.NULL:
            raise OSError(_native.ffi.errno, "the credential table cannot be opened")
        self.pointer = _native.ffi.gc(table, _native.lib.eng_credential_table_close)

    def __len__(self) -> int:
        return _native.lib.eng_credential_table_count(self.pointer)

    @property
    def is_full(self) -> bool:
        """Whether a device that is not there would be refused."""
        return len(self) >= _native.lib.eng_credential_table_entries(self.pointer)

    @property
    def refused(self) -> int:
        """Devices that did not fit: the table was full, or a length is none that the contract allows."""
        return _native.lib.eng_credential_table_refused(self.pointer)

    def put(
        self,
        device_id: bytes,
        record_id: bytes,
        generation: int,
        *,
        checked_stamp_seen: bool,
        primary: bytes | None,
        secondary: bytes | None,
    ) -> bool:
        """Put or replace a device; False, and nothing is there of it, when it is refused. `record_id`: its 12 bytes."""
        if len(record_id) != RECORD_ID_BYTES:
            raise ValueError("a record id has 12 bytes")
        done = _native.lib.eng_credential_table_put(
            self.pointer,
            device_id,
            len(device_id),
            record_id,
            generation,
            checked_stamp_seen,
            _native.ffi.NULL if primary is None else primary,
            len(primary or b""),
            _native.ffi.NULL if secondary is None else secondary,
            len(secondary or b""),
        )
        return done == 1

    def put_certified(
        self,
        device_id: bytes,
        record_id: bytes,
        generation: int,
        certificates: Sequence[bytes],
        anchor_sha256: bytes,
        since: int,
        until: int,
    ) -> bool:
        """As `put`, of a device that these certificates (DER, the leaf first) prove, judged by what is verified now."""
        if len(record_id) != RECORD_ID_BYTES or len(anchor_sha256) != SHA256_BYTES:
            raise ValueError("a record id has 12 bytes, SHA-256 has 32")
        sent = certificate_list(certificates)
        return (
            _native.lib.eng_credential_table_put_certified(
                self.pointer,
                device_id,
                len(device_id),
                record_id,
                generation,
                sent,
                len(sent),
                anchor_sha256,
                since,
                until,
            )
            == 1
        )

    def distrust(self) -> None:
        """Device CAs, CRLs or certificates changed: on return nothing opens that was put by certificates before."""
        _native.lib.eng_credential_table_distrust(self.pointer)

    def remove(self, device_id: bytes) -> bool:
        """Whether it was there. On return no handle on the table finds it any more."""
        return _native.lib.eng_credential_table_remove(self.pointer, device_id, len(device_id)) == 1

    def clear(self) -> None:
        """Remove them all."""
        _native.lib.eng_credential_table_clear(self.pointer)


class KnownGoodPolicy:
    """What C needs to know of limits and policy (struct eng_known_good_policy). `pointer` is what C takes."""

    def __init__(
        self, limits: Limits, sign_types: Literal["both", "sticky", "checked-only"], stamp_window_hours: int
    ) -> None:
        fields = (
            "client_id_bytes",
            "user_name_bytes",
            "password_bytes",
            "keep_alive_minimum_seconds",
            "keep_alive_maximum_seconds",
        )
        self.pointer = _native.ffi.new(
            "struct eng_known_good_policy *",
            {
                **{field: getattr(limits, field) for field in fields},
                "stamp_window_hours": stamp_window_hours,
                "sign_types": _SIGN_TYPES[sign_types],
            },
        )


class ConnectFields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a well-formed CONNECT that eng_known_good looks at (native/mqtt_connect.cdef.h)."""

    client_id: bytes
    user_name: bytes | None
    password: bytes | None
    protocol_version: int
    keep_alive: int
    has_will: bool = False
    will_qos: int = 0
    will_retain: bool = False

    def __repr__(self) -> str:
        """Never the password."""
        return f"<ConnectFields of {self.client_id!r}>"


class KnownDevice(msgspec.Struct, frozen=True):
    """struct eng_known_good: who was accepted. `pointer` is what C takes."""

    device_id: bytes
    record_id: bytes
    generation: int
    index: int
    sign_type: int
    proof: bytes
    pointer: "_native._Pointer"


def known_good(
    table: CredentialTable,
    policy: KnownGoodPolicy,
    connect: ConnectFields,
    now: int,
    certificates: Sequence[bytes] = (),
) -> KnownDevice | None:
    """The device, when C accepts this CONNECT at `now` (epoch seconds, cut off); None: ask Python.

    certificates: the peer's, DER, the leaf first. For tests and tools: a front asks C itself.
    """
    kept = []  # ffi.new does not keep what a pointer in a struct points to
    fields: dict[str, object] = {
        "protocol_version": connect.protocol_version,
        "keep_alive": connect.keep_alive,
        "has_will": connect.has_will,
        "will_qos": connect.will_qos,
        "will_retain": connect.will_retain,
    }
    for name in ("client_id", "user_name", "password"):
        value: bytes | None = getattr(connect, name)
        if value is not None:
            kept.append(_native.ffi.from_buffer("uint8_t[]", value))
            fields |= {name: kept[-1], f"{name}_len": len(value)}
    result: _native._KnownGood = _native.ffi.new("struct eng_known_good *")
    asked = _native.ffi.new("struct eng_mqtt_connect *", fields)
    sent = certificate_list(certificates)
    shown = sent or _native.ffi.NULL
    if not _eng_known_good(table.pointer, policy.pointer, asked, shown, len(sent), now, result):
        return None
    return KnownDevice(
        device_id=bytes(_native.ffi.buffer(result.device_id, result.device_id_len)),
        record_id=bytes(_native.ffi.buffer(result.record_id)),
        generation=result.generation,
        index=result.index,
        sign_type=result.sign_type,
        proof=bytes(_native.ffi.buffer(result.proof)) if result.trust else b"",
        pointer=result,
    )


def is_known_still(table: CredentialTable, device: KnownDevice) -> bool:
    """Whether nothing was written to the entry since `device` was accepted by it."""
    return _native.lib.eng_known_good_still(table.pointer, device.pointer) == 1
