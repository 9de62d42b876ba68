#include "front_internal.h"

#include "front_verdict.h"
#include "mqtt_frame.h"

#define PINGREQ 0xC0
#define PINGRESP 0xD0
#define DISCONNECT 0xE0
#define CONNECT 0x10

/* Bytes being looked at: in the scratch where they were read, or held by their connection. */
struct view {
    const uint8_t *data;
    size_t len;
    size_t at; /* what is before it is done with */
    size_t answers;
    int is_held;
    const struct eng_front_judged *judged; /* the CONNECT that they begin with; NULL: it is not yet */
};

/* Keep what is not done with. 1 when done; the connection is gone where memory is short. */
static int hold(struct eng_front *front, uint32_t slot, struct view *view)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (view->is_held)
        eng_held_drop(&connection->in, view->at);
    if (!view->is_held && !eng_held_append(&connection->in, view->data + view->at, view->len - view->at)) {
        eng_front_forget(front, slot);
        return 0;
    }
    return 1;
}

static int answer(struct eng_front *front, uint32_t slot, struct view *view)
{
    const size_t answers = view->answers;

    view->answers = 0;
    return eng_front_write(front, slot, front->answers, answers);
}

/* The whole packets behind the first `first` bytes, and those; everything, where something is no packet, for Python to
 * say what is wrong. */
static size_t whole_packets(const struct eng_front *front, const struct view *view, size_t first)
{
    size_t at = view->at + first, start, end;
    int found;

    while ((found = eng_mqtt_frame(view->data + at, view->len - at, front->settings.packet_bytes, &start, &end)) == 1)
        at += end;
    return (found == 0 ? at : view->len) - view->at;
}

/* Have Python answer the packets from here on, of which the first ends at `end`, 0: what is no packet. Nothing is read
 * until it has. 1 where it is yet to be told. */
static int await_answer(struct eng_front *front, uint32_t slot, struct view *view, size_t end,
                        enum eng_connection_state state)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const size_t len = end > 0 ? whole_packets(front, view, end) : view->len - view->at;

    if (!hold(front, slot, view) || !eng_front_watch_for(front, slot, 0))
        return 0;
    connection->asked_bytes = (uint32_t)len;
    connection->state = state;
    return 1;
}

/* Enter the session. What it takes over is closed here, or told to Python where it is another front's. */
static int attach(struct eng_front *front, uint32_t slot, const struct eng_known_good *good)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const struct eng_session session = {.connection = eng_connections_name(&front->connections, slot),
                                        .since = (double)front->now,
                                        .front = front->settings.number,
                                        .note = good->proof,
                                        .note_len = good->trust == 0 ? 0 : sizeof good->proof};
    struct eng_session taken_over;
    struct eng_front_event *event;

    connection->session =
        eng_sessions_attach(front->sessions, good->device_id, good->device_id_len, &session, &taken_over);
    if (connection->session == 0)
        return 0;
    if (taken_over.handle == 0)
        return 1;
    if (taken_over.front == front->settings.number) {
        front->counts.taken_over += (uint64_t)eng_front_close_connection(front, taken_over.connection,
                                                                         ENG_FRONT_TAKEN_OVER);
        return 1;
    }
    event = eng_front_tell(front, ENG_FRONT_DISPLACED, slot);
    event->front = taken_over.front;
    event->connection = taken_over.connection;
    return 1;
}

static int may_decide(const struct eng_front *front, const struct eng_connection *connection)
{
    /* Whether this one is among the pending yet or not, it counts. */
    const uint32_t pending = front->pending->count + (connection->pending == 0);

    if (front->known.table == NULL || front->asks_always || front->watches_all)
        return 0;
    /* Who has shaken hands is judged all the same, here and in Python (NativeMqttFront._outcomes). */
    if (pending > front->pending->soft && connection->tls == NULL)
        return 0;
    return connection->is_exempt || !eng_prefixes_has(&front->watched, connection->address);
}

