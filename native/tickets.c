/* The API level at which HMAC_Init_ex and the ticket callback that both libraries have carry no deprecation. */
#define OPENSSL_API_COMPAT 10101

#include "tickets.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "tls_internal.h"

#define NAME_BYTES 16
#define IV_BYTES 16
#define KEY_BYTES 32
#define PREFIX_BYTES 8
#define SERVER_NAME_BYTES 255 /* RFC 6066 section 3: a host name, and DNS has no longer ones */

#define HOUR 3600
#define LIFETIME_HOURS 24
#define LIFETIME_SECONDS (LIFETIME_HOURS * HOUR)

/* All that a ticket's keys depend on beside the listener; a part of it is the key name. */
struct terms {
    uint32_t hour;
    uint32_t until; /* UINT32_MAX: no end */
    uint8_t anchor[ENG_DIGEST_BYTES];
    uint8_t server_name[ENG_DIGEST_BYTES]; /* SHA-256 */
};

struct keys {
    uint8_t cipher[KEY_BYTES], mac[KEY_BYTES];
};

/* secret: HKDF-Extract of the root. listener: SHA-256 of its name. keys: those of `terms`, the last that were asked for;
 * of devices without certificate the next ones are the same, within the hour. Before the first: all 0, which no
 * server_name is. */
struct eng_tickets {
    uint8_t secret[ENG_DIGEST_BYTES];
    uint8_t listener[ENG_DIGEST_BYTES];
    struct terms terms;
    struct keys keys;
};

struct eng_tickets *eng_tickets_open(const uint8_t root[ENG_TICKET_ROOT_BYTES], const uint8_t *listener,
                                     size_t listener_len)
{
    static const char salt[] = "keyturn tickets 1";
    struct eng_tickets *tickets = calloc(1, sizeof *tickets);

    if (tickets == NULL)
        return NULL;
    if (HMAC(EVP_sha256(), salt, sizeof salt - 1, root, ENG_TICKET_ROOT_BYTES, tickets->secret, NULL) != NULL &&
        eng_digest(listener, listener_len, NULL, 0, tickets->listener))
        return tickets;
    eng_tickets_close(tickets);
    return NULL;
}

void eng_tickets_close(struct eng_tickets *tickets)
{
    if (tickets == NULL)
        return;
    OPENSSL_cleanse(tickets, sizeof *tickets);
    free(tickets);
}

static void write_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The same mask hides a name and uncovers it: whose devices meet on a wire is nobody's business. `iv` is the ticket's. */
static int mask_name(const struct eng_tickets *tickets, const uint8_t iv[IV_BYTES], uint8_t name[NAME_BYTES])
{
    uint8_t info[4 + IV_BYTES + 1] = "name", mask[ENG_DIGEST_BYTES];

    memcpy(info + 4, iv, IV_BYTES);
    info[sizeof info - 1] = 1; /* HKDF-Expand (RFC 5869 section 2.3), first block */
    if (HMAC(EVP_sha256(), tickets->secret, sizeof tickets->secret, info, sizeof info, mask, NULL) == NULL)
        return 0;
    for (size_t i = 0; i < NAME_BYTES; i++)
        name[i] ^= mask[i];
    OPENSSL_cleanse(mask, sizeof mask);
    return 1;
}

/* HKDF-Expand (RFC 5869 section 2.3) to two blocks. */
static int derive(const struct eng_tickets *tickets, const struct terms *terms, struct keys *keys)
{
    uint8_t info[4 + 4 + 4 + 3 * ENG_DIGEST_BYTES] = "keys", block[ENG_DIGEST_BYTES + sizeof info + 1];
    int done;

    write_u32(info + 4, terms->hour);
    write_u32(info + 8, terms->until);
    memcpy(info + 12, tickets->listener, ENG_DIGEST_BYTES);
    memcpy(info + 12 + ENG_DIGEST_BYTES, terms->server_name, ENG_DIGEST_BYTES);
    memcpy(info + 12 + 2 * ENG_DIGEST_BYTES, terms->anchor, ENG_DIGEST_BYTES);

    memcpy(block + ENG_DIGEST_BYTES, info, sizeof info);
    block[sizeof block - 1] = 1;
    done = HMAC(EVP_sha256(), tickets->secret, sizeof tickets->secret, block + ENG_DIGEST_BYTES, sizeof info + 1,
                keys->cipher, NULL) != NULL;
    memcpy(block, keys->cipher, sizeof keys->cipher);
    block[sizeof block - 1] = 2;
    done &= HMAC(EVP_sha256(), tickets->secret, sizeof tickets->secret, block, sizeof block, keys->mac, NULL) != NULL;
    OPENSSL_cleanse(block, sizeof block);
    return done;
}

/* NULL where memory is short. */
static const struct keys *keys_of(struct eng_tickets *tickets, const struct terms *terms)
{
    if (memcmp(&tickets->terms, terms, sizeof *terms) == 0)
        return &tickets->keys;
    memset(&tickets->terms, 0, sizeof tickets->terms);
    if (!derive(tickets, terms, &tickets->keys))
        return NULL;
    tickets->terms = *terms;
    return &tickets->keys;
}

