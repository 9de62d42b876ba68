/* Compares native/timers.c, prefixes.c, pending.c, connection.c and sessions.c with the plainest thing that does the same, over
 * random steps; argv[1] seeds them. Exits 0 where they agree, else says where. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front_internal.h"
#include "pending.h"
#include "prefixes.h"
#include "sessions.h"
#include "timers.h"

/* The tables are driven without TLS. */
void eng_tls_connection_close(struct eng_tls_connection *connection) { (void)connection; }
void eng_front_map(uint8_t address[16], const void *ipv4)
{
    memset(address, 0xff, 12);
    memset(address, 0, 10);
    memcpy(address + 12, ipv4, 4);
}

#define STEPS 200000
#define NUMBERS 64

static uint64_t state;

static uint64_t dice(uint64_t sides)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % sides;
}

static void check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void take_due(struct eng_timers *timers, uint64_t deadlines[NUMBERS], uint64_t now)
{
    uint32_t number;

    while ((number = eng_timers_due(timers, now)) != ENG_TIMERS_NONE) {
        check(number < NUMBERS && deadlines[number] != 0, "a timer rang that was not armed");
        check(deadlines[number] <= now, "a timer rang early");
        deadlines[number] = 0;
        /* What rings may arm itself and others anew. */
        if (dice(4) == 0) {
            const uint32_t other = (uint32_t)dice(NUMBERS);

            deadlines[other] = now + dice(3) * dice(100);
            eng_timers_arm(timers, other, deadlines[other]);
        }
    }
}

static void drive_timers(void)
{
    struct eng_timers timers;
    uint64_t deadlines[NUMBERS] = {0}, now = 1000000;

    eng_timers_open(&timers, now);
    check(eng_timers_reserve(&timers, NUMBERS), "memory");
    check(eng_timers_next_ms(&timers) == UINT64_MAX, "an empty wheel has a deadline");
    for (int step = 0; step < STEPS; step++) {
        const uint32_t number = (uint32_t)dice(NUMBERS);
        uint64_t earliest = UINT64_MAX;

        switch (dice(5)) {
        case 2:
            /* Not later than it rings already. */
            earliest = now + dice(3000);
            eng_timers_arm_by(&timers, number, earliest);
            if (deadlines[number] == 0 || earliest / ENG_TIMERS_TICK_MS < deadlines[number] / ENG_TIMERS_TICK_MS)
                deadlines[number] = earliest;
            break;
        case 0:
            deadlines[number] = now + (dice(8) == 0 ? dice(2000000) : dice(3000));
            eng_timers_arm(&timers, number, deadlines[number]);
            break;
        case 1:
            deadlines[number] = 0;
            eng_timers_disarm(&timers, number);
            break;
        default:
            now += dice(100) == 0 ? dice(300000) : dice(40);
            take_due(&timers, deadlines, now);
            for (int i = 0; i < NUMBERS; i++) {
                check(deadlines[i] == 0 || deadlines[i] + 2 * ENG_TIMERS_TICK_MS > now, "a timer did not ring");
                if (deadlines[i] != 0 && deadlines[i] < earliest)
                    earliest = deadlines[i];
            }
            check(eng_timers_next_ms(&timers) == UINT64_MAX
                      ? earliest == UINT64_MAX
                      : eng_timers_next_ms(&timers) <= earliest + 2 * ENG_TIMERS_TICK_MS,
                  "the next deadline is told too late");
        }
    }
    eng_timers_close(&timers);
}

static void drive_prefixes(void)
{
    enum { MOST = 90, ADDRESSES = 200 }; /* more than there are places for at first */
    const uint8_t key[16] = "0123456789abcdef";
    uint32_t counts[ADDRESSES] = {0}, used = 0;
    struct eng_prefixes prefixes;

    check(eng_prefixes_open(&prefixes, key, MOST), "memory");
    for (int step = 0; step < STEPS; step++) {
        const uint8_t which = (uint8_t)dice(ADDRESSES);
        /* Of an IPv6 address the last half does not count, of a mapped IPv4 one all does. */
        uint8_t address[16] = {[7] = which, [15] = (uint8_t)dice(256)};
        struct eng_prefix prefix;

        if (which >= ADDRESSES / 2)
            memcpy(address, (uint8_t[16]){[10] = 0xff, [11] = 0xff, [15] = which}, 16);
        eng_prefixes_name(&prefixes, address, &prefix);
        check(eng_prefixes_count(&prefixes, &prefix) == counts[which], "a prefix is counted wrongly");
        if (dice(2) == 0) {
            const int fits = counts[which] > 0 || used < MOST;

            check(eng_prefixes_add(&prefixes, &prefix) == fits, "a prefix fits or does not, wrongly");
            used += fits && counts[which] == 0;
            counts[which] += (uint32_t)fits;
        } else {
            eng_prefixes_remove(&prefixes, &prefix);
            used -= counts[which] == 1;
            counts[which] -= counts[which] > 0;
        }
    }
    eng_prefixes_close(&prefixes);
}

