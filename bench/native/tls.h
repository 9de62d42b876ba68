#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

/* What a TLS call came to. */
enum tls_step { TLS_DONE, TLS_WAIT, TLS_FAILED };

/* For a client of exactly this version, key exchange X25519; ca NULL: the server is not checked. Exits on failure. */
SSL_CTX *tls_client(int version, const char *ca);

/* A server of TLS 1.2 and 1.3. client_ca NULL: no client certificate is asked for, else one is required. Resumption by
 * tickets, or none at all. Exits on failure. */
SSL_CTX *tls_server(const char *certificate, const char *key, const char *client_ca, bool tickets);

/* What the last call on ssl, which returned `returned` (not above 0), came to. */
enum tls_step tls_step(SSL *ssl, int returned);

#endif
