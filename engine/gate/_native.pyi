"""What cffi makes of native/*.cdef.h, as far as compiled.py uses it."""

from collections.abc import Callable

class _Pointer: ...

class _ChainVerdict(_Pointer):
    reason: int
    anchor: int
    anchor_sha256: _Pointer
    since: int
    until: int

class _Foreign:
    NULL: _Pointer
    def string(self, pointer: _Pointer, /) -> bytes: ...
    def buffer(self, pointer: _Pointer, /) -> memoryview: ...
    def new(self, kind: str, value: object = ..., /) -> _ChainVerdict: ...
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

ffi: _Foreign
lib: _Library
