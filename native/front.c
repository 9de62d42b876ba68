#define _GNU_SOURCE /* clock_gettime */

#include "front_internal.h"
#include "tls_fault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t eng_front_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int open_descriptors(struct eng_front *front)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = ENG_FRONT_TIMER};

    front->epoll = epoll_create1(EPOLL_CLOEXEC);
    front->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (front->epoll < 0 || front->timer < 0)
        return 0;
    if (epoll_ctl(front->epoll, EPOLL_CTL_ADD, front->timer, &wanted) != 0)
        return 0;
    eng_front_listen(front, 1);
    return front->is_listener_armed;
}

static int open_tables(struct eng_front *front, const struct eng_front_network *exempt)
{
    const struct eng_front_settings *settings = &front->settings;

    eng_timers_open(&front->timers, eng_front_now_ms());
    if (!eng_connections_open(&front->connections, settings->connections) ||
        !eng_prefixes_open(&front->watched, settings->key, settings->watched_prefixes) ||
        !eng_recent_prefixes_open(&front->accepted, settings->key) ||
        !eng_timers_reserve(&front->timers, ENG_FRONT_LISTENER + 1))
        return 0;
    front->exempt = calloc(front->exempt_count + 1, sizeof *front->exempt);
    if (front->exempt == NULL)
        return 0;
    if (front->exempt_count > 0)
        memcpy(front->exempt, exempt, front->exempt_count * sizeof *exempt);
    return 1;
}

struct eng_front *eng_front_open(int listening, const struct eng_front_settings *settings,
                                 const struct eng_front_network *exempt, uint32_t exempt_count,
                                 const struct eng_front_known *known, struct eng_sessions *sessions,
                                 struct eng_pending *pending)
{
    struct eng_front *front = calloc(1, sizeof *front);

    if (front == NULL)
        return NULL;
    front->settings = *settings;
    front->exempt_count = exempt_count;
    front->known = known == NULL ? (struct eng_front_known){0} : *known;
    front->sessions = sessions;
    front->pending = pending;
    front->listening = listening;
    front->epoll = front->timer = -1;
    front->timer_ms = UINT64_MAX;
    front->now_ms = eng_front_now_ms();
    if (!open_tables(front, exempt) || !open_descriptors(front)) {
        eng_front_close(front);
        return NULL;
    }
    return front;
}

void eng_front_close(struct eng_front *front)
{
    if (front == NULL)
        return;
    for (uint32_t slot = 1; slot < eng_connections_room(&front->connections); slot++)
        if (eng_connections_at(&front->connections, slot)->state != ENG_CONNECTION_FREE)
            eng_front_forget(front, slot);
    if (front->epoll >= 0)
        close(front->epoll);
    if (front->timer >= 0)
        close(front->timer);
    eng_connections_close(&front->connections);
    eng_timers_close(&front->timers);
    eng_prefixes_close(&front->watched);
    eng_recent_prefixes_close(&front->accepted);
    free(front->exempt);
    free(front->events);
    free(front);
}

void eng_front_set_tls(struct eng_front *front, struct eng_tls_context *tls) { front->tls = tls; }

int eng_front_descriptor(const struct eng_front *front) { return front->epoll; }

int eng_front_reserve(struct eng_front *front)
{
    const uint32_t room = eng_connections_room(&front->connections) + 2048;
    struct eng_front_event *grown;

    if (room == front->events_room / 2)
        return eng_timers_reserve(&front->timers, room);
    grown = realloc(front->events, (size_t)room * 2 * sizeof *grown);
    if (grown == NULL)
        return 0;
    front->events = grown;
    front->events_room = room * 2;
    return eng_timers_reserve(&front->timers, room);
}

struct eng_front_event *eng_front_tell(struct eng_front *front, enum eng_front_kind kind, uint32_t slot)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct eng_front_event *event = &front->events[front->events_count++];

    *event = (struct eng_front_event){.connection = eng_connections_name(&front->connections, slot),
                                      .kind = kind,
                                      .version = connection->version,
                                      .client_maximum = connection->client_maximum,
                                      .port = connection->port};
    memcpy(event->address, connection->address, sizeof event->address);
    return event;
}

void eng_front_forget(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    eng_front_leave_pending(front, slot);
    eng_front_dequeue(front, slot);
    if (connection->state == ENG_CONNECTION_LIVE || connection->state == ENG_CONNECTION_SESSION_ASKED)
        front->live--;
    if (connection->session != 0)
        (void)eng_sessions_detach(front->sessions, connection->session);
    if (connection->is_kept)
        (void)eng_front_tell(front, ENG_FRONT_GONE, slot);
    eng_timers_disarm(&front->timers, slot);
    close(connection->fd);
    eng_connections_release(&front->connections, slot);
}

