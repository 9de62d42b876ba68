#ifndef ENG_CONNECTION_H
#define ENG_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "prefixes.h"
#include "tls_connection.h"

/* Where a connection stands. The two ASKED ones wait for Python: nothing is read, and `in` holds what it was told. */
enum eng_connection_state {
    ENG_CONNECTION_FREE,
    ENG_CONNECTION_HEADER_AWAITED, /* a balancer's, which says whose the connection is */
    ENG_CONNECTION_HANDSHAKE,
    ENG_CONNECTION_CONNECT_AWAITED,
    ENG_CONNECTION_VERDICT_ASKED,
    ENG_CONNECTION_LIVE,
    ENG_CONNECTION_SESSION_ASKED,
};

/* Bytes that are kept, at most ENG_HELD_BYTES; no memory while there are none. */
#define ENG_HELD_BYTES (UINT32_C(1) << 31)
struct eng_held {
    uint8_t *bytes;
    uint32_t len, room;
};

/* Append. 1 when done, 0 where memory is short or it would be too much. Memory grows with what came, never with what was
 * announced. */
int eng_held_append(struct eng_held *held, const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_held_append);

/* Forget the first bytes; where none is left, the memory too. */
void eng_held_drop(struct eng_held *held, size_t len);

#define ENG_CONNECTION_NONE UINT32_MAX

struct eng_connection {
    int fd;
    uint32_t generation;
    uint8_t state; /* enum eng_connection_state */
    uint8_t version;
    uint8_t is_registered : 1; /* with epoll */
    uint8_t is_exempt : 1;
    uint8_t is_kept : 1; /* by Python, which wants to know when it is gone */
    uint8_t is_read : 1; /* its CONNECT is, and not judged yet */
    uint8_t is_queued : 1; /* for work that no event of epoll will bring back, */
    uint8_t worth : 2;     /* in this row (enum eng_front_worth) */
    uint16_t port;
    uint16_t keep_alive_s;
    uint32_t events; /* what epoll watches for */
    uint32_t client_maximum;
    uint32_t asked_bytes; /* of `in`: what Python was told */
    uint32_t next;    /* among the free */
    uint32_t pending; /* its place among the pending; 0: it is none of them */
    uint32_t queue_next, queue_previous;
    uint64_t active_ms;
    uint64_t deadline_ms; /* of PROXY header, handshake and CONNECT together */
    uint64_t session;
    uint8_t address[16];
    struct eng_held in, out;
    struct eng_tls_connection *tls;
};
_Static_assert(sizeof(struct eng_connection) <= 128, "there may be a million of them");

/* Connections by slot; a slot's memory never moves. */
struct eng_connections {
    struct eng_connection **chunks;
    uint32_t chunks_count, chunks_most;
    uint32_t free;
    uint32_t open;
};

/* most: slots, of which the first is never given. 1 when done, 0 where memory is short. */
int eng_connections_open(struct eng_connections *connections, uint32_t most);
ENG_MUST_USE(eng_connections_open);
void eng_connections_close(struct eng_connections *connections);

/* How many slots have memory. */
uint32_t eng_connections_room(const struct eng_connections *connections);
ENG_MUST_USE(eng_connections_room);

/* A free slot, in use from now on; ENG_CONNECTION_NONE where all are, or memory is short. */
uint32_t eng_connections_take(struct eng_connections *connections);
ENG_MUST_USE(eng_connections_take);
void eng_connections_release(struct eng_connections *connections, uint32_t slot);

/* Here, because nearly every function of the front begins with it. */
#define ENG_CONNECTIONS_CHUNK 1024
static inline struct eng_connection *eng_connections_at(const struct eng_connections *connections, uint32_t slot)
{
    return &connections->chunks[slot / ENG_CONNECTIONS_CHUNK][slot % ENG_CONNECTIONS_CHUNK];
}

/* The name of a connection for the rest of the world, and back: NULL where it is gone. */
uint64_t eng_connections_name(const struct eng_connections *connections, uint32_t slot);
struct eng_connection *eng_connections_find(const struct eng_connections *connections, uint64_t name, uint32_t *slot);

/* Have the cache fetch what it is about to find. */
void eng_connections_fetch(const struct eng_connections *connections, uint64_t name);

#endif
