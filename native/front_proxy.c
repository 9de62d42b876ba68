#include "front_internal.h"
#include "proxy_header.h"
#include "tls_fault.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Behind balancers: the PROXY header in front of everything else, which says whose the connection is. Exactly its bytes
 * are taken, so that TLS or MQTT finds what stands behind it in the socket. The definition is engine/listeners/proxy.py. */

enum { MORE, WHOLE, MALFORMED }; /* eng_proxy_header_read */

/* The client has shown a certificate: to this connection of the balancer's, or in its session (PP2_CLIENT_CERT_*). */
#define HAS_CERTIFICATE 0x06

void eng_front_await_header(struct eng_front *front, uint32_t slot)
{
    const struct eng_front_settings *settings = &front->settings;
    const uint32_t wait_ms =
        settings->proxy.header_ms < settings->connect_ms ? settings->proxy.header_ms : settings->connect_ms;
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (!eng_front_is_within(connection->address, settings->proxy.balancers, settings->proxy.balancers_count)) {
        front->counts.connections++;
        eng_front_handshake_failed(front, slot, ENG_FAULT_UNTRUSTED_BALANCER);
        return;
    }
    connection->state = ENG_CONNECTION_HEADER_AWAITED;
    eng_timers_arm(&front->timers, slot, front->now_ms + wait_ms);
    eng_front_enqueue(front, slot);
    eng_front_enter_pending(front, slot);
}

/* Tell why, and close so that no RST overtakes anything. */
static void fail(struct eng_front *front, uint32_t slot, uint8_t fault)
{
    eng_stream_finish(eng_connections_at(&front->connections, slot));
    eng_front_handshake_failed(front, slot, fault);
}

void eng_front_header_failed(struct eng_front *front, uint32_t slot, uint8_t fault)
{
    front->counts.connections++;
    fail(front, slot, fault);
}

/* What restricts, as check_restrictions (proxy.py) has it; a header can allow nothing. */
static int is_forbidden(const struct eng_front_proxy *proxy, const struct eng_proxy_header *header)
{
    if (header->has_ssl && (header->ssl_client & HAS_CERTIFICATE) != 0 && header->ssl_verify != 0)
        return 1;
    if (header->alpn == NULL)
        return 0;
    for (size_t at = 0; at < proxy->protocols_len; at += 1 + (size_t)proxy->protocols[at])
        if (proxy->protocols[at] == header->alpn_len &&
            memcmp(proxy->protocols + at + 1, header->alpn, header->alpn_len) == 0)
            return 0;
    return 1;
}

/* Without IP addresses in the header the connection's own is meant. */
static void set_source(struct eng_connection *connection, const struct eng_proxy_header *header)
{
    if (header->family == 0)
        return;
    if (header->family == 4)
        eng_front_map(connection->address, header->source);
    if (header->family == 6)
        memcpy(connection->address, header->source, sizeof connection->address);
    connection->port = header->source_port;
}

static void take(struct eng_front *front, uint32_t slot, const struct eng_proxy_header *header)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (header->is_local) {
        eng_front_finish(front, slot, NULL, 0); /* a health check, which is no connection of anybody's */
        return;
    }
    front->counts.connections++;
    set_source(connection, header);
    if (!eng_front_introduce(front, slot))
        return;
    if (is_forbidden(&front->settings.proxy, header)) {
        fail(front, slot, ENG_FAULT_FORBIDDEN_BY_BALANCER);
        return;
    }
    eng_timers_arm(&front->timers, slot, connection->deadline_ms);
    if (connection->state == ENG_CONNECTION_HANDSHAKE)
        eng_front_enqueue(front, slot);
    else
        eng_front_read(front, slot);
}

/* Nothing, or nothing more, comes. Who says nothing at all checks the node's health. */
static void end(struct eng_front *front, uint32_t slot, int is_silent)
{
    if (is_silent)
        eng_front_finish(front, slot, NULL, 0);
    else
        eng_front_header_failed(front, slot, ENG_FAULT_PEER_GONE);
}

/* The scratch holds all of a header, and a byte that came for one that is not whole yet always fits. */
static size_t maximum_of(const struct eng_front *front)
{
    const size_t maximum = front->settings.proxy.header_bytes;

    return maximum < sizeof front->scratch ? maximum : sizeof front->scratch;
}

void eng_front_read_header(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const size_t held = connection->in.len;
    struct eng_proxy_header header = {0};
    size_t taken;
    ssize_t came;
    int answer;

    if (held > 0)
        memcpy(front->scratch, connection->in.bytes, held);
    came = recv(connection->fd, front->scratch + held, sizeof front->scratch - held, MSG_PEEK | MSG_DONTWAIT);
    if (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        (void)eng_front_watch_for(front, slot, EPOLLIN);
        return;
    }
    if (came <= 0) {
        end(front, slot, came == 0 && held == 0);
        return;
    }
    answer = eng_proxy_header_read(front->scratch, held + (size_t)came, maximum_of(front), &header);
    if (answer == MALFORMED) {
        eng_front_header_failed(front, slot, ENG_FAULT_NOT_PROXIED);
        return;
    }
    /* Of a header that is not whole every byte is the header's: it is taken, so that epoll tells of the next ones only. */
    taken = answer == WHOLE ? header.length - held : (size_t)came;
    if (recv(connection->fd, front->scratch + held, taken, MSG_DONTWAIT) != (ssize_t)taken) {
        eng_front_header_failed(front, slot, ENG_FAULT_PEER_GONE);
        return;
    }
    if (answer == WHOLE) {
        eng_held_drop(&connection->in, held);
        take(front, slot, &header);
        return;
    }
    if (!eng_held_append(&connection->in, front->scratch + held, taken)) {
        eng_front_header_failed(front, slot, ENG_FAULT_OTHER);
        return;
    }
    (void)eng_front_watch_for(front, slot, EPOLLIN);
}
