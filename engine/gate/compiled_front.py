"""The boundary to native/front.c and seen.c, as compiled.py is to the rest of native/.

Everything that C lends (the bytes of an event) is copied before anything is answered: an answer may overwrite it.
"""

import enum
import socket
import struct
from collections.abc import Sequence

import msgspec

from engine.gate import _native
from engine.gate.compiled_pending import Places
from engine.gate.compiled_sessions import NativeSessions, sixteen_bytes
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.compiled_tls import FAULTS, TlsContext
from engine.gate.front_settings import Balancers, Words, front_settings, protocol_list, proxy_settings
from engine.limits import Limits

try:
    _eng_front_poll = _native.lib.eng_front_poll
except AttributeError as fault:
    raise ImportError(f"the native module is older than its sources: {fault}") from None


class Kind(enum.IntEnum):
    """enum eng_front_kind."""

    CONNECT = 1
    SESSION = 2
    GONE = 3
    DISPLACED = 4
    HANDSHAKE_FAILED = 5
    CROWDED_OUT = 6


class Ending(enum.IntEnum):
    """enum eng_front_reason: why the engine ends a connection."""

    TAKEN_OVER = 0
    ADMINISTRATIVE = 1
    SHUTTING_DOWN = 2


_CONNECT = int(Kind.CONNECT)
_SIGHTS = 512
_SIGHT = struct.Struct("@qIIH16s12sB128s0q")
if _SIGHT.size != _native.ffi.sizeof("struct eng_sight"):
    raise ImportError("struct eng_sight is not what is read here")
_MAPPED = bytes(10) + b"\xff\xff"


class FrontEvent(msgspec.Struct, frozen=True, gc=False):
    """struct eng_front_event, copied.

    `address`: 16 bytes; an IPv4 address is mapped. `peer`: certificates (DER), the leaf first. `fault`: the value of a
    HandshakeFault, "" where the time was up; `times`: how often since the last poll.
    """

    kind: int
    connection: int
    data: bytes
    address: bytes
    port: int
    peer: tuple[bytes, ...] = ()
    device_id: str = ""
    front: int = 0
    fault: str = ""
    times: int = 0
    client_maximum: int = 0
    version: int = 0


class Strangers(msgspec.Struct, frozen=True, gc=False):
    """CONNECTs of devices that the table has not. `connections`: theirs, in the same order, as C has them."""

    device_ids: list[str]
    connections: bytes


class Counts(msgspec.Struct, frozen=True, gc=False):
    """struct eng_front_counts."""

    connections: int = 0
    shed: int = 0
    known_good: int = 0
    taken_over: int = 0
    dropped: int = 0
    accept_failures: int = 0
    accept_errno: int = 0
    live: int = 0
    open: int = 0


class Sight(msgspec.Struct, frozen=True, gc=False):
    """struct eng_sight: a device that C accepted `times` times, last at `at` (epoch seconds) from `address`."""

    device_id: str
    record_id: str
    at: int
    front: int
    times: int
    address: bytes
    port: int


class Seen:
    """native/seen.c, for a credential table of so many entries. `pointer` is what C takes."""

    def __init__(self, entries: int) -> None:
        seen = _native.lib.eng_seen_open(entries)
        if seen == _native.ffi.NULL:
            raise MemoryError
        self.pointer = _native.ffi.gc(seen, _native.lib.eng_seen_close)
        self._sights = _native.ffi.new("struct eng_sight[]", _SIGHTS)

    def __len__(self) -> int:
        return _native.lib.eng_seen_count(self.pointer)

    def take(self, most: int, now: float, pause_seconds: int) -> list[Sight]:
        """Up to `most` sights, which are forgotten by this; those of devices taken less than pause_seconds ago wait."""
        sights: list[Sight] = []
        while len(sights) < most:
            count = _native.lib.eng_seen_take(
                self.pointer, self._sights, min(most - len(sights), _SIGHTS), int(now), pause_seconds
            )
            if count == 0:
                break
            lent = _native.ffi.buffer(self._sights, count * _SIGHT.size)
            sights += [_sight(*fields) for fields in _SIGHT.iter_unpack(lent[:])]
        return sights


