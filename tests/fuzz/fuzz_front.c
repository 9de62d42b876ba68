/* libFuzzer target of the native front itself (make fuzz-native). The input is a life of two fronts which share sessions and
 * pending, plain, behind a balancer or with TLS: peers that come, send whole packets or pieces or anything, read or do not,
 * and leave; Python's answers to what it is asked, early, late and to names that are long gone; and time, which passes only where
 * the input says so. What an event lends must be readable; when all peers have left nothing of them may remain. */
#include "front_peers.h"

#include <signal.h>

#include "front.h"

#define FRONTS 2
#define PEERS 10
#define NAMES 64         /* that Python keeps something of */
#define ASKED 4096       /* more than an input can lead to */
#define OF_PYTHON FRONTS /* the number of Python's own front, in the sessions */
#define NOW 1744592400   /* 2025-04-14T01:00:00Z, of the peers' stamp */

struct asked {
    uint64_t connection;
    uint32_t front;
    uint32_t kind;
};

/* What outlives an input. */
static struct eng_credential_table *table;

/* What does not. */
static struct eng_front *fronts[FRONTS];
static int listening[FRONTS], has_tls[FRONTS];
static struct eng_sessions *sessions;
static struct eng_pending *pending;
static struct peer peers[PEERS];
static struct asked asked[ASKED];
static uint32_t asked_count;
static uint64_t kept[FRONTS][NAMES], places[4];
static uint64_t met[FRONTS][PEERS]; /* strangers that were not handed back yet */
static uint32_t met_count[FRONTS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    table = eng_credential_table_open(4);
    MUST(table != NULL);
    write_packets();
    open_tls();
    return 0;
}

static void know_pump(void)
{
    static const uint8_t record[12];

    MUST(eng_credential_table_put(table, (const uint8_t *)"pump", 4, record, 1, 0, (const uint8_t *)"12345678", 8, NULL, 0));
}

/* A Unix socket, so that no port is used up; its peers have the address ::, in no IPv4 network. */
static int listen_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0 && listen(fd, PEERS) == 0);
    return fd;
}

static void open_front(uint32_t number, uint8_t kind, struct eng_seen *seen)
{
    static const struct eng_front_network anybody = {.bits = 0};
    static const struct eng_known_good_policy policy = {256, 256, 256, 30, 1200, 1, ENG_SIGN_TYPES_BOTH};
    const struct eng_front_known known = {table, &policy, seen};
    struct eng_front_settings settings = {
        .number = number, .connections = 16, .accept_batch = 4, .watched_prefixes = 2, .connect_packet_bytes = 4096,
        .packet_bytes = 16384, .connect_ms = 5000, .send_ms = 1000, .keep_alive_minimum_s = 30,
        .keep_alive_maximum_s = 1200, .keep_alive_factor = 1.5, .connack = {4, "\x20\2\0\0"},
        .connack5 = {{{5, "\x20\3\0\0"}, {5, "\x20\3\0\0"}, {5, "\x20\3\0\0"}},
                     {{5, "\x20\3\0\0"}, {5, "\x20\3\0\0"}, {5, "\x20\3\0\0"}}},
        .disconnect5 = {{4, "\xE0\2\x8E"}, {4, "\xE0\2\x98"}, {4, "\xE0\2\x8B"}}};

    if (kind & 1)
        settings.proxy = (struct eng_front_proxy){.balancers = &anybody, .balancers_count = 1, .header_ms = 1000,
                                                  .header_bytes = 512, .protocols = (const uint8_t *)"\4mqtt",
                                                  .protocols_len = 5};
    listening[number] = listen_unix();
    fronts[number] = eng_front_open(listening[number], &settings, &anybody, (kind >> 1) & 1,
                                    kind & 4 ? NULL : &known, sessions, pending);
    MUST(fronts[number] != NULL);
    has_tls[number] = (kind & 24) == 24;
    if (has_tls[number])
        eng_front_set_tls(fronts[number], tls);
}

/* Python's list of whom it keeps something of. */
static void keep(uint32_t front, uint64_t connection, int keeps)
{
    uint64_t *free_one = NULL;

    for (int i = 0; i < NAMES; i++) {
        if (kept[front][i] == connection && connection != 0)
            kept[front][i] = 0;
        if (kept[front][i] == 0)
            free_one = &kept[front][i];
    }
    MUST(free_one != NULL);
    if (keeps)
        *free_one = connection;
}

/* A session as admission enters it; what it takes over is closed first. */
static uint64_t attach(uint32_t front, uint64_t connection, const char *device)
{
    const struct eng_session session = {.connection = connection, .since = NOW, .front = front};
    struct eng_session before;
    const uint64_t handle =
        eng_sessions_attach(sessions, (const uint8_t *)device, strlen(device), &session, &before);

    MUST(handle != 0);
    if (before.handle != 0 && before.front < FRONTS)
        (void)eng_front_close_connection(fronts[before.front], before.connection, ENG_FRONT_TAKEN_OVER);
    return handle;
}

