#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "clock.h"
#include "fatal.h"
#include "tls.h"

#define FIRST_SOURCE 0x7f010000U /* 127.1.0.0 */
#define CONNACK 0x20

static int open_socket(const struct options *options, uint64_t number)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};

    source.sin_addr.s_addr = htonl(FIRST_SOURCE + (uint32_t)(number % options->sources));
    /* The port is picked by connect(), when both ends are known: each source has all of them for itself. Finished and
     * CONNECT are two writes: with Nagle's algorithm the second waits 40 ms for the server's delayed ACK. */
    if (descriptor < 0 || setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) != 0 ||
        bind(descriptor, (const struct sockaddr *)&source, sizeof source) != 0)
        fatal("no socket");
    if (connect(descriptor, (const struct sockaddr *)&options->address, sizeof options->address) != 0 &&
        errno != EINPROGRESS)
        fatal("connect");
    return descriptor;
}

static SSL *open_tls(SSL_CTX *context, struct connection *connection)
{
    const struct device *device = connection->device;
    SSL *ssl = SSL_new(context);

    if (ssl == NULL || SSL_set_fd(ssl, connection->descriptor) != 1 ||
        SSL_set_tlsext_host_name(ssl, "localhost") != 1 || SSL_set_app_data(ssl, connection) != 1)
        fatal("no TLS");
    SSL_set_connect_state(ssl);
    if (device->identity != NULL && (SSL_use_certificate(ssl, device->identity->certificate) != 1 ||
                                     SSL_use_PrivateKey(ssl, device->identity->key) != 1 ||
                                     SSL_set1_chain(ssl, device->identity->intermediates) != 1))
        fatal("a device's certificate");
    if (device->session != NULL && SSL_set_session(ssl, device->session) != 1)
        fatal("a device's session");
    return ssl;
}

struct connection *connection_start(const struct options *options, SSL_CTX *context, int poll, struct device *device,
                                    uint64_t number)
{
    struct connection *connection = calloc(1, sizeof *connection);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};

    if (connection == NULL)
        fatal("no memory");
    connection->device = device;
    connection->descriptor = open_socket(options, number);
    connection->ssl = context != NULL ? open_tls(context, connection) : NULL;
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        fatal("epoll_ctl");
    return connection;
}

/* 1 when the TCP connection stands, 0 when not yet, -1 when it will not. */
static int is_connected(int descriptor)
{
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof peer, error_len = sizeof(int);
    int error = 0;

    if (getpeername(descriptor, (struct sockaddr *)&peer, &peer_len) == 0)
        return 1;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0)
        return -1;
    return 0;
}

static enum outcome shake_hands(struct connection *connection)
{
    int returned;

    ERR_clear_error();
    returned = SSL_do_handshake(connection->ssl);
    if (returned != 1)
        return tls_step(connection->ssl, returned) == TLS_WAIT ? PENDING : HANDSHAKE_ENDED;
    connection->was_resumed = SSL_session_reused(connection->ssl) == 1;
    connection->phase = WAITING;
    return ANSWERED;
}

/* A CONNECT fits into an empty send buffer. Where the server has closed meanwhile, what it said first is still to be
 * read: in TLS 1.3 it judges our certificate when our handshake has ended; its alert and RST may be here already. */
static void send_connect(struct connection *connection)
{
    const struct device *device = connection->device;

    ERR_clear_error();
    connection->sent_at = clock_now();
    if (connection->ssl != NULL)
        (void)SSL_write(connection->ssl, device->connect, (int)device->connect_len);
    if (connection->ssl == NULL)
        (void)!send(connection->descriptor, device->connect, device->connect_len, MSG_NOSIGNAL);
}

/* Fixed Header, Connect Acknowledge Flags, code: all of these, or wait for more (MQTT section 3.2). */
static enum outcome read_head(struct connection *connection)
{
    size_t at = 1;

    if (connection->kept == 0)
        return PENDING;
    if (connection->head[0] != CONNACK)
        return MALFORMED;
    while (at < connection->kept && connection->head[at] > 127)
        at++;
    if (at > 4)
        return MALFORMED;
    if (at + 2 >= connection->kept)
        return PENDING;
    connection->code = connection->head[at + 2];
    return ANSWERED;
}

static void keep(struct connection *connection, const uint8_t *data, size_t data_len)
{
    size_t room = sizeof connection->head - connection->kept, kept = data_len < room ? data_len : room;

    memcpy(connection->head + connection->kept, data, kept);
    connection->kept = (uint8_t)(connection->kept + kept);
}

/* What a read that gave nothing came to. */
static enum outcome ended(const struct connection *connection, ssize_t received)
{
    if (connection->ssl != NULL && tls_step(connection->ssl, (int)received) == TLS_WAIT)
        return PENDING;
    if (connection->ssl != NULL && ERR_peek_error() != 0)
        return HANDSHAKE_ENDED;
    if (connection->ssl == NULL && received < 0 && errno == EAGAIN)
        return PENDING;
    return received < 0 ? RESET : CLOSED;
}

static enum outcome receive(struct connection *connection)
{
    uint8_t data[1024];

    for (;;) {
        enum outcome outcome;
        ssize_t received;

        ERR_clear_error();
        received = connection->ssl != NULL ? SSL_read(connection->ssl, data, sizeof data)
                                           : recv(connection->descriptor, data, sizeof data, 0);
        if (received <= 0)
            return ended(connection, received);
        keep(connection, data, (size_t)received);
        outcome = connection->phase == HELD ? PENDING : read_head(connection);
        if (outcome != PENDING)
            return outcome;
    }
}

enum outcome connection_step(struct connection *connection)
{
    if (connection->phase == CONNECTING) {
        int connected = is_connected(connection->descriptor);

        if (connected != 1)
            return connected == 0 ? PENDING : RESET;
        connection->phase = connection->ssl != NULL ? HANDSHAKING : WAITING;
    }
    if (connection->phase == HANDSHAKING) {
        enum outcome outcome = shake_hands(connection);

        if (outcome != ANSWERED)
            return outcome;
    }
    if (connection->sent_at == 0)
        send_connect(connection);
    return receive(connection);
}

void connection_end(struct connection *connection, bool is_orderly, bool is_aborted)
{
    static const uint8_t disconnect[] = {0xe0, 0};
    struct linger linger = {.l_onoff = 1};

    if (connection->ssl != NULL) {
        ERR_clear_error();
        if (is_orderly)
            (void)SSL_write(connection->ssl, disconnect, sizeof disconnect);
        /* Quietly: nothing is sent, but a session that was not shut down at all could not be resumed. */
        SSL_set_quiet_shutdown(connection->ssl, !is_orderly);
        SSL_shutdown(connection->ssl);
    }
    if (connection->ssl == NULL && is_orderly)
        (void)!send(connection->descriptor, disconnect, sizeof disconnect, MSG_NOSIGNAL);
    if (is_aborted && setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) != 0)
        fatal("SO_LINGER");
    SSL_free(connection->ssl);
    close(connection->descriptor);
    free(connection);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *connection = SSL_get_app_data(ssl);

    SSL_SESSION_free(connection->device->session);
    connection->device->session = session;
    return 1; /* it is ours */
}

void connection_keep_sessions(SSL_CTX *context)
{
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
}
