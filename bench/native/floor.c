/* The floor: what a server costs that accepts every connection and checks nothing, in plain TCP or TLS. Whatever comes
 * first is answered with CONNACK, the rest is read and dropped, and the connection is closed when the peer closes it.
 * It prints its port. One thread, one epoll set; a descriptor is the index of its connection. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "fatal.h"
#include "tls.h"

#define EVENTS 512
#define ACCEPTS 256 /* in one go */
#define READ_BYTES 4096

struct peer {
    SSL *ssl;
    bool is_secured; /* the handshake has ended */
    bool is_answered;
};

struct floor {
    int poll, listener;
    SSL_CTX *context; /* NULL: plain */
    const uint8_t *connack;
    size_t connack_len;
    struct peer *peers;
    int room;
};

static const uint8_t connack_4[] = {0x20, 2, 0, 0};
static const uint8_t connack_5[] = {0x20, 3, 0, 0, 0};

static void end(struct peer *peer, int descriptor)
{
    SSL_free(peer->ssl);
    *peer = (struct peer){0};
    close(descriptor);
}

/* Above 0: so many bytes; 0: none yet; below 0: the end. */
static int read_some(struct peer *peer, int descriptor, uint8_t *data, int room)
{
    int returned;

    if (peer->ssl == NULL) {
        returned = (int)read(descriptor, data, (size_t)room);
        if (returned < 0 && errno == EAGAIN)
            return 0;
        return returned > 0 ? returned : -1;
    }
    ERR_clear_error();
    if (!peer->is_secured) {
        returned = SSL_accept(peer->ssl);
        if (returned != 1)
            return tls_step(peer->ssl, returned) == TLS_WAIT ? 0 : -1;
        peer->is_secured = true;
    }
    returned = SSL_read(peer->ssl, data, room);
    if (returned > 0)
        return returned;
    return tls_step(peer->ssl, returned) == TLS_WAIT ? 0 : -1;
}

/* False when it could not be sent whole. */
static bool answer(const struct floor *floor, struct peer *peer, int descriptor)
{
    int length = (int)floor->connack_len;

    peer->is_answered = true;
    if (peer->ssl != NULL)
        return SSL_write(peer->ssl, floor->connack, length) == length;
    return write(descriptor, floor->connack, floor->connack_len) == length;
}

/* is_closing: the peer has sent its last. False when the connection has ended. */
static bool serve(struct floor *floor, int descriptor, bool is_closing)
{
    struct peer *peer = &floor->peers[descriptor];
    uint8_t data[READ_BYTES];
    int received = read_some(peer, descriptor, data, sizeof data);
    /* In plain TCP one read takes DISCONNECT, which came with the end. */
    bool is_over = is_closing && peer->is_answered && peer->ssl == NULL;

    if (is_over || received < 0 || (received > 0 && !peer->is_answered && !answer(floor, peer, descriptor))) {
        end(peer, descriptor);
        return false;
    }
    return true;
}

static void accept_some(struct floor *floor)
{
    for (int accepted = 0; accepted < ACCEPTS; accepted++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
        int descriptor = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (descriptor < 0)
            return;
        if (descriptor >= floor->room) {
            close(descriptor);
            continue;
        }
        if (floor->context != NULL) {
            floor->peers[descriptor].ssl = SSL_new(floor->context);
            if (floor->peers[descriptor].ssl == NULL || SSL_set_fd(floor->peers[descriptor].ssl, descriptor) != 1)
                fatal("no TLS");
        }
        /* What it sends first is often there already. */
        if (!serve(floor, descriptor, false))
            continue;
        event.data.fd = descriptor;
        if (epoll_ctl(floor->poll, EPOLL_CTL_ADD, descriptor, &event) != 0)
            fatal("epoll_ctl");
    }
}

static void open_listener(struct floor *floor)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    socklen_t address_len = sizeof address;
    int one = 1;

    floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Accepted sockets inherit it. */
    if (floor->listener < 0 || setsockopt(floor->listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        bind(floor->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(floor->listener, 4096) != 0 ||
        getsockname(floor->listener, (struct sockaddr *)&address, &address_len) != 0)
        fatal("no listener");
    event.data.fd = floor->listener;
    floor->poll = epoll_create1(EPOLL_CLOEXEC);
    if (floor->poll < 0 || epoll_ctl(floor->poll, EPOLL_CTL_ADD, floor->listener, &event) != 0)
        fatal("epoll");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void open_table(struct floor *floor)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        fatal("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fatal("setrlimit");
    floor->room = limit.rlim_max < (1 << 20) ? (int)limit.rlim_max : 1 << 20;
    floor->peers = calloc((size_t)floor->room, sizeof *floor->peers);
    if (floor->peers == NULL || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        fatal("no table");
}

static struct floor read_flags(int count, char **arguments)
{
    static const struct option flags[] = {
        {"mqtt", required_argument, NULL, 'm'},      {"certificate", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},       {"client-ca", required_argument, NULL, 'a'},
        {"tickets", no_argument, NULL, 't'},         {NULL, 0, NULL, 0},
    };
    const char *certificate = NULL, *key = NULL, *client_ca = NULL;
    struct floor floor = {.connack = connack_4, .connack_len = sizeof connack_4};
    bool tickets = false;
    int flag;

    while ((flag = getopt_long(count, arguments, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'm':
            if (strcmp(optarg, "5") == 0) {
                floor.connack = connack_5;
                floor.connack_len = sizeof connack_5;
            }
            break;
        case 'c': certificate = optarg; break;
        case 'k': key = optarg; break;
        case 'a': client_ca = optarg; break;
        case 't': tickets = true; break;
        default: fatal("floor [--mqtt 4|5] [--certificate FILE --key FILE [--client-ca FILE] [--tickets]]");
        }
    }
    if (certificate != NULL && key != NULL)
        floor.context = tls_server(certificate, key, client_ca, tickets);
    return floor;
}

int main(int count, char **arguments)
{
    struct floor floor = read_flags(count, arguments);
    struct epoll_event events[EVENTS];

    open_table(&floor);
    open_listener(&floor);
    for (;;) {
        int ready = epoll_wait(floor.poll, events, EVENTS, -1);

        if (ready < 0 && errno != EINTR)
            fatal("epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == floor.listener)
                accept_some(&floor);
            else
                serve(&floor, events[i].data.fd, (events[i].events & EPOLLRDHUP) != 0);
        }
    }
}