enum { PENDING_HARD = 12, PENDING_SHARE = 4, PENDING_PREFIXES = 4 };

/* A connection of the plain row: of Python's, or of a native front, whose slot is its number. */
struct plain_pending {
    uint64_t name, since;
    uint32_t prefix; /* PENDING_PREFIXES: nobody's */
    int is_python;
};

static struct plain_pending plain[64];
static struct eng_pending *row;

static uint32_t plain_count(uint32_t prefix)
{
    uint32_t count = 0;

    for (int i = 0; i < 64; i++)
        count += plain[i].name != 0 && (prefix == UINT32_MAX || plain[i].prefix == prefix);
    return count;
}

static struct plain_pending *plain_oldest(void)
{
    struct plain_pending *oldest = NULL;

    for (int i = 0; i < 64; i++)
        if (plain[i].name != 0 && (oldest == NULL || plain[i].since < oldest->since))
            oldest = &plain[i];
    return oldest;
}

void eng_front_crowd_out(struct eng_front *front, uint32_t slot)
{
    check(&plain[slot] == plain_oldest() && !plain[slot].is_python && front != NULL, "not the oldest is crowded out");
    eng_pending_remove(row, (uint32_t)plain[slot].name);
    plain[slot].name = 0;
}

static void enter_plain(uint32_t slot, uint64_t now, struct eng_front *front)
{
    const uint32_t prefix = (uint32_t)dice(PENDING_PREFIXES + 1);
    const uint8_t address[16] = {[7] = (uint8_t)prefix, [15] = (uint8_t)dice(256)};
    const uint8_t *whose = prefix == PENDING_PREFIXES ? NULL : address;
    const int is_exempt = dice(8) == 0, is_python = dice(2) == 0;
    const int has_share = whose != NULL && !is_exempt && plain_count(prefix) >= PENDING_SHARE;
    const struct plain_pending *oldest = plain_count(UINT32_MAX) == PENDING_HARD ? plain_oldest() : NULL;
    const uint64_t expected = !has_share && oldest != NULL && oldest->is_python ? oldest->name : 0;
    uint64_t dropped;
    const uint64_t name = is_python ? eng_pending_enter(row, whose, is_exempt, &dropped)
                                    : eng_pending_add(row, front, slot, whose, is_exempt, &dropped);

    check((name == 0) == has_share, "a share is kept wrongly");
    check(dropped == expected, "the wrong one is dropped");
    for (int i = 0; dropped != 0 && i < 64; i++)
        if (plain[i].is_python && plain[i].name == dropped)
            plain[i].name = 0;
    plain[slot] = (struct plain_pending){.name = name, .since = now, .prefix = prefix, .is_python = is_python};
}

static void drive_pending(void)
{
    const uint8_t key[16] = "0123456789abcdef";
    static struct eng_front front;

    row = eng_pending_open(key, PENDING_HARD, PENDING_HARD, PENDING_SHARE);
    check(row != NULL, "memory");
    for (uint64_t now = 1; now <= STEPS; now++) {
        const uint32_t slot = (uint32_t)dice(64), prefix = (uint32_t)dice(PENDING_PREFIXES);
        const uint8_t address[16] = {[7] = (uint8_t)prefix};
        struct plain_pending *one = &plain[slot];
        const uint64_t name = one->name;

        if (name == 0) {
            enter_plain(slot, now, &front);
        } else if (dice(3) == 0) {
            one->is_python ? eng_pending_progress(row, name) : eng_pending_advance(row, (uint32_t)name);
            one->since = now;
        } else if (dice(2) == 0) {
            const int fits = plain_count(prefix) < PENDING_SHARE;

            check((one->is_python ? eng_pending_rename(row, name, address, 0)
                                  : eng_pending_reassign(row, (uint32_t)name, address, 0)) == fits, "whose share?");
            one->prefix = prefix;
            one->name = fits ? name : 0;
        } else {
            one->is_python ? eng_pending_leave(row, name) : eng_pending_remove(row, (uint32_t)name);
            one->name = 0;
        }
        if (one->name == 0 && one->is_python)
            eng_pending_leave(row, name); /* a second time changes nothing */
        check(eng_pending_count(row) == plain_count(UINT32_MAX), "the pending are counted wrongly");
    }
    eng_pending_close(row);
}

