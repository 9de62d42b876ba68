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
    handshake_bytes: int = 32 * 1024
    """A peer's bytes up to the end of the TLS handshake: with a CONNECT, the 64 KiB of THREATS 2."""
    proxy_seconds: float = 3.0
    """A balancer's PROXY header complete after accept, inside the time for CONNECT (THREATS 1)."""
    proxy_header_bytes: int = 2048
    """The largest PROXY header of version 2 (THREATS, PROXY protocol); of version 1 it is 107."""
    tls_sessions: int = 1024
    """TLS 1.2 sessions kept in a context; at 16 KiB of certificates each, 16 MiB."""
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

    # Certificates (THREATS 2; docs/chains.md).
    certificate_list_bytes: int = 16 * 1024
    """All that a peer sends to prove its certificate (THREATS 2)."""
    certificates: int = 8
    """In that list, the leaf included: a fleet's path is 2 to 4 long, and `cryptography` stops at 8 as well."""
    chain_signatures: int = 64
    """Budget for one chain (CVE-2018-16875): what is put on a path costs as many as it then has signatures."""
    certificates_remembered: int = 4096
    """Parsed CAs and intermediates; the least used goes first. About 8 KiB each in OpenSSL 3.0."""
    chains_remembered: int = 65_536
    """Verified chains; the least used goes first. About 100 bytes each."""

    crl_bytes: int = 128 * 1024
    """All uploaded CRLs of a project together, and one file in tls.crls, as DER: some 3,600 revocations of 36 bytes.
    Each of the project's CAs has them parsed, at up to ten times the size."""
    crl_files: int = 256
    """Files in tls.crls."""
    expiry_warning_seconds: float = 7 * 86_400.0
    """A CRL or a device CA that expires within so long is logged as a warning."""
    expiry_watch_seconds: float = 3600.0
    """Between two such looks."""

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

    # LwM2M over CoAP (lwm2m-device.md D).
    endpoint_name_characters: int = 64
    """A node_id has no more (iotda-rest.md A.3)."""
    coap_datagram_bytes: int = 1472
    """What one Ethernet frame carries; more is answered 4.13. RFC 7252 section 4.6 wants at most 1152."""
    coap_body_bytes: int = 16 * 1024
    """The largest body sent block by block (RFC 7959): a link list of some 1,000 Object Instances."""
    coap_transfers: int = 1024
    """Bodies being put together, one a peer; with coap_body_bytes 16 MiB in all. The oldest goes first."""
    coap_transfer_seconds: float = 93.0
    """MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2): a client that is silent for so long has given up."""
    coap_exchanges: int = 65_536
    """Answers remembered for retransmissions, in all; of the peer that was silent for longest they go first."""
    coap_exchanges_per_peer: int = 16
    """NSTART is 1 (RFC 7252 section 4.7): an honest peer has one request under way, and some behind it."""
    coap_exchange_seconds: float = 247.0
    """EXCHANGE_LIFETIME (RFC 7252 section 4.8.2): for so long a Message ID means the same message."""
    coap_amplification: int = 3
    """An answer to a peer that was not accepted is at most so many times its request (RFC 7252 section 11.3)."""
    coap_batch: int = 64
    """Datagrams taken per wake-up, and judged together."""
    coap_batches: int = 16
    """Batches judged at the same time; beyond it datagrams wait in the socket's buffer, and the kernel drops."""
    coap_receive_buffer_bytes: int = 4 * 1024 * 1024
    """SO_RCVBUF asked for; the kernel caps it at net.core.rmem_max (212,992 by default)."""
    unavailable_seconds: int = 30
    """Max-Age of a 5.03: when a CoAP client may try again (RFC 7252 section 5.9.3.4)."""

    # The session's writes.
    send_seconds: float = 10.0
    """A peer that does not read its answers for so long is closed."""
    drain_seconds: float = 10.0
    """SIGTERM: how long sessions are given to close before they are cut. They are ended evenly over the first half."""

    # The registry (DESIGN section 3).
    group_commit_seconds: float = 0.005
    group_commit_writes: int = 512
    writer_pause_seconds: float = 0.5
    """Without a write, in which memory is given back where rows were changed since the last time: at most 32 MiB of
    pages, read again at some 2 us each."""
    give_back_seconds: float = 10.0
    """Between two such times, so that a fleet that only trickles in keeps its pages."""
    write_queue: int = 16_384
    """Writes waiting for the writer thread; beyond it a write is "unavailable"."""
    inline_reads: int = 64
    """Primary-key reads done on the event loop (credentials, which are read together, about 3 us each; others 8); a
    larger batch takes one thread hop (370 us)."""
    read_threads: int = 4
    """Lists and large batches read at the same time, each in a thread with a connection of its own."""
    seen_flush_seconds: float = 1.0
    seen_batch: int = 1024
    """Devices accepted in C whose last-seen instant is written in one round (some 15 ms of a core); the rest waits."""
    seen_pause_seconds: int = 60
    """After that instant was written, for how long the device's next one waits: who comes all the time is no news."""
    search_seconds: float = 1.0
    """A search that reads for longer is refused, so that a condition without an index holds no thread for long."""
    counts_remembered: int = 256
    """Exact counts of lists and searches, at most 2 KB each, that need not be made again while nothing changes."""
    reap_seconds: float = 1.0
    """Between two rounds of the reaper; a device past its timeout is refused from the second on in any case."""
    reap_batch: int = 512
    """Devices deleted in one write (as group_commit_writes)."""

    # Freshness (DESIGN section 3).
    invalidations_remembered: int = 65_536
    judge_again: int = 3
    """Times a claim is judged again because its record changed in the meantime; then "unavailable"."""

    # Devices that C accepts by itself (DESIGN section 6).
    known_good_entries: int = 2_097_152
    """Devices in the credential table: 2 million take 288 MB, and fewer as much less."""
    registry_look_seconds: float = 1.0
    """How often the registry is looked at for their sake: so late, at most, is an outage noticed (THREATS 7)."""
    known_good_rows: int = 1024
    """Rows read in one thread hop while the table is filled from the registry; 0: it is not, and each device is looked
    up when it comes."""

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
    api_unproved_bytes: int = 64 * 1024 * 1024
    """Bodies held of callers whose signature covers a body that is not whole yet: 64 of the largest."""
    project_access_keys: int = 100
    """Access keys of a project; ours, so that their list is one page."""
    project_api_tokens: int = 100
    """Tokens of a project that are not revoked; ours, for the same reason."""
    device_tags: int = 10
    """Tags of a device (limits.md)."""
    device_cas: int = 100
    """Device CA certificates of a project (iotda-rest.md A.5)."""
    batch_body_bytes: int = 4 * 1024 * 1024
    """A body of CreateBatchTask: 30,000 targets of 128 characters, quoted, are 3.9 MB."""
    batch_file_bytes: int = 10 * 1024 * 1024
    """An uploaded file: 30,000 lines of 300 bytes are 9 MB."""
    batch_files: int = 32
    """Files of a project; ours, so that uploads cannot fill the disk."""
    batch_targets: int = 30_000
    """Targets or lines of a task (iotda-rest.md A.2)."""
    batch_tasks: int = 10
    """Unfinished tasks of a type in a project (limits.md)."""
    batch_tasks_kept: int = 100
    """Finished tasks of a project; ours, so that lines cannot fill the disk: 100 of 30,000 lines are 600 MB."""
    batch_lines: int = 512
    """Lines changed in one write where a call is about all of a task (about 5 ms), for the same reason as the next."""
    batch_group: int = 64
    """Lines worked in one transaction (about 5 ms), so that other writes and the devices are never kept waiting."""
    batch_poll_seconds: float = 0.5
    """How often idle tasks are looked at."""
    api_seconds: float = 30.0
