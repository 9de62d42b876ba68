#ifndef ENG_TLS_SOCKET_H
#define ENG_TLS_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>

#include "must_use.h"

/* The socket beneath a connection, and what passed. budget: octets that the peer may still send, SIZE_MAX for any
 * number. ahead: what has come and libssl has not asked for yet, ahead_len octets from ahead_at on; NULL: nothing. */
struct eng_tls_socket {
    int descriptor;
    size_t budget;
    uint8_t *ahead;
    uint16_t ahead_at, ahead_len;
    int has_answered; /* sent a handshake message, not just an alert */
    int is_over_budget, is_gone;
};

/* A kind of BIO whose data is a struct eng_tls_socket. libssl's own would read whatever the peer sends, and raise
 * SIGPIPE. NULL where memory is short; BIO_meth_free when no BIO of it is left. */
BIO_METHOD *eng_tls_socket_method(void);
ENG_MUST_USE(eng_tls_socket_method);

/* Frees what was read ahead. */
void eng_tls_socket_close(struct eng_tls_socket *socket);

#endif
