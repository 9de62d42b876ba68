"""What cffi makes of native/*.cdef.h, as far as compiled.py uses it."""

from collections.abc import Callable
from typing import Literal, overload

class _Pointer: ...

class _ChainVerdict(_Pointer):
    reason: int
    anchor: int
    anchor_sha256: _Pointer
    since: int
    until: int

class _Size(_Pointer):
    def __getitem__(self, index: Literal[0], /) -> int: ...

class _Connect(_Pointer):
    client_id: _Pointer
    user_name: _Pointer
    password: _Pointer
    will_topic: _Pointer
    will_payload: _Pointer
    client_id_len: int
    user_name_len: int
    password_len: int
    will_topic_len: int
    will_payload_len: int
    session_expiry_interval: int
    maximum_packet_size: int
    keep_alive: int
    receive_maximum: int
    topic_alias_maximum: int
    protocol_version: int
    clean_start: int
    has_will: int
    will_qos: int
    will_retain: int
    request_response_information: int
    request_problem_information: int

class _Foreign:
    NULL: _Pointer
    def string(self, pointer: _Pointer, /) -> bytes: ...
    @overload
    def buffer(self, pointer: _Pointer, /) -> memoryview: ...
    @overload
    def buffer(self, pointer: _Pointer, size: int, /) -> bytes: ...  # a slice of it is bytes
    @overload
    def new(self, kind: Literal["size_t *"], /) -> _Size: ...
    @overload
    def new(self, kind: Literal["struct eng_mqtt_connect *"], /) -> _Connect: ...
    @overload
    def new(
        self, kind: Literal["struct eng_chain_verdict *", "struct eng_chain_limits *"], value: object = ..., /
    ) -> _ChainVerdict: ...
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
    def eng_mqtt_frame(self, data: bytes, data_len: int, maximum: int, start: _Size, end: _Size, /) -> int: ...
    def eng_mqtt_connect_read(self, body: bytes, body_len: int, connect: _Connect, /) -> int: ...
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