/* 1 where the CONNECT was accepted, 0 where Python must be asked, -1 where the connection is gone. */
static int accept_judged(struct eng_front *front, uint32_t slot, const struct eng_front_judged *judged)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const struct eng_front_verdict *verdict = &judged->verdict;
    const struct eng_known_good *good = &judged->good;

    if (!judged->is_known)
        return 0;
    /* The entry once more, with nothing between this and the answer. */
    if (!attach(front, slot, good) || eng_known_good_still(front->known.table, good) != 1) {
        (void)eng_sessions_detach(front->sessions, connection->session);
        connection->session = 0;
        return 0;
    }
    eng_front_leave_pending(front, slot);
    eng_seen_note(front->known.seen, good, front->now, front->settings.number, connection->address, connection->port);
    connection->state = ENG_CONNECTION_LIVE;
    connection->version = verdict->version;
    connection->keep_alive_s = verdict->keep_alive_s;
    connection->client_maximum = verdict->client_maximum;
    eng_front_handshake_proved(front, slot);
    front->counts.known_good++;
    front->live++;
    eng_front_begin(front, slot);
    return eng_front_write(front, slot, verdict->connack->bytes, verdict->connack->len) ? 1 : -1;
}

void eng_front_decide(struct eng_front *front, const struct eng_connection *connection,
                      const struct eng_front_question *question, struct eng_front_judged *judged)
{
    const uint8_t *list = NULL;
    size_t list_len = 0;

    judged->is_known = 0;
    judged->good.device_id = NULL;
    if (question == NULL || !may_decide(front, connection))
        return;
    if (connection->tls != NULL)
        list = eng_tls_connection_peer(connection->tls, &list_len);
    judged->is_known = eng_front_judge(&front->settings, &front->known, question, list, list_len, front->now,
                                       &front->key, &judged->good, &judged->verdict) == 1;
}

/* The same from the CONNECT's body; NULL: it is no CONNECT. */
static void decide(struct eng_front *front, uint32_t slot, const uint8_t *body, size_t body_len,
                   struct eng_front_judged *judged)
{
    struct eng_front_question question;
    const int is_claim = body != NULL && front->known.table != NULL &&
                         eng_front_question(&front->known, body, body_len, &question) == 1;

    eng_front_decide(front, eng_connections_at(&front->connections, slot), is_claim ? &question : NULL, judged);
}

/* What a live session's next packet asks, of `end` bytes with its header; 0: it is no packet. 1 to go on with the next. */
static int take_packet(struct eng_front *front, uint32_t slot, struct view *view, size_t end)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const uint8_t *packet = view->data + view->at;

    /* A PINGRESP over the client's Maximum Packet Size is not sent [MQTT-3.1.2-24]; Python knows. */
    if (end == 2 && packet[0] == PINGREQ && connection->client_maximum != 1) {
        front->answers[view->answers++] = PINGRESP;
        front->answers[view->answers++] = 0;
        view->at += end;
        return view->answers < sizeof front->answers || answer(front, slot, view);
    }
    if (!answer(front, slot, view))
        return 0;
    if (connection->out.len > 0) {
        (void)hold(front, slot, view);
        return 0;
    }
    if (end == 2 && packet[0] == DISCONNECT) {
        /* The peer expects nothing more: two calls of the system less than a finish. */
        if (connection->tls != NULL)
            (void)!eng_tls_connection_shutdown(connection->tls);
        eng_front_forget(front, slot);
        return 0;
    }
    if (await_answer(front, slot, view, end, ENG_CONNECTION_SESSION_ASKED))
        (void)eng_front_tell(front, ENG_FRONT_SESSION, slot);
    return 0;
}

/* What should be CONNECT, of `end` bytes with its header; 0: it is no packet. 1 to go on with the next. */
static int take_connect(struct eng_front *front, uint32_t slot, struct view *view, size_t start, size_t end)
{
    const uint8_t *packet = view->data + view->at;
    const struct eng_front_judged *judged = view->judged;
    struct eng_front_judged own;
    int accepted, is_noted;

    if (judged == NULL) {
        decide(front, slot, end > 0 && packet[0] == CONNECT ? packet + start : NULL, end - start, &own);
        judged = &own;
    }
    accepted = accept_judged(front, slot, judged);
    if (accepted == 0) {
        is_noted = !judged->is_known && judged->good.device_id != NULL &&
                   eng_front_note_stranger(front, slot, &judged->good);
        if (await_answer(front, slot, view, end, ENG_CONNECTION_VERDICT_ASKED) && !is_noted)
            (void)eng_front_tell(front, ENG_FRONT_CONNECT, slot);
    }
    view->at += end;
    return accepted == 1;
}