void eng_front_cut(struct eng_front *front, uint32_t slot)
{
    switch (eng_connections_at(&front->connections, slot)->state) {
    case ENG_CONNECTION_HEADER_AWAITED:
        eng_front_header_failed(front, slot, ENG_FAULT_NONE);
        return;
    case ENG_CONNECTION_HANDSHAKE:
        eng_front_handshake_failed(front, slot, ENG_FAULT_NONE);
        return;
    default:
        eng_front_forget(front, slot);
    }
}

/* A deadline came; lazily moved ones are armed anew. */
static void expire(struct eng_front *front, uint32_t slot)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const int is_in_session =
        connection->state == ENG_CONNECTION_LIVE || connection->state == ENG_CONNECTION_SESSION_ASKED;
    uint64_t until;

    if (!is_in_session || connection->out.len > 0) {
        eng_front_cut(front, slot);
        return;
    }
    until = eng_front_silent_until(front, connection);
    if (until <= front->now_ms)
        eng_front_forget(front, slot);
    else
        eng_timers_arm(&front->timers, slot, until);
}

static void run_timers(struct eng_front *front)
{
    uint32_t number;

    while ((number = eng_timers_due(&front->timers, front->now_ms)) != ENG_TIMERS_NONE) {
        if (number == ENG_FRONT_LISTENER)
            eng_front_listen(front, 1);
        else
            expire(front, number);
    }
}