static void drive_connections(void)
{
    enum { MOST = 3000 };
    static uint64_t names[MOST];
    struct eng_connections connections;
    uint32_t open = 0, slot;

    check(eng_connections_open(&connections, MOST), "memory");
    for (int step = 0; step < STEPS; step++) {
        const uint64_t place = dice(MOST);

        if (names[place] != 0) {
            check(eng_connections_find(&connections, names[place], &slot) != NULL, "a connection is not found");
            check(eng_held_append(&eng_connections_at(&connections, slot)->in, (uint8_t *)&place, sizeof place), "memory");
            eng_connections_release(&connections, slot);
            check(eng_connections_find(&connections, names[place], &slot) == NULL, "a stale name finds something");
            names[place] = 0;
            open--;
            continue;
        }
        slot = eng_connections_take(&connections);
        check(slot != 0 && slot != ENG_CONNECTION_NONE, "no slot is free");
        names[place] = eng_connections_name(&connections, slot);
        open++;
        check(connections.open == open, "the open ones are counted wrongly");
    }
    while (eng_connections_take(&connections) != ENG_CONNECTION_NONE)
        open++;
    check(open >= MOST - 1 && open < MOST + 2048, "there are as many slots as were asked for, in whole chunks");
    eng_connections_close(&connections);
}

static void drive_held(void)
{
    static uint8_t expected[200000], data[5000];
    struct eng_held held = {0};
    size_t len = 0;

    for (int step = 0; step < STEPS / 20; step++) {
        const size_t count = dice(sizeof data);

        if (dice(2) == 0 && len + count <= sizeof expected) {
            for (size_t i = 0; i < count; i++)
                data[i] = expected[len + i] = (uint8_t)dice(256);
            check(eng_held_append(&held, data, count), "memory");
            len += count;
        } else {
            const size_t dropped = count < len ? count : len;

            eng_held_drop(&held, count);
            len -= dropped;
            memmove(expected, expected + dropped, len);
        }
        check(held.len == len && (len == 0 || memcmp(held.bytes, expected, len) == 0), "held bytes differ");
        check(held.room <= 2 * len + 2 * sizeof data + 256 || held.room <= 2 * sizeof expected, "too much is held");
    }
    check(eng_held_append(&held, data, 1) && !eng_held_append(&held, data, ENG_HELD_BYTES - held.len + 1),
          "more is held than there may be");
    eng_held_drop(&held, held.len);
    check(held.bytes == NULL, "memory is kept for nothing");
}

static int is_same(const struct eng_session *one, const struct eng_session *other)
{
    return one->handle == other->handle && one->connection == other->connection && one->since == other->since &&
           one->front == other->front && one->note_len == other->note_len &&
           (one->note_len == 0 || memcmp(one->note, other->note, one->note_len) == 0);
}

static void drive_sessions(void)
{
    enum { DEVICES = 1500 };
    static struct eng_session entered[DEVICES];
    static uint8_t notes[DEVICES][255];
    const uint8_t key[16] = "fedcba9876543210", *told;
    struct eng_sessions *sessions = eng_sessions_open(key);
    struct eng_session found;
    size_t count = 0;

    check(sessions != NULL, "memory");
    for (int step = 0; step < STEPS; step++) {
        const uint64_t device = dice(DEVICES);
        char id[256];
        /* Some are longer than a record has room for, some with their note. */
        const int width = device % 3 == 0 ? 3 : device % 3 == 1 ? 40 : 240;
        const size_t id_len = (size_t)snprintf(id, sizeof id, "device-%0*lu", width, (unsigned long)device);

        eng_sessions_find(sessions, (uint8_t *)id, id_len, &found);
        check(is_same(&found, &entered[device]), "a session is not as it was entered");
        if (dice(2) == 0) {
            const size_t note_len = dice(2) == 0 ? 0 : dice(256);
            uint8_t note[255];
            struct eng_session session = {.connection = dice(1000),
                                          .since = (double)step,
                                          .front = 1,
                                          .note = note_len > 0 ? note : NULL,
                                          .note_len = note_len};
            struct eng_session before;
            uint64_t handle;

            memset(note, step & 0xff, sizeof note);
            handle = eng_sessions_attach(sessions, (uint8_t *)id, id_len, &session, &before);

            check(is_same(&before, &entered[device]), "what is taken over is told wrongly");
            check(handle != 0 && handle != before.handle, "a handle is used twice");
            check(before.handle == 0 || !eng_sessions_detach(sessions, before.handle), "a stale handle detaches");
            count += entered[device].handle == 0;
            memcpy(notes[device], note, sizeof note);
            session.note = notes[device];
            entered[device] = session;
            entered[device].handle = handle;
            check(eng_sessions_device_id(sessions, handle, &told) == id_len && memcmp(told, id, id_len) == 0, "whose?");
        } else {
            check(eng_sessions_detach(sessions, entered[device].handle) == (entered[device].handle != 0), "detached?");
            count -= entered[device].handle != 0;
            entered[device] = (struct eng_session){0};
        }
        check(eng_sessions_count(sessions) == count, "the sessions are counted wrongly");
    }
    eng_sessions_close(sessions);
}

