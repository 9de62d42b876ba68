"""What cffi makes of native/*.cdef.h, as far as compiled*.py use it."""

from collections.abc import Callable
from typing import Any

class _Pointer:
    def __getitem__(self, index: int, /) -> Any: ...

class _Buffer:
    def __bytes__(self) -> bytes: ...
    def __getitem__(self, index: slice, /) -> bytes: ...

class _Struct(_Pointer):
    """One of C's, or a pointer to it; the fields are the header's."""

    def __getattr__(self, field: str, /) -> Any: ...

class _Function:
    """Of C, answering a number; the arguments are the header's."""

    def __call__(self, *arguments: object) -> int: ...

class _ChainVerdict(_Pointer):
    reason: int
    anchor: int
    anchor_sha256: _Pointer
    since: int
    until: int

class _Session(_Pointer):
    handle: int
    note: _Pointer
    note_len: int
    connection: int
    since: float
    front: int

class _Size(_Pointer):
    def __getitem__(self, index: int, /) -> int: ...

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

class _KnownGood(_Pointer):
    device_id: _Pointer
    device_id_len: int
    record_id: _Pointer
    generation: int
    version: int
    trust: int
    index: int
    sign_type: int
    proof: _Pointer

class _Foreign:
    NULL: _Pointer
    errno: int
    def string(self, pointer: _Pointer, /) -> bytes: ...
    def buffer(self, pointer: _Pointer, size: int = ..., /) -> _Buffer: ...
    def from_buffer(self, kind: str, data: bytes, /) -> _Pointer: ...
    def sizeof(self, kind: str, /) -> int: ...
    def new(self, kind: str, value: object = ..., /) -> Any: ...
    def gc(self, pointer: _Pointer, destructor: Callable[[_Pointer], None] | None, /) -> _Pointer: ...
    def release(self, pointer: _Pointer, /) -> None: ...

class _Library:
    eng_front_close: Callable[[_Pointer], None]
    eng_pending_close: Callable[[_Pointer], None]
    eng_seen_close: Callable[[_Pointer], None]
    eng_sessions_close: Callable[[_Pointer], None]
    def eng_front_open(self, *arguments: object) -> _Pointer: ...
    def eng_pending_open(self, key: bytes, soft: int, hard: int, per_prefix: int, /) -> _Pointer: ...
    def eng_seen_open(self, entries: int, /) -> _Pointer: ...
    def eng_sessions_open(self, key: bytes, /) -> _Pointer: ...
    def __getattr__(self, name: str, /) -> _Function: ...
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
    def eng_tls_context_open(self, settings: _Pointer, anchors: _Pointer, context: _Pointer, /) -> int: ...
    def eng_tls_context_close(self, context: _Pointer, /) -> None: ...
    def eng_tls_context_connections(self, context: _Pointer, /) -> int: ...
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
    def eng_credential_table_put_certified(
        self,
        table: _Pointer,
        device_id: bytes,
        device_id_len: int,
        record_id: bytes,
        generation: int,
        certificates: bytes,
        certificates_len: int,
        anchor_sha256: bytes,
        since: int,
        until: int,
        /,
    ) -> int: ...
    def eng_credential_table_distrust(self, table: _Pointer, /) -> None: ...
    def eng_credential_table_remove(self, table: _Pointer, device_id: bytes, device_id_len: int, /) -> int: ...
    def eng_credential_table_clear(self, table: _Pointer, /) -> None: ...
    def eng_credential_table_count(self, table: _Pointer, /) -> int: ...
    def eng_credential_table_entries(self, table: _Pointer, /) -> int: ...
    def eng_credential_table_refused(self, table: _Pointer, /) -> int: ...
    def eng_known_good(
        self,
        table: _Pointer,
        policy: _Pointer,
        connect: _Pointer,
        certificates: bytes | _Pointer,
        certificates_len: int,
        now: int,
        result: _Pointer,
        /,
    ) -> int: ...
    def eng_known_good_still(self, table: _Pointer, result: _Pointer, /) -> int: ...

ffi: _Foreign
lib: _Library
