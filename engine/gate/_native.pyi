"""What cffi makes of native/*.cdef.h, as far as compiled.py and compiled_table.py use it."""

from collections.abc import Callable
from typing import Any

class _Pointer: ...

class _ChainVerdict(_Pointer):
    reason: int
    anchor: int
    anchor_sha256: _Pointer
    since: int
    until: int

class _KnownGood(_Pointer):
    device_id: _Pointer
    device_id_len: int
    record_id: _Pointer
    generation: int
    version: int
    index: int
    sign_type: int

class _Foreign:
    NULL: _Pointer
    errno: int
    def string(self, pointer: _Pointer, /) -> bytes: ...
    def buffer(self, pointer: _Pointer, size: int = ..., /) -> memoryview: ...
    def from_buffer(self, kind: str, data: bytes, /) -> _Pointer: ...
    def new(self, kind: str, value: object = ..., /) -> Any: ...
    def gc(self, pointer: _Pointer, destructor: Callable[[_Pointer], None], /) -> _Pointer: ...

class _Library:
    def eng_library_version(self) -> _Pointer: ...
    def eng_secret_verify(
        self,
        password: bytes,
        password_len: int,
        stamp: bytes,
        stamp_len: int,
        primary: bytes,
        primary_len: int,
        secondary: bytes,
        secondary_len: int,
        /,
    ) -> int: ...
    def eng_chain_open(self, limits: _Pointer, /) -> _Pointer: ...
    def eng_chain_close(self, chain: _Pointer, /) -> None: ...
    def eng_chain_certificates_remembered(self, chain: _Pointer, /) -> int: ...
    def eng_chain_chains_remembered(self, chain: _Pointer, /) -> int: ...
    def eng_anchors_open(self, count: int, /) -> _Pointer: ...
    def eng_anchors_close(self, anchors: _Pointer, /) -> None: ...
    def eng_anchors_add(self, anchors: _Pointer, chain: _Pointer, der: bytes, der_len: int, /) -> int: ...
    def eng_anchors_add_crl(self, anchors: _Pointer, der: bytes, der_len: int, /) -> int: ...
    def eng_anchors_seal(self, anchors: _Pointer, /) -> int: ...
    def eng_chain_verify(
        self,
        chain: _Pointer,
        anchors: _Pointer,
        certificates: bytes,
        certificates_len: int,
        now: int,
        profile: int,
        verdict: _Pointer,
        /,
    ) -> int: ...
    ENG_SIGN_TYPES_BOTH: int
    ENG_SIGN_TYPES_STICKY: int
    ENG_SIGN_TYPES_CHECKED_ONLY: int
    def eng_credential_table_open(self, entries: int, /) -> _Pointer: ...
    def eng_credential_table_close(self, table: _Pointer, /) -> None: ...
    def eng_credential_table_put(
        self,
        table: _Pointer,
        device_id: bytes,
        device_id_len: int,
        record_id: bytes,
        generation: int,
        checked_stamp_seen: bool,
        primary: bytes | _Pointer,
        primary_len: int,
        secondary: bytes | _Pointer,
        secondary_len: int,
        /,
    ) -> int: ...
    def eng_credential_table_remove(self, table: _Pointer, device_id: bytes, device_id_len: int, /) -> int: ...
    def eng_credential_table_clear(self, table: _Pointer, /) -> None: ...
    def eng_credential_table_count(self, table: _Pointer, /) -> int: ...
    def eng_credential_table_entries(self, table: _Pointer, /) -> int: ...
    def eng_credential_table_refused(self, table: _Pointer, /) -> int: ...
    def eng_known_good(
        self, table: _Pointer, policy: _Pointer, connect: _Pointer, now: int, result: _Pointer, /
    ) -> int: ...
    def eng_known_good_still(self, table: _Pointer, result: _Pointer, /) -> int: ...

ffi: _Foreign
lib: _Library
