#include "tls_socket.h"

#include <errno.h>
#include <sys/socket.h>

#define HANDSHAKE_RECORD 22

static int must_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static int receive(BIO *bio, char *data, int data_len)
{
    struct eng_tls_socket *socket = BIO_get_data(bio);
    size_t wanted = data_len < 0 ? 0 : (size_t)data_len;
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (socket->budget == 0) {
        socket->is_over_budget = 1;
        return -1;
    }
    got = recv(socket->descriptor, data, wanted < socket->budget ? wanted : socket->budget, 0);
    if (got < 0 && must_wait()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (got <= 0) {
        socket->is_gone = 1;
        return got < 0 ? -1 : 0;
    }
    if (socket->budget != SIZE_MAX)
        socket->budget -= (size_t)got;
    return (int)got;
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
    /* Not by an alert, which refuses the ClientHello. */
    socket->has_answered |= sent > 0 && data[0] == HANDSHAKE_RECORD;
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
