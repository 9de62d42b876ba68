/* The native MQTT front (DESIGN section 6): sockets, framing, known-good acceptance and quiet sessions in C; everything
 * else is told to Python as events, and judged there. Read by C (front.h) and by cffi (build.py).
 *
 * A connection is named by a number that is never used twice (its slot, and how often the slot was used): a reply to one
 * that is gone answers 0 and does nothing. For one thread, which owns the front and waits on its descriptor.
 */
struct eng_front;

/* Bytes of one of the few answers that do not depend on the device; made by Python (session/mqtt.py), which knows how. */
struct eng_front_words {
    uint8_t len;
    uint8_t bytes[47];
};

/* An address range, IPv6 (IPv4 mapped). */
struct eng_front_network {
    uint8_t address[16];
    uint32_t bits;
};

/* Balancers, and what is asked of the PROXY header that every connection through them begins with. No network: there is
 * no balancer, and no header is read. protocols: those of ALPN that the front serves, as TLS lists them (RFC 7301 section
 * 3.1). All of it outlives the front. */
struct eng_front_proxy {
    const struct eng_front_network *balancers;
    const uint8_t *protocols;
    size_t protocols_len;
    uint32_t balancers_count;
    uint32_t header_ms;    /* from accept, inside connect_ms */
    uint32_t header_bytes; /* of one of version 2; more than 16384 are never taken */
};

struct eng_front_settings {
    uint32_t number;      /* this front's, in the sessions */
    uint32_t connections; /* at most so many at a time */
    uint32_t accept_batch, watched_prefixes;
    uint32_t connect_packet_bytes, packet_bytes;
    uint32_t connect_ms, send_ms;
    uint32_t keep_alive_minimum_s, keep_alive_maximum_s;
    double keep_alive_factor;
    struct eng_front_proxy proxy;
    uint8_t key[16]; /* random, for the tables that peers' addresses choose places in */
    /* CONNACK of an accepted device: before MQTT 5; in MQTT 5 by [session expiry asked for: 0, 1][Server Keep Alive: as
     * asked, the minimum, the maximum]. DISCONNECT of MQTT 5 by the number of enum eng_front_reason. */
    struct eng_front_words connack, connack5[2][3], disconnect5[3];
};

enum eng_front_reason { ENG_FRONT_TAKEN_OVER, ENG_FRONT_ADMINISTRATIVE, ENG_FRONT_SHUTTING_DOWN };

enum eng_front_kind {
    ENG_FRONT_CONNECT = 1,   /* bytes that begin with a CONNECT which C does not decide, or with no packet at all */
    ENG_FRONT_SESSION = 2,   /* packets of an accepted device that C does not answer */
    ENG_FRONT_GONE = 3,      /* a connection that Python keeps something of is closed */
    ENG_FRONT_DISPLACED = 4, /* a device was accepted here whose session is another front's, which Python closes */
    ENG_FRONT_HANDSHAKE_FAILED = 5, /* TLS, or the PROXY header, came to nothing, `times` since the last poll: `fault` says
                                       why (enum eng_tls_fault), 0: it was cut, because time or room was up */
    ENG_FRONT_CROWDED_OUT = 6, /* all places of the pending were taken: Python closes its own oldest one */
};

/* Events, and what they point to, stay until the front is called again, for whatever. DISPLACED: front and connection are
 * the other's. CROWDED_OUT: connection is the place that was left. device_id: of a SESSION. peer: of a CONNECT over TLS,
 * the certificates that the peer sent and whose key it has, as eng_chain_verify takes them. address: of a HANDSHAKE_FAILED
 * that of the first. */
struct eng_front_event {
    uint64_t connection;
    const uint8_t *data, *device_id, *peer;
    size_t data_len, device_id_len, peer_len;
    uint32_t kind;
    uint32_t front;
    uint32_t client_maximum; /* Maximum Packet Size, 0 for none */
    uint32_t times;
    uint16_t port;
    uint8_t fault;
    uint8_t version; /* of an accepted device */
    uint8_t address[16];
};

