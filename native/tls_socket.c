#include "tls_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

/* A record is read by its header and then by its body, so that each read in advance saves calls of the system. It is done
 * here and not by libssl, which would take memory for the longest record there can be, each time: what devices send fits
 * in this, and a longer body goes where libssl wants it. */
#define AHEAD_BYTES 1024

static int must_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static size_t least(size_t one, size_t other) { return one < other ? one : other; }

/* As recv, within the budget. */
static ssize_t draw(BIO *bio, struct eng_tls_socket *socket, void *data, size_t data_len)
{
    ssize_t got;

    if (socket->budget == 0) {
        socket->is_over_budget = 1;
        return -1;
    }
    got = recv(socket->descriptor, data, least(data_len, socket->budget), 0);
    if (got < 0 && must_wait())
        BIO_set_retry_read(bio);
    else if (got <= 0)
        socket->is_gone = 1;
    else if (socket->budget != SIZE_MAX)
        socket->budget -= (size_t)got;
    return got;
}

void eng_tls_socket_close(struct eng_tls_socket *socket)
{
    free(socket->ahead);
    socket->ahead = NULL;
    socket->ahead_len = 0;
}

/* Of what was read ahead, which is something. */
static int give(struct eng_tls_socket *socket, char *data, size_t wanted)
{
    const size_t given = least(wanted, socket->ahead_len);

    memcpy(data, socket->ahead + socket->ahead_at, given);
    socket->ahead_at += (uint16_t)given;
    socket->ahead_len -= (uint16_t)given;
    if (socket->ahead_len == 0)
        eng_tls_socket_close(socket);
    return (int)given;
}

static int receive(BIO *bio, char *data, int data_len)
{
    struct eng_tls_socket *socket = BIO_get_data(bio);
    const size_t wanted = data_len < 0 ? 0 : (size_t)data_len;
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (socket->ahead_len > 0)
        return give(socket, data, wanted);
    if (wanted < AHEAD_BYTES)
        socket->ahead = malloc(AHEAD_BYTES);
    if (socket->ahead == NULL)
        return (int)draw(bio, socket, data, wanted);
    got = draw(bio, socket, socket->ahead, AHEAD_BYTES);
    if (got <= 0) {
        eng_tls_socket_close(socket);
        return (int)got;
    }
    socket->ahead_at = 0;
    socket->ahead_len = (uint16_t)got;
    return give(socket, data, wanted);
}

static int transmit(BIO *bio, const char *data, int data_len)
{
    struct eng_tls_socket *socket = BIO_get_data(bio);
    ssize_t sent = send(socket->descriptor, data, data_len < 0 ? 0 : (size_t)data_len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && must_wait())
        BIO_set_retry_write(bio);
    else if (sent < 0)
        socket->is_gone = 1;
    /* A write begins with a record, but for what is left of one that came before: then this is known already. */
    socket->has_answered |= sent > 0 && data[0] == SSL3_RT_HANDSHAKE;
    return (int)sent;
}

/* Nothing is buffered here: flush is done at once, and nothing else is known. */
static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *eng_tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "eng_tls_socket");

    if (method != NULL && BIO_meth_set_read(method, receive) && BIO_meth_set_write(method, transmit) &&
        BIO_meth_set_ctrl(method, control))
        return method;
    BIO_meth_free(method);
    return NULL;
}
