#define _GNU_SOURCE /* accept4 */

#include "front_internal.h"
#include "tls_fault.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_OF_DESCRIPTORS_PAUSE_MS 100

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void eng_front_listen(struct eng_front *front, int on)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = ENG_FRONT_LISTENER};

    if (on == front->is_listener_armed || front->is_stopped)
        return;
    if (epoll_ctl(front->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, front->listening, &wanted) == 0)
        front->is_listener_armed = on;
    /* Where even that failed for want of memory, it is tried again. */
    if (front->is_listener_armed == 0)
        eng_timers_arm(&front->timers, ENG_FRONT_LISTENER, front->now_ms + OUT_OF_DESCRIPTORS_PAUSE_MS);
}

void eng_front_map(uint8_t address[16], const void *ipv4)
{
    memcpy(address, MAPPED, sizeof MAPPED);
    memcpy(address + sizeof MAPPED, ipv4, 4);
}

static void set_address(struct eng_connection *connection, const struct sockaddr_storage *from)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

    if (from->ss_family == AF_INET) {
        eng_front_map(connection->address, &v4->sin_addr);
        connection->port = ntohs(v4->sin_port);
    }
    if (from->ss_family == AF_INET6) {
        memcpy(connection->address, &v6->sin6_addr, 16);
        connection->port = ntohs(v6->sin6_port);
    }
}

static int is_in(const uint8_t address[16], const struct eng_front_network *network)
{
    const uint32_t whole = network->bits / 8, rest = network->bits % 8;
    const uint8_t mask = (uint8_t)(0xff00 >> rest);

    if (memcmp(address, network->address, whole) != 0)
        return 0;
    /* An IPv6 network, of which no IPv4 address is, however large it is. */
    if (network->bits < 8 * sizeof MAPPED && memcmp(address, MAPPED, sizeof MAPPED) == 0)
        return 0;
    return rest == 0 || ((address[whole] ^ network->address[whole]) & mask) == 0;
}

int eng_front_is_within(const uint8_t address[16], const struct eng_front_network *networks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_in(address, &networks[i]))
            return 1;
    return 0;
}

static void set_exempt(const struct eng_front *front, struct eng_connection *connection)
{
    connection->is_exempt = eng_front_is_within(connection->address, front->exempt, front->exempt_count) != 0;
}

/* Whose share of the pending it is: nobody's, as long as a balancer has not said whose. */
static const uint8_t *address_of(const struct eng_connection *connection)
{
    return connection->state == ENG_CONNECTION_HEADER_AWAITED ? NULL : connection->address;
}

void eng_front_enter_pending(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    uint64_t dropped;

    connection->pending =
        eng_pending_add(front->pending, front, slot, address_of(connection), connection->is_exempt, &dropped);
    if (dropped != 0)
        eng_front_tell(front, ENG_FRONT_CROWDED_OUT, slot)->connection = dropped;
    if (connection->pending == 0) {
        front->counts.shed++;
        eng_front_forget(front, slot);
    }
}

void eng_front_leave_pending(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->pending != 0)
        eng_pending_remove(front->pending, connection->pending);
    connection->pending = 0;
}

void eng_front_crowd_out(struct eng_front *front, uint32_t slot)
{
    front->counts.dropped++;
    eng_front_cut(front, slot);
    eng_front_settle(front); /* it may not be the one that is polled */
}

void eng_front_progress(struct eng_front *front, uint32_t slot)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->pending != 0)
        eng_pending_advance(front->pending, connection->pending);
}

int eng_front_introduce(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    set_exempt(front, connection);
    if (!eng_pending_reassign(front->pending, connection->pending, connection->address, connection->is_exempt)) {
        connection->pending = 0;
        front->counts.shed++;
        eng_front_finish(front, slot, NULL, 0);
        return 0;
    }
    connection->state = front->tls == NULL ? ENG_CONNECTION_CONNECT_AWAITED : ENG_CONNECTION_HANDSHAKE;
    eng_front_progress(front, slot);
    return 1;
}

static int is_far_behind(const struct eng_front *front)
{
    return front->behind_ms != 0 && front->now_ms - front->behind_ms >= ENG_FRONT_LATE_MS;
}

int eng_front_await_connect(struct eng_front *front, uint64_t name)
{
    uint32_t slot;
    const struct eng_connection *connection = eng_connections_find(&front->connections, name, &slot);

    if (connection == NULL || connection->pending != 0 || connection->is_read ||
        connection->state == ENG_CONNECTION_LIVE || connection->state == ENG_CONNECTION_SESSION_ASKED)
        return 0;
    eng_timers_arm(&front->timers, slot, connection->deadline_ms);
    eng_front_enter_pending(front, slot);
    return 1;
}

/* A connection starts. is_early: its CONNECT may be here already, so that it is read before anything is set up for it. 0 where
 * it has to be waited for. */
static int start(struct eng_front *front, int fd, const struct sockaddr_storage *from, int is_early)
{
    const uint32_t slot = eng_front_reserve(front) ? eng_connections_take(&front->connections) : ENG_CONNECTION_NONE;
    struct eng_connection *connection;
    uint64_t name;

    if (slot == ENG_CONNECTION_NONE) {
        front->counts.connections++;
        front->counts.shed++;
        close(fd);
        return 1;
    }
    connection = eng_connections_at(&front->connections, slot);
    connection->fd = fd;
    connection->active_ms = front->now_ms;
    connection->deadline_ms = front->now_ms + front->settings.connect_ms;
    set_address(connection, from);
    if (front->settings.proxy.balancers_count > 0) {
        eng_front_await_header(front, slot);
        return 1;
    }
    front->counts.connections++;
    set_exempt(front, connection);
    if (eng_pending_has_share(front->pending, connection->address, connection->is_exempt)) {
        front->counts.shed++;
        eng_front_forget(front, slot);
        return 1;
    }
    if (front->tls != NULL) {
        connection->state = ENG_CONNECTION_HANDSHAKE;
        eng_timers_arm(&front->timers, slot, connection->deadline_ms);
        eng_front_enqueue(front, slot);
        eng_front_enter_pending(front, slot);
        return 1;
    }
    /* Under overload many have given up before their turn, and their CONNECT is there all the same. */
    if (is_far_behind(front) && eng_stream_has_left(connection)) {
        eng_front_forget(front, slot);
        return 1;
    }
    name = eng_connections_name(&front->connections, slot);
    if (is_early)
        eng_front_read(front, slot);
    else if (!eng_front_watch_for(front, slot, EPOLLIN))
        return 1;
    return !eng_front_await_connect(front, name);
}

static int is_out_of(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

void eng_front_accept(struct eng_front *front)
{
    struct sockaddr_storage from;
    socklen_t from_len;
    /* Who came first has had most time to send it: after one that has not, nobody has. */
    int is_early = 1, fd;

    /* Each tells of at most three things: a full turn's events must leave room for the rest. */
    for (uint32_t i = 0; i < front->settings.accept_batch && front->events_count < ENG_FRONT_EVENTS; i++) {
        from_len = sizeof from;
        fd = accept4(front->listening, (struct sockaddr *)&from, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            is_early &= start(front, fd, &from, is_early);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            front->behind_ms = 0;
            return;
        }
        if (errno == EINTR)
            return;
        front->counts.accept_failures++;
        front->counts.accept_errno = errno;
        if (is_out_of(errno)) {
            eng_front_listen(front, 0);
            return;
        }
    }
    if (front->behind_ms == 0)
        front->behind_ms = front->now_ms;
}
