#ifndef ENG_TLS_PEER_H
#define ENG_TLS_PEER_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "chain_table.h"
#include "must_use.h"

/* What a peer proved. list: its certificates as TLS carries them; NULL where it sent none, and after
 * eng_tls_connection_forget. anchor: the identity of the anchor that they chain to (struct eng_anchor), zero without a
 * certificate. until: when that ends, INT64_MAX without a certificate. */
struct eng_tls_peer {
    uint8_t *list;
    size_t list_len;
    uint8_t anchor[ENG_DIGEST_BYTES];
    int64_t until;
};

/* For SSL_CTX_set_cert_verify_callback: gives the peer's list to eng_chain_verify. */
int eng_tls_peer_verify(X509_STORE_CTX *store, void *unused);
ENG_MUST_USE(eng_tls_peer_verify);

/* Takes the list of a resumed session from its ticket. 1 when done, 0 where memory is short. */
int eng_tls_peer_resume(const SSL *ssl, struct eng_tls_peer *peer, size_t most);
ENG_MUST_USE(eng_tls_peer_resume);

#endif
