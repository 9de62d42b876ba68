#ifndef FRONT_PEERS_H
#define FRONT_PEERS_H

/* The peers of fuzz_front.c, on Unix sockets and with a real libssl: what they send the input says. The clock too. */
#define _GNU_SOURCE /* syscall, SOCK_NONBLOCK */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "chain.h"
#include "tls_context.h"

#define STAMP "2025041401"
#define MUST(holds) ((holds) ? (void)0 : fail(#holds, __LINE__))

static void fail(const char *what, int line)
{
    fprintf(stderr, "fuzz_front.c:%d: %s does not hold\n", line, what);
    abort();
}

/* The monotonic clock is ours: a microsecond a look, so that a turn has an end, and more where the input says so. */
static uint64_t clock_ns = 1000000000;

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, id, now);
    clock_ns += 1000;
    now->tv_sec = (time_t)(clock_ns / 1000000000);
    now->tv_nsec = (long)(clock_ns % 1000000000);
    return 0;
}

struct peer {
    int fd; /* -1: there is none */
    SSL *tls;
};

static const uint8_t *input;
static size_t input_len;

static struct eng_tls_context *tls;
static SSL_CTX *client;
static uint8_t packets[8][256];
static size_t packets_len[8];
static uint8_t large[300000];

static uint8_t next(void)
{
    if (input_len == 0)
        return 0;
    input_len--;
    return *input++;
}

/* CONNECT, of MQTT 3.1.1 or 5, with what a known device shows; or a wrong password. */
static size_t write_connect(uint8_t *packet, const char *device, uint8_t version, int is_right)
{
    char client_id[64], password[65];
    uint8_t mac[32];
    size_t at = 2;

    HMAC(EVP_sha256(), STAMP, 10, (const uint8_t *)"12345678", 8, mac, NULL);
    for (int i = 0; i < 32; i++)
        snprintf(password + 2 * i, 3, "%02x", is_right ? mac[i] : 0);
    snprintf(client_id, sizeof client_id, "%s_0_0_" STAMP, device);
    memcpy(packet + at, "\0\4MQTT", 6);
    at += 6;
    memcpy(packet + at, (uint8_t[]){version, 0xC2, 0, 60, 0}, 5);
    at += version == 5 ? 5 : 4;
    for (int i = 0; i < 3; i++) {
        const char *field = i == 0 ? client_id : i == 1 ? device : password;

        packet[at++] = 0;
        packet[at++] = (uint8_t)strlen(field);
        memcpy(packet + at, field, strlen(field));
        at += strlen(field);
    }
    packet[0] = 0x10;
    packet[1] = (uint8_t)(at - 2); /* below 128 */
    return at;
}

static void write_packets(void)
{
    static const uint8_t proxy[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\2\1\xC0\0\2\2\x01\x02\x07\x5B";
    static const char text[] = "PROXY TCP6 2001:db8::1 2001:db8::2 4000 1883\r\n";

    packets_len[0] = write_connect(packets[0], "pump", 4, 1);
    packets_len[1] = write_connect(packets[1], "pump", 5, 1);
    packets_len[2] = write_connect(packets[2], "valve", 4, 1);
    packets_len[3] = write_connect(packets[3], "pump", 4, 0);
    memcpy(packets[4], proxy, packets_len[4] = sizeof proxy - 1);
    memcpy(packets[5], text, packets_len[5] = sizeof text - 1);
    memcpy(packets[6], "\xC0\0\xC0\0\x30\5\0\1tab\xC0\0", packets_len[6] = 13);
    memcpy(packets[7], "\xE0\0", packets_len[7] = 2);
}

/* A certificate of its own, for a server that no client checks. */
static void open_tls(void)
{
    static const struct eng_chain_limits limits = {16384, 8, 64, 16, 16};
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;
    X509 *certificate = X509_new();
    BIO *key_pem = BIO_new(BIO_s_mem()), *certificate_pem = BIO_new(BIO_s_mem());
    struct eng_anchors *anchors = eng_anchors_open(0);
    struct eng_tls_settings settings = {.listener = (const uint8_t *)"mqtts", .listener_len = 5,
                                        .certificate_list_bytes = 16384, .handshake_bytes = 32768,
                                        .chain = eng_chain_open(&limits)};

    MUST(EVP_PKEY_keygen_init(context) > 0 &&
         EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) > 0 && EVP_PKEY_keygen(context, &key) > 0);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    MUST(X509_sign(certificate, key, EVP_sha256()) > 0 && anchors != NULL && eng_anchors_seal(anchors));
    MUST(PEM_write_bio_X509(certificate_pem, certificate));
    MUST(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL));
    settings.certificate_len = (size_t)BIO_get_mem_data(certificate_pem, (char **)&settings.certificate);
    settings.key_len = (size_t)BIO_get_mem_data(key_pem, (char **)&settings.key);
    MUST(eng_tls_context_open(&settings, anchors, &tls) == ENG_TLS_OPENED);
    client = SSL_CTX_new(TLS_client_method());
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(context);
}

static void say(const struct peer *peer, const uint8_t *data, size_t data_len)
{
    if (peer->fd < 0 || data_len == 0)
        return;
    if (peer->tls != NULL)
        (void)SSL_write(peer->tls, data, (int)data_len);
    else
        (void)!send(peer->fd, data, data_len, MSG_NOSIGNAL);
}

static void come(struct peer *peer, int listening, int has_tls)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    uint8_t how;

    if (peer->fd >= 0)
        return;
    peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    MUST(peer->fd >= 0 && getsockname(listening, (struct sockaddr *)&address, &length) == 0);
    if (connect(peer->fd, (struct sockaddr *)&address, length) != 0) {
        close(peer->fd); /* the front has stopped, or the row is full */
        peer->fd = -1;
        return;
    }
    how = next();
    if (how & 4) /* the balancer's header, which is never in TLS */
        say(peer, packets[4], packets_len[4]);
    if (has_tls && (how & 3) != 0) {
        peer->tls = SSL_new(client);
        SSL_set_fd(peer->tls, peer->fd);
        SSL_set_connect_state(peer->tls);
    }
}

static void leave(struct peer *peer)
{
    SSL_free(peer->tls);
    if (peer->fd >= 0)
        close(peer->fd);
    *peer = (struct peer){.fd = -1};
}

static void hear(const struct peer *peer)
{
    static uint8_t heard[1 << 16];

    if (peer->tls != NULL)
        (void)SSL_read(peer->tls, heard, sizeof heard);
    else if (peer->fd >= 0)
        (void)!recv(peer->fd, heard, sizeof heard, 0);
}

static void say_some(const struct peer *peer)
{
    const uint8_t which = next();
    const size_t number = which % 8;
    size_t from, length;

    switch (which >> 4) {
    case 0: /* anything */
        length = next();
        length = length < input_len ? length : input_len;
        say(peer, input, length);
        input += length;
        input_len -= length;
        return;
    case 1: /* a piece of a packet */
        from = next() % packets_len[number];
        length = next() % (packets_len[number] - from + 1);
        say(peer, packets[number] + from, length);
        return;
    case 2: /* many bytes: zeros, or the beginning of a PUBLISH of 16 KiB and what belongs to it */
        say(peer, which & 1 ? (const uint8_t *)"\x30\xff\x7f" : large, which & 1 ? 3 : (size_t)next() * 64);
        return;
    default:
        say(peer, packets[number], packets_len[number]);
    }
}

#endif
