/* Serves TLS connections of 127.0.0.1 one after the other, each to its end, and echoes what it hears; prints its port first, then
 * for each connection: the answer of the handshake, the fault, whether it resumed, and the octets of the peer's list.
 * Arguments: the files of certificate, key and CA (DER), and how many connections. */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tls_connection.h"

/* A file, in a block of exactly its size. */
static uint8_t *read_file(const char *path, size_t *length)
{
    static uint8_t all[1 << 16];
    FILE *file = fopen(path, "rb");
    uint8_t *block;

    if (file == NULL)
        exit(2);
    *length = fread(all, 1, sizeof all, file);
    fclose(file);
    block = malloc(*length);
    memcpy(block, all, *length);
    return block;
}

static struct eng_tls_context *open_context(char **argv, struct eng_chain *chain)
{
    static const uint8_t root[32] = {1};
    struct eng_tls_context *context;
    struct eng_anchors *anchors = eng_anchors_open(1);
    size_t certificate_len, key_len, ca_len;
    uint8_t *certificate = read_file(argv[1], &certificate_len), *key = read_file(argv[2], &key_len);
    uint8_t *ca = read_file(argv[3], &ca_len);
    struct eng_tls_settings settings = {
        .certificate = certificate, .certificate_len = certificate_len, .key = key, .key_len = key_len,
        .listener = (const uint8_t *)"mqtts", .listener_len = 5, .ticket_root = root,
        .certificate_list_bytes = 16384, .handshake_bytes = 32768, .chain = chain};

    if (anchors == NULL || !eng_anchors_add(anchors, chain, ca, ca_len) || !eng_anchors_seal(anchors))
        exit(3);
    /* A refusal first: it must leave the anchors alone. */
    settings.key_len = 10;
    if (eng_tls_context_open(&settings, anchors, &context) != ENG_TLS_NO_KEY)
        exit(4);
    settings.key_len = key_len;
    if (eng_tls_context_open(&settings, anchors, &context) != ENG_TLS_OPENED)
        exit(5);
    free(certificate);
    free(key);
    free(ca);
    return context;
}

static void wait_for(int descriptor, int answer)
{
    struct pollfd one = {.fd = descriptor, .events = answer == ENG_TLS_WANT_READ ? POLLIN : POLLOUT};

    if (poll(&one, 1, 20000) != 1)
        exit(6);
}

static int write_all(struct eng_tls_connection *connection, int descriptor, const uint8_t *data, size_t data_len)
{
    while (data_len > 0) {
        int taken = eng_tls_connection_write(connection, data, data_len);

        if (taken == ENG_TLS_WANT_READ || taken == ENG_TLS_WANT_WRITE)
            wait_for(descriptor, taken);
        else if (taken <= 0)
            return 0;
        else
            data += taken, data_len -= (size_t)taken;
    }
    return 1;
}

static void echo(struct eng_tls_connection *connection, int descriptor)
{
    uint8_t data[512];

    for (;;) {
        int count = eng_tls_connection_read(connection, data, sizeof data);

        if (count == ENG_TLS_WANT_READ || count == ENG_TLS_WANT_WRITE)
            wait_for(descriptor, count);
        else if (count <= 0 || !write_all(connection, descriptor, data, (size_t)count))
            return;
    }
}

/* The last one outlives the context. */
static void serve(struct eng_tls_context *context, int descriptor, int is_last)
{
    struct eng_tls_connection *connection = eng_tls_connection_open(context, descriptor);
    size_t list_len;
    int answer;

    if (connection == NULL)
        exit(7);
    if (is_last)
        eng_tls_context_close(context);
    while ((answer = eng_tls_connection_handshake(connection, time(NULL))) == ENG_TLS_WANT_READ ||
           answer == ENG_TLS_WANT_WRITE)
        wait_for(descriptor, answer);
    if ((eng_tls_connection_peer(connection, &list_len) != NULL) != (list_len > 0))
        exit(8);
    printf("%d %d %d %zu\n", answer, eng_tls_connection_fault(connection), eng_tls_connection_is_resumed(connection),
           list_len);
    if (answer == 1)
        echo(connection, descriptor);
    if (eng_tls_connection_shutdown(connection) != ENG_TLS_CLOSED)
        exit(9);
    eng_tls_connection_close(connection);
    close(descriptor);
}

int main(int argc, char **argv)
{
    struct eng_chain_limits limits = {16384, 8, 64, 8, 8};
    struct eng_chain *chain = eng_chain_open(&limits);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_len = sizeof address;
    struct eng_tls_context *context;
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 5 || chain == NULL || bind(listening, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listening, 128) != 0 || getsockname(listening, (struct sockaddr *)&address, &address_len) != 0)
        return 2;
    context = open_context(argv, chain);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int left = atoi(argv[4]); left > 0; left--)
        serve(context, accept4(listening, NULL, NULL, SOCK_NONBLOCK), left == 1);
    close(listening);
    eng_chain_close(chain);
    return 0;
}