class NativeFront:
    """native/front.c on a listening, non-blocking socket. Keeps alive what C holds pointers to.

    number: this front's, in the sessions. exempt: networks that limits do not count, as 16 bytes and bits. known: what
    C accepts known devices by, None to be asked about every CONNECT. balancers: None where no PROXY header is read.
    OSError where memory or descriptors are short. For one thread.
    """

    def __init__(
        self,
        listening: socket.socket,
        *,
        number: int,
        limits: Limits,
        connections: int,
        connect_seconds: float,
        words: Words,
        exempt: Sequence[tuple[bytes, int]],
        sessions: NativeSessions,
        pending: Places,
        known: tuple[CredentialTable, KnownGoodPolicy, Seen] | None,
        key: bytes,
        balancers: Balancers | None = None,
    ) -> None:
        ffi, lib = _native.ffi, _native.lib
        networks = _networks(exempt)
        proxy = {} if balancers is None else _proxy(balancers, limits)
        shared = ffi.NULL
        if known is not None:
            table, policy, seen = known
            shared = ffi.new(
                "struct eng_front_known *", {"table": table.pointer, "policy": policy.pointer, "seen": seen.pointer}
            )
        settings = ffi.new(
            "struct eng_front_settings *",
            {**front_settings(number, limits, connections, connect_seconds, words, sixteen_bytes(key)), "proxy": proxy},
        )
        front = lib.eng_front_open(
            listening.fileno(), settings, networks, len(exempt), shared, sessions.pointer, pending.pointer
        )
        if front == ffi.NULL:
            raise OSError(ffi.errno, "the native front cannot be opened")
        self._front = ffi.gc(front, lib.eng_front_close)
        self._kept = (sessions, pending, known, networks, proxy)  # behind the front: it is let go first
        self._events = ffi.new("struct eng_front_event **")
        self._more = ffi.new("int *")
        self._strangers_told = ffi.new("uint64_t **"), ffi.new("uint8_t **"), ffi.new("size_t *")
        self._counts: _native._Struct = ffi.new("struct eng_front_counts *")

    def set_tls(self, tls: TlsContext) -> None:
        """As eng_front_set_tls."""
        _native.lib.eng_front_set_tls(self._front, tls.pointer)
        self._tls = tls

    def close(self) -> None:
        """Close every connection and the front; nothing else may be called after it."""
        _native.ffi.release(self._front)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return _native.lib.eng_front_descriptor(self._front)

    def poll(self, now: int) -> tuple[list[FrontEvent], Strangers | None, bool]:
        """Work for some milliseconds: the events, who came and is not in the table, and whether there is work left.

        `now` in epoch seconds.
        """
        count = _eng_front_poll(self._front, now, self._events, self._more)
        more = self._more[0]
        if not count and more <= 1:
            return [], None, more == 1
        events = self._events[0]
        return [_event(events[number]) for number in range(count)], self._strangers(), True

    def _strangers(self) -> Strangers | None:
        connections, device_ids, length = self._strangers_told
        count = _native.lib.eng_front_tell_strangers(self._front, connections, device_ids, length)
        if not count:
            return None
        names = bytes(_native.ffi.buffer(device_ids[0], length[0])).decode("ascii").splitlines()
        return Strangers(names, bytes(_native.ffi.buffer(connections[0], 8 * count)))

    def judge_again(self, strangers: Strangers) -> None:
        """Those of them that are in the table now are accepted; of the others the next poll tells."""
        connections = _native.ffi.from_buffer("uint64_t[]", strangers.connections)
        _native.lib.eng_front_judge_again(self._front, connections, len(strangers.connections) // 8)

    def ask_always(self, *, always: bool) -> None:
        """As eng_front_ask_always."""
        _native.lib.eng_front_ask_always(self._front, always)

    def watch(self, address: bytes, *, watched: bool) -> None:
        """As eng_front_watch; `address` of 16 bytes."""
        _native.lib.eng_front_watch(self._front, sixteen_bytes(address), watched)

    def admit(
        self,
        connection: int,
        data: bytes,
        *,
        session: int,
        version: int,
        keep_alive: int,
        client_maximum: int | None,
        keeps: bool,
    ) -> bool:
        """As eng_front_admit: False where the connection is gone."""
        return (
            _native.lib.eng_front_admit(
                self._front, connection, data, len(data), session, version, keep_alive, client_maximum or 0, keeps
            )
            == 1
        )

    def go_on(self, connection: int, data: bytes, *, keeps: bool) -> bool:
        """As eng_front_go_on: False where the connection is gone."""
        return _native.lib.eng_front_go_on(self._front, connection, data, len(data), keeps) == 1

    def end(self, connection: int, data: bytes) -> bool:
        """As eng_front_end: False where the connection is gone."""
        return _native.lib.eng_front_end(self._front, connection, data, len(data)) == 1

    def close_connection(self, connection: int, reason: int) -> bool:
        """As eng_front_close_connection: False where the connection is gone."""
        return _native.lib.eng_front_close_connection(self._front, connection, reason) == 1

    def stop(self) -> None:
        """As eng_front_stop."""
        _native.lib.eng_front_stop(self._front)

    def drain(self, most: int) -> int:
        """As eng_front_drain: how many are left."""
        return _native.lib.eng_front_drain(self._front, most)

    def count(self) -> Counts:
        """As eng_front_count."""
        counts = self._counts
        _native.lib.eng_front_count(self._front, counts)
        return Counts(*[getattr(counts, field) for field in Counts.__struct_fields__])


def address_text(address: bytes) -> str:
    """An IP address of 16 bytes as C gives it, as text: a mapped one as the IPv4 address that it is."""
    if address.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, address[12:])
    return socket.inet_ntop(socket.AF_INET6, address)


