#include "front_internal.h"

/* What Python tells the front of its connections. */

/* The packets that Python was told of are done with; the rest is looked at, and the socket again. */
static void go_on(struct eng_front *front, uint32_t slot, const uint8_t *data, size_t data_len)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    eng_held_drop(&connection->in, connection->asked_bytes);
    connection->asked_bytes = 0;
    connection->state = ENG_CONNECTION_LIVE;
    if (!eng_front_write(front, slot, data, data_len) || connection->out.len > 0)
        return;
    eng_front_resume(front, slot);
}

int eng_front_admit(struct eng_front *front, uint64_t name, const uint8_t *data, size_t data_len, uint64_t session,
                    uint8_t version, uint16_t keep_alive_s, uint32_t client_maximum, int keeps)
{
    uint32_t slot;
    struct eng_connection *connection = eng_connections_find(&front->connections, name, &slot);

    if (connection == NULL || connection->state != ENG_CONNECTION_VERDICT_ASKED)
        return 0;
    front->now_ms = eng_front_now_ms();
    eng_front_leave_pending(front, slot);
    connection->session = session;
    connection->version = version;
    connection->keep_alive_s = keep_alive_s;
    connection->client_maximum = client_maximum;
    connection->is_kept = keeps != 0;
    front->live++;
    eng_front_handshake_proved(front, slot);
    eng_front_begin(front, slot);
    go_on(front, slot, data, data_len);
    eng_front_settle(front);
    return 1;
}

int eng_front_go_on(struct eng_front *front, uint64_t name, const uint8_t *data, size_t data_len, int keeps)
{
    uint32_t slot;
    struct eng_connection *connection = eng_connections_find(&front->connections, name, &slot);

    if (connection == NULL || connection->state != ENG_CONNECTION_SESSION_ASKED)
        return 0;
    front->now_ms = eng_front_now_ms();
    connection->is_kept = keeps != 0;
    go_on(front, slot, data, data_len);
    eng_front_settle(front);
    return 1;
}

int eng_front_end(struct eng_front *front, uint64_t name, const uint8_t *data, size_t data_len)
{
    uint32_t slot;
    struct eng_connection *connection = eng_connections_find(&front->connections, name, &slot);

    if (connection == NULL)
        return 0;
    connection->is_kept = 0;
    eng_front_finish(front, slot, data, data_len);
    return 1;
}

static void close_as(struct eng_front *front, uint32_t slot, enum eng_front_reason reason)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const struct eng_front_words *words = &front->settings.disconnect5[reason];
    const int is_live = connection->state == ENG_CONNECTION_LIVE || connection->state == ENG_CONNECTION_SESSION_ASKED;
    const int is_told = is_live && connection->version == 5 &&
                        (connection->client_maximum == 0 || connection->client_maximum >= words->len);

    eng_front_finish(front, slot, words->bytes, is_told ? words->len : 0);
}

int eng_front_close_connection(struct eng_front *front, uint64_t name, enum eng_front_reason reason)
{
    uint32_t slot;

    if (eng_connections_find(&front->connections, name, &slot) == NULL)
        return 0;
    close_as(front, slot, reason);
    eng_front_settle(front);
    return 1;
}

void eng_front_stop(struct eng_front *front)
{
    eng_front_listen(front, 0);
    eng_timers_disarm(&front->timers, ENG_FRONT_LISTENER);
    front->is_stopped = 1;
}

uint32_t eng_front_drain(struct eng_front *front, uint32_t most)
{
    const uint32_t room = eng_connections_room(&front->connections);
    uint32_t left = 0;

    for (uint32_t slot = 1; slot < room; slot++) {
        const uint8_t state = eng_connections_at(&front->connections, slot)->state;
        const int is_session = state == ENG_CONNECTION_LIVE || state == ENG_CONNECTION_SESSION_ASKED;

        if (state == ENG_CONNECTION_FREE || state == ENG_CONNECTION_VERDICT_ASKED)
            continue;
        if (is_session && most == 0) {
            left++;
            continue;
        }
        most -= is_session;
        close_as(front, slot, ENG_FRONT_SHUTTING_DOWN);
    }
    eng_front_settle(front);
    return left;
}
