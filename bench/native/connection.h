#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices.h"
#include "options.h"

/* The shortest CONNACK; longer ones (properties of MQTT 5) are read and not kept. */
#define CONNACK_KEPT 8

enum outcome {
    PENDING,
    ANSWERED,        /* with CONNACK: its code is kept */
    MALFORMED,       /* with anything else */
    CLOSED,          /* without an answer */
    RESET,           /* the same, by RST, or the connection was refused */
    HANDSHAKE_ENDED, /* no TLS: an alert, or a close in the middle */
    GAVE_UP,         /* by us */
    OUTCOMES
};

enum phase { CONNECTING, HANDSHAKING, WAITING, HELD };

/* One client. previous and next: neighbours among those that wait for their CONNACK, in the order of due_at. */
struct connection {
    struct connection *previous, *next;
    struct device *device;
    SSL *ssl;
    uint64_t due_at, sent_at;
    int descriptor;
    enum phase phase;
    bool was_resumed;
    uint8_t code;
    uint8_t kept, head[CONNACK_KEPT];
};

/* Opens connection number `number` from the source address that follows from it, and watches it in `poll`, edge-
 * triggered, with the connection as its data. context NULL is plain. Exits when there is no socket to be had: a client
 * that cannot offer its load has no result. */
struct connection *connection_start(const struct options *options, SSL_CTX *context, int poll, struct device *device,
                                    uint64_t number);

/* Goes on as far as it can without waiting. */
enum outcome connection_step(struct connection *connection);

/* Closes and frees it. is_orderly: with DISCONNECT and, in TLS, close_notify. is_aborted: with RST. */
void connection_end(struct connection *connection, bool is_orderly, bool is_aborted);

/* Keeps the sessions that the server hands out with their devices. */
void connection_keep_sessions(SSL_CTX *context);

#endif