def address_bytes(text: str) -> bytes:
    """The other way round."""
    return mapped(socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text))


def mapped(packed: bytes) -> bytes:
    """An IP address of 4 or 16 bytes as C takes it: 16, IPv4 mapped."""
    return packed if len(packed) == 16 else _MAPPED + packed


def _text(pointer: "_native._Pointer", length: int) -> str:
    """device_ids are ASCII."""
    return bytes(_native.ffi.buffer(pointer, length)).decode("ascii") if length else ""


def _certificates(sent: bytes) -> tuple[bytes, ...]:
    """A list as TLS carries it (RFC 5246 section 7.4.2), made by C."""
    certificates, at = [], 0
    while at < len(sent):
        end = at + 3 + int.from_bytes(sent[at : at + 3], "big")
        certificates.append(sent[at + 3 : end])
        at = end
    return tuple(certificates)


def _event(event: "_native._Struct") -> FrontEvent:
    kind, data_len, peer_len = event.kind, event.data_len, event.peer_len
    data = _native.ffi.buffer(event.data, data_len)[:] if data_len else b""
    peer = _certificates(_native.ffi.buffer(event.peer, peer_len)[:]) if peer_len else ()
    address = _native.ffi.buffer(event.address)[:]
    if kind == _CONNECT:
        return FrontEvent(kind, event.connection, data, address, event.port, peer)
    return FrontEvent(
        kind,
        event.connection,
        data,
        address,
        event.port,
        peer,
        _text(event.device_id, event.device_id_len),
        event.front,
        FAULTS[event.fault],
        event.times,
        event.client_maximum,
        event.version,
    )


def _sight(
    at: int, front: int, times: int, port: int, address: bytes, record_id: bytes, length: int, device_id: bytes
) -> Sight:
    """struct eng_sight, by _SIGHT: read field by field through cffi each would take four times as long."""
    return Sight(device_id[:length].decode("ascii"), record_id.hex(), at, front, times, address, port)


def _networks(networks: Sequence[tuple[bytes, int]]) -> "_native._Pointer":
    rows = [{"address": sixteen_bytes(address), "bits": bits} for address, bits in networks]
    pointer: _native._Pointer = _native.ffi.new("struct eng_front_network[]", rows)
    return pointer


def _proxy(balancers: Balancers, limits: Limits) -> dict[str, object]:
    """struct eng_front_proxy. The dict owns what it points to."""
    return {
        **proxy_settings(balancers, limits),
        "balancers": _networks(balancers.networks),
        "protocols": _native.ffi.from_buffer("uint8_t[]", protocol_list(balancers.protocols)),
    }