static void answer(const struct asked *one)
{
    static const char *devices[] = {"pump", "valve"};
    const uint8_t how = next();
    const size_t length = how & 64 ? sizeof large : how & 32 ? 4 : 0;
    struct eng_front *front = fronts[one->front];
    const int keeps = how & 1;
    uint64_t session;

    if ((how & 6) == 6) {
        if (eng_front_end(front, one->connection, large, length))
            keep(one->front, one->connection, 0);
        return;
    }
    if (one->kind == ENG_FRONT_SESSION) {
        if (eng_front_go_on(front, one->connection, large, length, keeps))
            keep(one->front, one->connection, keeps);
        return;
    }
    session = attach(one->front, one->connection, devices[how >> 7]);
    if (eng_front_admit(front, one->connection, large, length, session, how & 8 ? 5 : 4, how & 16 ? 60 : 0, how >> 6, keeps))
        keep(one->front, one->connection, keeps);
    else
        (void)eng_sessions_detach(sessions, session);
}

static void touch(const uint8_t *data, size_t data_len)
{
    static volatile uint8_t last;

    for (size_t i = 0; i < data_len; i++)
        last = data[i];
    (void)last;
}

/* The answer now, or when the input comes to it. */
static void take(uint32_t front, const struct eng_front_event *event)
{
    struct asked one = {event->connection, front, event->kind};
    int is_kept = 0;

    switch (event->kind) {
    case ENG_FRONT_CONNECT:
    case ENG_FRONT_SESSION:
        MUST(event->data_len > 0 && (event->device_id_len > 0) == (event->kind == ENG_FRONT_SESSION));
        if ((next() & 3) != 0)
            answer(&one);
        else if (asked_count < ASKED)
            asked[asked_count++] = one;
        return;
    case ENG_FRONT_GONE:
        for (int i = 0; i < NAMES; i++)
            is_kept |= kept[front][i] == event->connection;
        MUST(is_kept);
        keep(front, event->connection, 0);
        return;
    case ENG_FRONT_DISPLACED:
        MUST(event->front != front && event->front <= OF_PYTHON);
        if (event->front < FRONTS)
            (void)eng_front_close_connection(fronts[event->front], event->connection, ENG_FRONT_TAKEN_OVER);
        return;
    case ENG_FRONT_CROWDED_OUT:
        for (int i = 0; i < 4; i++)
            if (places[i] == event->connection)
                places[i] = 0, is_kept = 1;
        MUST(is_kept);
        return;
    default:
        MUST(event->kind == ENG_FRONT_HANDSHAKE_FAILED);
    }
}

/* Devices that the front asks for may be known by then; it is told in this turn or the next one. */
static void meet(uint32_t number)
{
    const uint64_t *connections;
    const uint8_t *device_ids;
    size_t len;
    const uint32_t count = eng_front_tell_strangers(fronts[number], &connections, &device_ids, &len);
    const uint8_t how = count + met_count[number] > 0 ? next() : 0;

    MUST(count <= PEERS && (count > 0) == (len > 0) && (len == 0 || device_ids[len - 1] == '\n'));
    touch(device_ids, len);
    if (how & 1)
        know_pump();
    /* Those of the turn before may be gone by now, never somebody else. */
    eng_front_judge_again(fronts[number], met[number], met_count[number]);
    memcpy(met[number], connections, count * sizeof *connections);
    met_count[number] = count;
    if ((how & 6) == 0)
        return;
    eng_front_judge_again(fronts[number], met[number], count);
    met_count[number] = 0;
}

/* Everything that is lent is looked at before anything is answered. */
static void turn(uint32_t number)
{
    static struct eng_front_event taken[4096];
    const struct eng_front_event *events;
    int more;
    const uint32_t count = eng_front_poll(fronts[number], NOW, &events, &more);

    MUST(count <= 4096);
    for (uint32_t i = 0; i < count; i++) {
        taken[i] = events[i];
        touch(events[i].data, events[i].data_len);
        touch(events[i].device_id, events[i].device_id_len);
        touch(events[i].peer, events[i].peer_len);
    }
    meet(number);
    for (uint32_t i = 0; i < count; i++)
        take(number, &taken[i]);
}

