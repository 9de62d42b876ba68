"""Every bound in one place, each with where its number comes from. Passed down frozen, so that tests can shrink one."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds end in _seconds, sizes in _bytes; the rest are counts."""

    # Before the verdict (THREATS promises 1 to 3).
    connect_seconds: float = 10.0
    """CONNECT complete after accept, plain listeners (THREATS 1)."""
    secure_connect_seconds: float = 15.0
    """The same for TLS and WebSocket, everything included (THREATS 1)."""
    connect_packet_bytes: int = 32 * 1024
    """The largest CONNECT (THREATS 2)."""
    pending_soft: int = 4096
    """Unauthenticated connections above which CONNECT is answered "busy" before any password work (THREATS 3)."""
    pending_hard: int = 8192
    """Above which the oldest one without progress is dropped (THREATS 3); 8192 x 64 KiB is the 512 MiB worst case."""
    pending_per_prefix: int = 2048
    """The share of one address (IPv4) or /64 (IPv6), exempt networks aside (THREATS 3)."""
    accept_batch: int = 64
    """Connections taken per wake-up of the listener, so that accepting never starves reading."""
    backlog: int = 4096
    """listen(2); the kernel caps it at net.core.somaxconn (4096 on Linux 5.4 and later)."""
    refusal_tick_seconds: float = 0.05
    """Refusals leave on the next tick (DESIGN section 2)."""

    # Failed attempts (THREATS 4).
    failures_per_pair: int = 15
    """A minute, for a pair of address (or IPv6 /64) and asserted device."""
    failures_per_address: int = 300
    """A minute, for an address with no success in between."""
    failure_window_seconds: float = 60.0
    failure_penalty_seconds: float = 300.0
    failure_entries: int = 65_536
    """Pairs and addresses remembered; the oldest is forgotten first (fixed memory)."""

    # MQTT sessions (mqtt-device.md C.3).
    keep_alive_minimum_seconds: int = 30
    keep_alive_maximum_seconds: int = 1200
    keep_alive_factor: float = 1.5
    """Silence for 1.5 x keep-alive ends the Network Connection (MQTT 3.1.1 section 3.1.2.10)."""
    packet_bytes: int = 1024 * 1024
    """The largest packet of an authenticated device: "Publish <= 1 MB" (mqtt-device.md C.3)."""
    subscriptions: int = 100
    """Topic Filters a session may hold (mqtt-device.md C.3: 50 or 100)."""
    topic_bytes: int = 128
    """(mqtt-device.md C.3)."""
    client_id_bytes: int = 256
    user_name_bytes: int = 256
    password_bytes: int = 256
    """(mqtt-device.md C.1), the three of them."""

    # The session's writes.
    send_seconds: float = 10.0
    """A peer that does not read its answers for so long is closed."""
    drain_seconds: float = 10.0
    """SIGTERM: how long sessions are given to close before they are cut."""

    # The registry (DESIGN section 3).
    group_commit_seconds: float = 0.005
    group_commit_writes: int = 512
    write_queue: int = 16_384
    """Writes waiting for the writer thread; beyond it a write is "unavailable"."""
    inline_reads: int = 16
    """Primary-key reads done on the event loop (about 8 us each); a larger batch takes one thread hop (370 us)."""
    read_threads: int = 4
    """Lists and large batches read at the same time, each in a thread with a connection of its own."""
    seen_flush_seconds: float = 1.0

    # Freshness (DESIGN section 3).
    invalidations_remembered: int = 65_536
    judge_again: int = 3
    """Times a claim is judged again because its record changed in the meantime; then "unavailable"."""

    # What an operator sees (DESIGN section 3, Audit).
    attempts_devices: int = 65_536
    attempts_per_device: int = 8
    refusals_per_minute: int = 256
    """Aggregated refusal rows written to the audit in a minute; the rest is one row with a count."""
    alarm_failures: int = 60
    """Failed attempts on one device in a minute, from wherever, that raise an alarm (THREATS 4: never a lock-out)."""
    log_repeats_seconds: float = 10.0
    """The same error is logged at most once in so long, with a count (a storm must not become a log storm)."""
    loop_lag_seconds: float = 1.0
    """Event-loop lag above which new connections are shed and /readyz says so (THREATS 5)."""

    # The application API (iotda-rest.md).
    api_body_bytes: int = 1024 * 1024
    """Twice the largest body of the contract: service_capabilities, 500 KB (A.4)."""
    api_seconds: float = 30.0
