#ifndef BENCH_DEVICES_H
#define BENCH_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

/* What a device shows in TLS. */
struct identity {
    X509 *certificate;
    STACK_OF(X509) *intermediates;
    EVP_PKEY *key;
};

struct device {
    uint8_t *connect; /* its CONNECT, ready to send */
    size_t connect_len;
    struct identity *identity; /* NULL: none; shared with the device before it when the file is the same */
    SSL_SESSION *session;      /* the newest to resume, NULL: none */
};

struct devices {
    struct device *all;
    size_t count;
};

/* One device a line: client_id, user name, password and certificate file (PEM: key, certificate, intermediates), with
 * tabs between them; an empty user name, password or file is one not shown. protocol_level: 4 or 5. Exits when the file
 * cannot be read or has no line. */
struct devices devices_read(const char *path, uint8_t protocol_level, uint16_t keep_alive_seconds);

#endif