/* A connection of Python's among the pending, or what becomes of it. */
static void be_python(void)
{
    const uint8_t how = next();
    const uint8_t address[16] = {[10] = 0xff, [11] = 0xff, [15] = how & 1};
    uint64_t *place = &places[(how >> 1) & 3], dropped = 0;

    if (*place == 0)
        *place = eng_pending_enter(pending, how & 8 ? NULL : address, how & 16, &dropped);
    else if (how & 32)
        eng_pending_progress(pending, *place);
    else if ((how & 64) == 0 || !eng_pending_rename(pending, *place, address, how & 16))
        eng_pending_leave(pending, *place), *place = 0;
    for (int i = 0; dropped != 0 && i < 4; i++)
        if (places[i] == dropped)
            places[i] = 0;
}

static void be_told(uint32_t number)
{
    static const uint8_t somebody[16];
    struct eng_front *front = fronts[number];
    const uint8_t how = next();

    switch (how % 8) {
    case 0:
        eng_front_ask_always(front, how >> 7);
        return;
    case 1:
        eng_front_watch(front, somebody, how >> 7);
        return;
    case 2:
        MUST(eng_front_drain(front, how >> 5) <= PEERS);
        return;
    case 3:
        if (how > 200)
            eng_front_stop(front);
        return;
    case 4:
        (void)eng_credential_table_remove(table, (const uint8_t *)"pump", 4);
        return;
    case 5:
        know_pump();
        return;
    case 6:
        (void)attach(OF_PYTHON, 1, "pump");
        return;
    default:
        (void)eng_front_close_connection(front, asked[(how >> 3) % (asked_count + 1)].connection, (how >> 3) % 3);
    }
}

static void step(void)
{
    static const uint16_t later_ms[] = {1, 17, 100, 1000, 5000, 10000, 45000, 65000};
    const uint8_t what = next();
    struct peer *peer = &peers[(what >> 4) % PEERS];
    const uint32_t number = (what >> 3) % FRONTS;

    switch (what % 8) {
    case 0:
        come(peer, listening[number], has_tls[number]);
        return;
    case 1:
    case 2:
        say_some(peer);
        return;
    case 3:
        hear(peer);
        return;
    case 4:
        next() & 1 ? leave(peer) : be_python();
        return;
    case 5:
        turn(number);
        return;
    case 6:
        if (what >> 4 < 8)
            clock_ns += (uint64_t)later_ms[what >> 4] * 1000000;
        else if (asked_count > 0)
            answer(&asked[next() % asked_count]);
        return;
    default:
        be_told(number);
    }
}

/* All peers leave, Python has answered everything, and nothing of them may remain. */
static void finish(void)
{
    struct eng_front_counts counts;

    for (int i = 0; i < PEERS; i++)
        leave(&peers[i]);
    for (int i = 0; i < 4; i++)
        eng_pending_leave(pending, places[i]);
    for (uint32_t turns = 0; turns < 64; turns++) {
        turn(turns % FRONTS);
        while (asked_count > 0) {
            asked_count--;
            if (eng_front_end(fronts[asked[asked_count].front], asked[asked_count].connection, NULL, 0))
                keep(asked[asked_count].front, asked[asked_count].connection, 0);
        }
    }
    for (uint32_t i = 0; i < FRONTS; i++) {
        eng_front_count(fronts[i], &counts);
        MUST(counts.open == 0 && counts.live == 0);
        for (int name = 0; name < NAMES; name++)
            MUST(kept[i][name] == 0);
    }
    MUST(eng_pending_count(pending) == 0);
    MUST(eng_sessions_count(sessions) <= 1); /* one of Python's own */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[16] = "0123456789abcdef";
    struct eng_seen *seen = eng_seen_open(4);

    input = data;
    input_len = size;
    asked_count = 0;
    memset(asked, 0, sizeof asked);
    memset(kept, 0, sizeof kept);
    memset(places, 0, sizeof places);
    memset(met_count, 0, sizeof met_count);
    know_pump();
    sessions = eng_sessions_open(key);
    pending = eng_pending_open(key, 4, 6, 3);
    MUST(seen != NULL && sessions != NULL && pending != NULL);
    for (uint32_t i = 0; i < FRONTS; i++)
        open_front(i, next(), seen);
    for (int i = 0; i < PEERS; i++)
        peers[i] = (struct peer){.fd = -1};
    while (input_len > 0) {
        step();
        MUST(eng_pending_count(pending) <= 6);
    }
    if (size == 0 || (data[0] & 128) == 0) /* else the fronts are closed in the middle of it */
        finish();
    for (uint32_t i = 0; i < FRONTS; i++) {
        eng_front_close(fronts[i]);
        close(listening[i]);
    }
    for (int i = 0; i < PEERS; i++)
        leave(&peers[i]);
    MUST(eng_sessions_count(sessions) <= 1);
    eng_pending_close(pending);
    eng_sessions_close(sessions);
    eng_seen_close(seen);
    return 0;
}
