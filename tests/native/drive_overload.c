/* A front that much comes to: far behind, its plain listener closes unread who has left, and nobody else; of strangers it
 * tells as many as there is room for. Exits 0, else says what is wrong. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "front_internal.h"

enum { PEERS = 6 };

static void check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static int listen_unix(struct sockaddr_un *address)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof *address;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    check(fd >= 0 && bind(fd, (struct sockaddr *)address, sizeof(sa_family_t)) == 0 && listen(fd, PEERS) == 0, "listen");
    check(getsockname(fd, (struct sockaddr *)address, &len) == 0, "name");
    return fd;
}

/* A peer that has sent half a CONNECT, or a whole one that is wrong, and has left; of that one Python would be told. */
static int come(const struct sockaddr_un *address, int leaves)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    check(fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(sa_family_t) + 6) == 0, "connect");
    check(leaves ? write(fd, "\x10\2MQ", 4) == 4 : write(fd, "\x10\x20\0\4MQ", 6) == 6, "write");
    if (!leaves)
        return fd;
    close(fd);
    return -1;
}

/* As many as there is room for in a turn; the next one is told as any other CONNECT. */
static uint32_t strangers_of(struct eng_front *front, size_t device_id_len)
{
    static const uint8_t device_id[ENG_DEVICE_ID_BYTES] = {'d'};
    const struct eng_known_good good = {.device_id = device_id, .device_id_len = device_id_len};
    const uint64_t *connections;
    const uint8_t *device_ids;
    uint32_t noted = 0, told;
    size_t len;

    while (eng_front_note_stranger(front, 0, &good))
        noted++;
    told = eng_front_tell_strangers(front, &connections, &device_ids, &len);
    check(told == noted && len == noted * (device_id_len + 1), "others are told than were noted");
    eng_front_forget_strangers(front);
    check(eng_front_tell_strangers(front, &connections, &device_ids, &len) == 0 && len == 0, "they are told again");
    return noted;
}

static uint32_t open_after_a_poll(struct eng_front *front)
{
    const struct eng_front_event *events;
    struct eng_front_counts counts;
    int more;

    check(eng_front_poll(front, 1744592400, &events, &more) == 0, "something is told");
    eng_front_count(front, &counts);
    return counts.open;
}

int main(void)
{
    static const uint8_t key[16] = "0123456789abcdef";
    const struct eng_front_settings settings = {.connections = 64, .accept_batch = 4, .watched_prefixes = 2,
                                                .connect_packet_bytes = 4096, .packet_bytes = 4096,
                                                .connect_ms = 60000, .send_ms = 60000};
    struct eng_sessions *sessions = eng_sessions_open(key);
    struct eng_pending *pending = eng_pending_open(key, 64, 64, 64);
    struct sockaddr_un address;
    const int listening = listen_unix(&address);
    struct eng_front *front;
    int peers[PEERS];

    check(sessions != NULL && pending != NULL, "memory");
    front = eng_front_open(listening, &settings, NULL, 0, NULL, sessions, pending);
    check(front != NULL, "memory");

    front->behind_ms = front->now_ms - ENG_FRONT_LATE_MS;
    peers[0] = come(&address, 0);
    peers[1] = come(&address, 1);
    peers[2] = come(&address, 0);
    check(open_after_a_poll(front) == 2, "far behind, not just who has left is closed");
    check(front->counts.connections == 3, "who was closed unread is not counted");
    check(front->behind_ms == 0, "whose listener is empty is still behind");

    front->behind_ms = front->now_ms - ENG_FRONT_LATE_MS + 500;
    peers[1] = come(&address, 0);
    check(open_after_a_poll(front) == 3 && front->behind_ms == 0, "behind for a moment, somebody is closed");

    for (int i = 3; i < PEERS; i++)
        peers[i] = come(&address, 0);
    peers[0] = come(&address, 0); /* exactly a batch: nothing says that there are no more but the next look */
    check(open_after_a_poll(front) == 7 && front->behind_ms == 0, "an empty listener is behind");

    check(strangers_of(front, 4) == ENG_FRONT_STRANGERS, "short names do not fill a turn");
    check(strangers_of(front, ENG_DEVICE_ID_BYTES) == sizeof front->strangers.device_ids / (ENG_DEVICE_ID_BYTES + 1),
          "long names fill more or less than their room");

    eng_front_close(front);
    eng_pending_close(pending);
    eng_sessions_close(sessions);
    for (int i = 0; i < PEERS; i++)
        close(peers[i]);
    close(listening);
    return 0;
}