/* SHA-256 of the name that this ClientHello asks for; of nothing where it asks for none. */
static int digest_server_name(SSL *ssl, uint8_t sha256[ENG_DIGEST_BYTES])
{
    const uint8_t *name = NULL;
    size_t name_len = 0;

#ifndef OPENSSL_IS_AWSLC
    /* OpenSSL opens tickets before it has read the other extensions. Of this one: the list's length (2 octets), the type
     * of the name (1), its length (2), the name; all that follows the first five is the name where there is but one. */
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &name_len) == 1) {
        if (name_len < 5 || name_len > 5 + SERVER_NAME_BYTES)
            return 0;
        return eng_digest(name + 5, name_len - 5, NULL, 0, sha256);
    }
#endif
    name = (const uint8_t *)SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name != NULL)
        name_len = strlen((const char *)name);
    return eng_digest(name, name_len, NULL, 0, sha256);
}

/* Sets both up for this ticket. */
static int key_library(struct eng_tickets *tickets, const struct terms *terms, const uint8_t iv[IV_BYTES],
                       EVP_CIPHER_CTX *cipher, HMAC_CTX *mac, int is_new)
{
    const struct keys *keys = keys_of(tickets, terms);

    return keys != NULL && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, iv, is_new) == 1 &&
           HMAC_Init_ex(mac, keys->mac, sizeof keys->mac, EVP_sha256(), NULL) == 1;
}

/* A ticket that did not open in the end may have left something in `peer`: without a certificate there is nobody. */
static int issue(const struct eng_tls_connection *connection, struct terms *terms, uint8_t name[NAME_BYTES],
                 uint8_t iv[IV_BYTES])
{
    static const struct eng_tls_peer nobody = {.until = INT64_MAX};
    int is_known = SSL_session_reused(connection->ssl) || connection->peer.list != NULL;
    const struct eng_tls_peer *peer = is_known ? &connection->peer : &nobody;

    terms->hour = (uint32_t)(connection->now / HOUR);
    terms->until = peer->until < UINT32_MAX ? (uint32_t)peer->until : UINT32_MAX;
    memcpy(terms->anchor, peer->anchor, sizeof terms->anchor);
    write_u32(name, terms->hour);
    write_u32(name + 4, terms->until);
    memcpy(name + 8, terms->anchor, PREFIX_BYTES);
    return RAND_bytes(iv, IV_BYTES) == 1 && mask_name(connection->context->tickets, iv, name);
}

/* 1 where what the name says still stands; whether it is the truth shows when the ticket is opened. */
static int accept_name(struct eng_tls_connection *connection, const uint8_t masked[NAME_BYTES],
                       const uint8_t iv[IV_BYTES], struct terms *terms)
{
    static const uint8_t nobody[ENG_DIGEST_BYTES];
    const struct eng_anchor *anchor;
    uint8_t name[NAME_BYTES];
    int64_t hour = connection->now / HOUR;

    memcpy(name, masked, sizeof name);
    if (!mask_name(connection->context->tickets, iv, name))
        return 0;
    terms->hour = read_u32(name);
    terms->until = read_u32(name + 4);
    if (terms->hour > hour || terms->hour + (int64_t)LIFETIME_HOURS <= hour)
        return 0;
    if (terms->until != UINT32_MAX && connection->now >= terms->until)
        return 0;
    memcpy(terms->anchor, nobody, sizeof nobody);
    if (memcmp(name + 8, nobody, PREFIX_BYTES) == 0)
        return 1;
    anchor = eng_anchors_find(connection->context->anchors, name + 8, PREFIX_BYTES);
    if (anchor == NULL)
        return 0;
    memcpy(terms->anchor, anchor->identity, sizeof terms->anchor);
    return 1;
}

/* What a renewed ticket will say: what this one says. */
static void remember(struct eng_tls_peer *peer, const struct terms *terms)
{
    memcpy(peer->anchor, terms->anchor, sizeof peer->anchor);
    peer->until = terms->until == UINT32_MAX ? INT64_MAX : (int64_t)terms->until;
}

/* For SSL_CTX_set_tlsext_ticket_key_cb. Of a new ticket: 1, or below 0; of a presented one: 1, or 2 for a new one
 * as well, or 0 where it has no key, so that a full handshake follows. */
static int key_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, HMAC_CTX *mac,
                      int is_new)
{
    struct eng_tls_connection *connection = eng_tls_connection_of(ssl);
    struct terms terms;

    if (connection == NULL || connection->context->tickets == NULL || !digest_server_name(ssl, terms.server_name))
        return is_new ? -1 : 0;
    if (is_new)
        return issue(connection, &terms, name, iv) &&
                       key_library(connection->context->tickets, &terms, iv, cipher, mac, 1)
                   ? 1
                   : -1;
    if (!accept_name(connection, name, iv, &terms) ||
        !key_library(connection->context->tickets, &terms, iv, cipher, mac, 0))
        return 0;
    remember(&connection->peer, &terms);
    /* Of TLS 1.3 a client uses each once (RFC 8446 appendix C.4), so that it needs another. */
    return SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

int eng_tickets_serve(SSL_CTX *library)
{
    SSL_CTX_set_timeout(library, LIFETIME_SECONDS);
#ifdef OPENSSL_IS_AWSLC
    SSL_CTX_set_session_psk_dhe_timeout(library, LIFETIME_SECONDS); /* of TLS 1.3; 7 days else */
#endif
    return SSL_CTX_set_num_tickets(library, 1) == 1 && SSL_CTX_set_tlsext_ticket_key_cb(library, key_ticket) == 1;
}
