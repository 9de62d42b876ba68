#define _GNU_SOURCE /* POLLRDHUP */

#include "front_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define LAST_READS 32
#define LAST_READ_BYTES 4096

static int is_for_later(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

ssize_t eng_stream_read(const struct eng_connection *connection, uint8_t *data, size_t data_len)
{
    ssize_t got;

    if (connection->tls == NULL) {
        got = recv(connection->fd, data, data_len, MSG_DONTWAIT);
        if (got < 0)
            return is_for_later(errno) ? ENG_STREAM_AGAIN : ENG_STREAM_GONE;
        return got;
    }
    got = eng_tls_connection_read(connection->tls, data, data_len);
    if (got == ENG_TLS_WANT_READ)
        return ENG_STREAM_AGAIN;
    if (got == ENG_TLS_WANT_WRITE)
        return ENG_STREAM_AGAIN_TO_WRITE;
    return got > 0 ? got : ENG_STREAM_GONE;
}

ssize_t eng_stream_write(const struct eng_connection *connection, const uint8_t *data, size_t data_len)
{
    ssize_t sent;

    if (connection->tls == NULL) {
        sent = send(connection->fd, data, data_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        return sent < 0 && is_for_later(errno) ? 0 : sent;
    }
    sent = eng_tls_connection_write(connection->tls, data, data_len);
    if (sent == ENG_TLS_WANT_READ || sent == ENG_TLS_WANT_WRITE)
        return 0;
    return sent > 0 ? sent : -1;
}

int eng_stream_has_left(const struct eng_connection *connection)
{
    struct pollfd asked = {.fd = connection->fd, .events = POLLRDHUP};

    return poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void eng_stream_finish(const struct eng_connection *connection)
{
    /* Not the scratch of the front: that may hold the CONNECT which ends this connection. */
    uint8_t unread[LAST_READ_BYTES];

    if (connection->tls != NULL)
        (void)!eng_tls_connection_shutdown(connection->tls);
    (void)shutdown(connection->fd, SHUT_WR);
    /* A socket that is closed with unread bytes sends RST, which can overtake the answer that says why. */
    for (int reads = 0; reads < LAST_READS; reads++)
        if (recv(connection->fd, unread, sizeof unread, MSG_DONTWAIT) <= 0)
            break;
}