static uint32_t waiting_from(struct eng_front *front, uint8_t last, struct eng_tls_connection *tls)
{
    const uint32_t slot = eng_connections_take(&front->connections);
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    eng_front_map(connection->address, (uint8_t[4]){192, 0, 2, last});
    connection->state = ENG_CONNECTION_HANDSHAKE;
    connection->tls = tls;
    eng_front_enqueue(front, slot);
    eng_front_enqueue(front, slot);
    return slot;
}

static uint32_t take_but_for_the_last_first(struct eng_front *front)
{
    front->turns = 0;
    return eng_front_take_queued(front);
}

/* Of handshakes to begin the oldest first, the newest while the oldest has waited for ENG_FRONT_LATE_MS. */
static void drive_row(struct eng_front *front)
{
    enum { WAITING = 200 };
    uint32_t slots[WAITING];

    for (int i = 0; i < WAITING; i++)
        slots[i] = waiting_from(front, 1, NULL);
    check(front->queued == WAITING, "who waits already waits twice");
    front->now_ms = ENG_FRONT_LATE_MS;
    check(eng_front_take_queued(front) == slots[WAITING - 1], "under overload the newest is not first");
    check(eng_front_take_queued(front) == slots[WAITING - 2], "under overload the newest is not first");
    front->now_ms = ENG_FRONT_LATE_MS - 1;
    check(eng_front_take_queued(front) == slots[0], "without it the oldest is not first");
    eng_front_dequeue(front, slots[1]);
    eng_front_dequeue(front, slots[WAITING - 3]);
    for (int i = 2; i < WAITING - 3; i++)
        check(eng_front_take_queued(front) == slots[i], "the order is lost");
    check(front->queued == 0 && eng_front_take_queued(front) == ENG_CONNECTION_NONE, "an empty queue has somebody");
}

/* What was begun, known addresses, strange ones; and one turn in eight the other way round. */
static void drive_rows(struct eng_front *front)
{
    struct eng_tls_connection *begun = (struct eng_tls_connection *)front;
    uint8_t known[16], watched[16];
    uint32_t strange, distrusted, familiar, first, second;
    struct eng_prefix prefix;

    eng_front_map(known, (uint8_t[4]){192, 0, 2, 2});
    eng_front_map(watched, (uint8_t[4]){192, 0, 2, 3});
    check(eng_prefixes_open(&front->watched, known, 4), "memory");
    eng_prefixes_name(&front->watched, watched, &prefix);
    check(eng_prefixes_add(&front->watched, &prefix), "memory");
    eng_recent_prefixes_note(&front->accepted, known);
    eng_recent_prefixes_note(&front->accepted, watched);
    strange = waiting_from(front, 1, NULL);
    distrusted = waiting_from(front, 3, NULL);
    familiar = waiting_from(front, 2, NULL);
    first = waiting_from(front, 1, begun);
    second = waiting_from(front, 1, begun);
    check(take_but_for_the_last_first(front) == first, "a handshake that was begun does not go first");
    front->turns = 7;
    check(eng_front_take_queued(front) == strange, "strangers starve");
    check(take_but_for_the_last_first(front) == second, "what was begun does not go on");
    check(take_but_for_the_last_first(front) == familiar, "a known address does not go before a strange one");
    check(take_but_for_the_last_first(front) == distrusted && front->queued == 0, "somebody was lost");
    eng_prefixes_close(&front->watched);
}

/* A front whose queue alone is used. */
static void drive_queue(void)
{
    static struct eng_front front;
    const uint8_t key[16] = "0123456789abcdef";

    check(eng_connections_open(&front.connections, 1024), "memory");
    check(eng_recent_prefixes_open(&front.accepted, key), "memory");
    drive_row(&front);
    drive_rows(&front);
    eng_recent_prefixes_close(&front.accepted);
    eng_connections_close(&front.connections);
}

int main(int argc, char **argv)
{
    state = 0x9e3779b97f4a7c15 ^ (argc > 1 ? strtoull(argv[1], NULL, 10) : 0);
    drive_timers();
    drive_prefixes();
    drive_pending();
    drive_connections();
    drive_held();
    drive_sessions();
    drive_queue();
    return 0;
}
