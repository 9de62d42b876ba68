#ifndef ENG_TLS_INTERNAL_H
#define ENG_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "chain_anchors.h"
#include "tickets.h"
#include "tls_connection.h"
#include "tls_context.h"
#include "tls_fault.h"
#include "tls_peer.h"
#include "tls_socket.h"

/* connections: those that are open; shaking: those of them whose handshake is not done. What only a handshake needs
 * (anchors, tickets) is given up when the owner has closed the context and the last handshake is over: sessions may
 * live for months, and CAs change daily. */
struct eng_tls_context {
    SSL_CTX *library;
    BIO_METHOD *socket_method;
    struct eng_chain *chain;
    struct eng_anchors *anchors;
    struct eng_tickets *tickets;
    size_t certificate_list_bytes, handshake_bytes;
    size_t connections, shaking;
    int is_closed;
};

struct eng_tls_connection {
    SSL *ssl;
    struct eng_tls_context *context;
    struct eng_tls_socket socket;
    struct eng_tls_peer peer;
    int64_t now;
    int is_shaking;
    int alert_sent, alert_received; /* fatal ones, -1 where there is none */
    enum eng_tls_fault fault;
};

/* For a connection's open and close, and for its handshake's end. */
void eng_tls_context_begin(struct eng_tls_context *context);
void eng_tls_context_end_handshake(struct eng_tls_context *context);
void eng_tls_context_end(struct eng_tls_context *context);

/* The connection of a callback, or NULL. */
struct eng_tls_connection *eng_tls_connection_of(const SSL *ssl);
ENG_MUST_USE(eng_tls_connection_of);

#endif