/* What C needs to accept a device that is known good; all of it outlives the front. */
struct eng_front_known {
    const struct eng_credential_table *table;
    const struct eng_known_good_policy *policy;
    struct eng_seen *seen;
};

/* Since the front was opened, but for the last two, which are of this moment. connections: without health checks. */
struct eng_front_counts {
    uint64_t connections, shed, known_good, taken_over, dropped, accept_failures;
    int accept_errno;
    uint32_t live, open;
};

/* A front on a listening, non-blocking socket, which stays the caller's, as everything given here does. exempt: whom limits
 * do not count. known may be NULL: then Python is asked about every CONNECT. sessions, pending: the node's. NULL where memory
 * or descriptors are short. */
struct eng_front *eng_front_open(int listening, const struct eng_front_settings *settings,
                                 const struct eng_front_network *exempt, uint32_t exempt_count,
                                 const struct eng_front_known *known, struct eng_sessions *sessions,
                                 struct eng_pending *pending);
void eng_front_close(struct eng_front *front);

/* From now on new connections shake hands by this context, which the caller keeps open until there is another; without
 * one, the front speaks plain MQTT. */
void eng_front_set_tls(struct eng_front *front, struct eng_tls_context *tls);

/* The epoll descriptor to wait on: readable whenever there is something to do, a deadline included. */
int eng_front_descriptor(const struct eng_front *front);

/* Work for at most some 5 ms, or 20 (with TLS 10) while there is nothing to tell. now: epoch seconds. *more: 1 where there is
 * work left, so that the caller polls again without waiting; 2 where there are strangers. How many events there are. */
uint32_t eng_front_poll(struct eng_front *front, int64_t now, const struct eng_front_event **events, int *more);

/* CONNECTs of the last poll from devices of which the table knows nothing, and that are no events: Python looks them up,
 * puts those that may be there, and hands the connections back. How many; device_ids have a line feed behind each. Stay
 * until the next poll. */
uint32_t eng_front_tell_strangers(const struct eng_front *front, const uint64_t **connections,
                                  const uint8_t **device_ids, size_t *device_ids_len);

/* Accept those of them that are known now; of the other ones the next poll tells, as CONNECT. */
void eng_front_judge_again(struct eng_front *front, const uint64_t *connections, uint32_t count);

/* While set, Python is asked about every CONNECT (it will say "busy", or "draining"). */
void eng_front_ask_always(struct eng_front *front, int always);

/* Of CONNECTs from this prefix Python is asked (it counts failed attempts of them), until it is told otherwise. */
void eng_front_watch(struct eng_front *front, const uint8_t *address, int watched);

/* The answers to an event. 1, or 0 where the connection is gone.
 * admit: data is written, and the device is connected; the session was attached by the caller. keep_alive_s: 0 for none.
 * go_on: data is written, and the session goes on. end: data is written, as far as the socket takes it, and the
 * connection closed. keeps: whether Python keeps something of the connection, and wants to be told when it is gone. */
int eng_front_admit(struct eng_front *front, uint64_t connection, const uint8_t *data, size_t data_len,
                    uint64_t session, uint8_t version, uint16_t keep_alive_s, uint32_t client_maximum, int keeps);
int eng_front_go_on(struct eng_front *front, uint64_t connection, const uint8_t *data, size_t data_len, int keeps);
int eng_front_end(struct eng_front *front, uint64_t connection, const uint8_t *data, size_t data_len);

/* End a connection in the protocol's own terms; one whose CONNECT is not answered is closed without a word. */
int eng_front_close_connection(struct eng_front *front, uint64_t connection, enum eng_front_reason reason);

/* Accept no more. The listening socket may be closed after this. */
void eng_front_stop(struct eng_front *front);

/* End every connection without a session, but for those that await a verdict, and up to `most` with one; how many of
 * these are left. */
uint32_t eng_front_drain(struct eng_front *front, uint32_t most);

void eng_front_count(const struct eng_front *front, struct eng_front_counts *counts);