/* Set the timerfd where it would ring too late. Too early costs one look. */
static void set_timer(struct eng_front *front)
{
    const uint64_t next_ms = eng_timers_next_ms(&front->timers);
    struct itimerspec when = {0};

    if (next_ms >= front->timer_ms)
        return;
    when.it_value.tv_sec = (time_t)(next_ms / 1000);
    when.it_value.tv_nsec = (long)(next_ms % 1000 * 1000000) + 1;
    if (timerfd_settime(front->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        front->timer_ms = next_ms;
}

void eng_front_settle(struct eng_front *front)
{
    const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};

    if (front->is_polling)
        return;
    set_timer(front);
    if (front->events_count == 0 && front->queued == 0)
        return;
    if (front->timer_ms != 0 && timerfd_settime(front->timer, 0, &at_once, NULL) == 0)
        front->timer_ms = 0;
}

static void take_event(struct eng_front *front, const struct epoll_event *ready)
{
    struct eng_connection *connection;
    uint32_t slot;

    if (ready->data.u64 == ENG_FRONT_LISTENER) {
        front->is_listener_ready = 1;
        return;
    }
    if (ready->data.u64 == ENG_FRONT_TIMER) {
        uint64_t rings;

        if (read(front->timer, &rings, sizeof rings) == sizeof rings)
            front->timer_ms = UINT64_MAX;
        return;
    }
    connection = eng_connections_find(&front->connections, ready->data.u64, &slot);
    if (connection == NULL)
        return;
    if (connection->state == ENG_CONNECTION_HANDSHAKE || connection->state == ENG_CONNECTION_HEADER_AWAITED) {
        /* Who is told of again has to wait longer than a turn, and is not to be told of in each. */
        if (connection->is_queued) {
            (void)eng_front_watch_for(front, slot, EPOLLONESHOT);
            return;
        }
        connection->active_ms = front->now_ms;
        eng_front_enqueue(front, slot);
        return;
    }
    if (connection->state == ENG_CONNECTION_VERDICT_ASKED || connection->state == ENG_CONNECTION_SESSION_ASKED)
        eng_front_forget(front, slot); /* nothing is watched for but that the peer is gone */
    else if (connection->out.len > 0)
        eng_front_flush(front, slot);
    else
        eng_front_read(front, slot);
}

static int has_something_to_tell(const struct eng_front *front)
{
    return front->events_count > 0 || front->strangers.count > 0;
}

/* Whoever waits for Python waits for the end of the turn; while nobody does, it is Trio's other tasks alone. */
static int is_over(const struct eng_front *front)
{
    const uint64_t turn_ns = has_something_to_tell(front) ? ENG_FRONT_TURN_NS : ENG_FRONT_QUIET_TURN_NS;

    return front->events_count >= ENG_FRONT_EVENTS || now_ns() - front->polled_ns >= turn_ns;
}

static void work_queue(struct eng_front *front)
{
    while (front->queued > 0 && !is_over(front)) {
        const uint32_t slot = eng_front_take_queued(front);
        const struct eng_connection *connection = eng_connections_at(&front->connections, slot);

        if (connection->state == ENG_CONNECTION_HANDSHAKE)
            eng_front_handshake(front, slot);
        else if (connection->state == ENG_CONNECTION_HEADER_AWAITED)
            eng_front_read_header(front, slot);
        else if (connection->state == ENG_CONNECTION_LIVE || connection->state == ENG_CONNECTION_CONNECT_AWAITED)
            eng_front_read(front, slot);
    }
}

/* In a storm the next bytes are there within a few milliseconds, and to go to Python and back for them costs as much as a
 * few connections; and where the last look brought few, a short pause brings more at once, and their CONNECTs with them.
 * Nobody is kept waiting for it whom this poll has told of. */
static int is_lingering(struct eng_front *front, int taken)
{
    if (taken >= ENG_FRONT_STORM || now_ns() - front->polled_ns > ENG_FRONT_STORM_NS)
        front->is_storm = 1;
    return front->is_storm && !has_something_to_tell(front) && front->queued == 0;
}

/* Events lend only now what is their connection's: it may have come to an end since, by its peer or a newer session, and
 * then Python is not asked any more. */
static void lend(struct eng_front *front)
{
    uint32_t lent = 0, slot;

    for (uint32_t i = 0; i < front->events_count; i++) {
        struct eng_front_event *event = &front->events[lent];
        const struct eng_connection *connection;

        *event = front->events[i];
        lent++;
        if (event->kind != ENG_FRONT_CONNECT && event->kind != ENG_FRONT_SESSION)
            continue;
        connection = eng_connections_find(&front->connections, event->connection, &slot);
        if (connection == NULL) {
            lent--;
            continue;
        }
        event->data = connection->in.bytes;
        event->data_len = connection->asked_bytes;
        event->device_id_len = eng_sessions_device_id(front->sessions, connection->session, &event->device_id);
        if (connection->tls != NULL)
            event->peer = eng_tls_connection_peer(connection->tls, &event->peer_len);
    }
    front->events_count = lent;
}

uint32_t eng_front_poll(struct eng_front *front, int64_t now, const struct eng_front_event **events, int *more)
{
    const struct timespec pause = {.tv_nsec = ENG_FRONT_PAUSE_NS};
    int count = ENG_FRONT_BATCH, taken = 0;

    front->now = now;
    front->polled_ns = now_ns();
    front->now_ms = eng_front_now_ms();
    front->is_polling = 1;
    eng_front_forget_strangers(front);
    while (!is_over(front)) {
        const int lingers = is_lingering(front, taken);

        if (lingers && front->tls == NULL && front->behind_ms == 0 && count < ENG_FRONT_STORM)
            (void)nanosleep(&pause, NULL);
        count = epoll_wait(front->epoll, front->ready, ENG_FRONT_BATCH, lingers ? ENG_FRONT_LINGER_MS : 0);
        front->is_listener_ready = 0;
        for (int i = 0; i < count; i++) {
            eng_front_fetch_ahead(front, i, count);
            take_event(front, &front->ready[i]);
        }
        /* Last: so who has just connected has had time to send its CONNECT. */
        if (front->is_listener_ready)
            eng_front_accept(front);
        else if (count < ENG_FRONT_BATCH)
            front->behind_ms = 0; /* it is empty */
        if (count <= 0)
            break;
        taken += count;
        work_queue(front);
        eng_front_answer_together(front);
    }
    /* The next poll need not find out again. */
    front->is_storm = front->is_storm && taken >= ENG_FRONT_STORM;
    work_queue(front);
    eng_front_answer_together(front);
    front->now_ms = eng_front_now_ms();
    run_timers(front);
    set_timer(front);
    lend(front);
    *more = front->strangers.count > 0 ? 2 : count > 0 || front->queued > 0;
    *events = front->events;
    count = (int)front->events_count;
    front->events_count = 0;
    memset(front->failures, 0, sizeof front->failures);
    front->is_polling = 0;
    return (uint32_t)count;
}

void eng_front_ask_always(struct eng_front *front, int always) { front->asks_always = always; }

void eng_front_watch(struct eng_front *front, const uint8_t *address, int watched)
{
    struct eng_prefix prefix;

    eng_prefixes_name(&front->watched, address, &prefix);
    /* Where there is no place left, everybody is asked about: nobody escapes the counting of failed attempts. */
    if (watched && !eng_prefixes_has(&front->watched, address) && !eng_prefixes_add(&front->watched, &prefix))
        front->watches_all = 1;
    if (!watched)
        eng_prefixes_remove(&front->watched, &prefix);
}

void eng_front_count(const struct eng_front *front, struct eng_front_counts *counts)
{
    *counts = front->counts;
    counts->live = front->live;
    counts->open = front->connections.open;
}