/* One step through the bytes: 1 to go on, 0 where all is said, 2 where more bytes are needed. */
static int step(struct eng_front *front, uint32_t slot, struct view *view)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const int is_live = connection->state == ENG_CONNECTION_LIVE;
    const uint32_t maximum = is_live ? front->settings.packet_bytes : front->settings.connect_packet_bytes;
    size_t start = 0, end = 0;

    if (eng_mqtt_frame(view->data + view->at, view->len - view->at, maximum, &start, &end) == 0)
        return 2;
    return is_live ? take_packet(front, slot, view, end) : take_connect(front, slot, view, start, end);
}

/* 1 where the connection is there and may be read from. */
static int take(struct eng_front *front, uint32_t slot, struct view *view)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    int next = view->len > 0 ? 1 : 2; /* where nothing is held, there is no pointer to look behind */

    while (next == 1 && connection->out.len == 0)
        next = step(front, slot, view);
    if (next == 0 || !answer(front, slot, view) || !hold(front, slot, view))
        return 0;
    return connection->out.len == 0 && eng_front_watch_for(front, slot, EPOLLIN);
}

void eng_front_take_opening(struct eng_front *front, uint32_t slot, const struct eng_front_opening *opening)
{
    struct view view = {.data = opening->bytes, .len = opening->len, .judged = &opening->judged};

    (void)take(front, slot, &view);
}

void eng_front_resume(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct view view = {.data = connection->in.bytes, .len = connection->in.len, .is_held = 1};

    if (take(front, slot, &view) && connection->tls != NULL && eng_tls_connection_has_more(connection->tls))
        eng_front_enqueue(front, slot);
}

void eng_front_read_again(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct eng_front_judged judged;
    size_t start = 0, end = 0;
    int accepted;
    const int is_whole = eng_mqtt_frame(connection->in.bytes, connection->asked_bytes,
                                        front->settings.connect_packet_bytes, &start, &end) == 1;

    decide(front, slot, is_whole ? connection->in.bytes + start : NULL, end - start, &judged);
    accepted = accept_judged(front, slot, &judged);
    if (accepted == 0)
        (void)eng_front_tell(front, ENG_FRONT_CONNECT, slot);
    if (accepted != 1)
        return;
    eng_held_drop(&connection->in, end);
    connection->asked_bytes = 0;
    if (connection->out.len == 0)
        eng_front_resume(front, slot);
}

void eng_front_read(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->state == ENG_CONNECTION_CONNECT_AWAITED && eng_front_read_together(front, slot))
        return;
    for (int reads = 0; reads < ENG_FRONT_READS; reads++) {
        struct view view = {.data = front->scratch};
        const ssize_t got = eng_stream_read(connection, front->scratch, sizeof front->scratch);

        if (got == ENG_STREAM_AGAIN || got == ENG_STREAM_AGAIN_TO_WRITE) {
            eng_front_watch_for(front, slot, got == ENG_STREAM_AGAIN ? EPOLLIN : EPOLLOUT);
            return;
        }
        if (got == ENG_STREAM_GONE) {
            eng_front_forget(front, slot);
            return;
        }
        view.len = (size_t)got;
        connection->active_ms = front->now_ms;
        eng_front_progress(front, slot);
        if (connection->in.len > 0) {
            if (!eng_held_append(&connection->in, front->scratch, view.len)) {
                eng_front_forget(front, slot);
                return;
            }
            view = (struct view){.data = connection->in.bytes, .len = connection->in.len, .is_held = 1};
        }
        if (!take(front, slot, &view))
            return;
        /* What is left in the socket epoll will tell; what is read ahead it cannot. */
        if (connection->tls == NULL ? (size_t)got < sizeof front->scratch
                                    : !eng_tls_connection_has_more(connection->tls))
            return;
    }
    if (connection->tls != NULL)
        eng_front_enqueue(front, slot);
}
