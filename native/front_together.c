#include "front_internal.h"

#include "mqtt_frame.h"

#define CONNECT 0x10
#define AHEAD 4 /* events; half as many for what their connections lead to */

/* What comes together in a storm goes through each step together: all is read, then every claim taken apart, then judged,
 * then answered. The second one finds the code of a step in the cache, and what the tables have of a device is fetched while
 * others are worked on; one by one, the system calls in between push out both. */

int eng_front_read_together(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct eng_front_opening *opening = &front->openings[front->openings_count];
    ssize_t got;

    if (front->known.table == NULL || connection->tls != NULL || connection->in.len > 0)
        return 0;
    got = eng_stream_read(connection, opening->bytes, sizeof opening->bytes);
    if (got == ENG_STREAM_AGAIN) {
        (void)eng_front_watch_for(front, slot, EPOLLIN);
        return 1;
    }
    if (got == ENG_STREAM_GONE) {
        eng_front_forget(front, slot);
        return 1;
    }
    connection->active_ms = front->now_ms;
    eng_front_progress(front, slot);
    if ((size_t)got == sizeof opening->bytes) {
        /* There may be more, of which epoll will tell. */
        if (eng_held_append(&connection->in, opening->bytes, sizeof opening->bytes))
            eng_front_resume(front, slot);
        else
            eng_front_forget(front, slot);
        return 1;
    }
    connection->is_read = 1;
    opening->connection = eng_connections_name(&front->connections, slot);
    opening->len = (size_t)got;
    if (++front->openings_count == ENG_FRONT_TOGETHER)
        eng_front_answer_together(front);
    return 1;
}

/* Whether it is a CONNECT with a claim, and which; the cache begins to fetch where its device is looked for. */
static int is_claim(const struct eng_front *front, struct eng_front_opening *opening)
{
    size_t start, end;

    return eng_mqtt_frame(opening->bytes, opening->len, front->settings.connect_packet_bytes, &start, &end) == 1 &&
           opening->bytes[0] == CONNECT &&
           eng_front_question(&front->known, opening->bytes + start, end - start, &opening->question) == 1;
}

static void fetch(const struct eng_front *front, const struct eng_front_opening *opening)
{
    eng_seen_fetch_place(front->known.seen,
                         eng_credential_table_fetch(front->known.table, opening->question.claim.hash));
}

static void judge(struct eng_front *front, struct eng_front_opening *opening)
{
    uint32_t slot;
    const struct eng_connection *connection = eng_connections_find(&front->connections, opening->connection, &slot);

    if (connection == NULL)
        return;
    eng_front_decide(front, connection, opening->is_claim ? &opening->question : NULL, &opening->judged);
    if (opening->judged.is_known)
        eng_seen_fetch(front->known.seen, opening->judged.good.index);
}

/* Where it is still there: the answer to one may have ended another, whose session it took over, or which was crowded out. */
static void answer(struct eng_front *front, const struct eng_front_opening *opening)
{
    uint32_t slot;
    struct eng_connection *connection = eng_connections_find(&front->connections, opening->connection, &slot);

    if (connection == NULL)
        return;
    connection->is_read = 0;
    eng_front_take_opening(front, slot, opening);
    (void)eng_front_await_connect(front, opening->connection);
}

void eng_front_answer_together(struct eng_front *front)
{
    struct eng_front_opening *const first = front->openings, *const end = first + front->openings_count;

    front->openings_count = 0;
    for (struct eng_front_opening *opening = first; opening < end; opening++)
        opening->is_claim = is_claim(front, opening);
    for (struct eng_front_opening *opening = first; opening < end; opening++)
        if (opening->is_claim)
            fetch(front, opening);
    for (struct eng_front_opening *opening = first; opening < end; opening++)
        judge(front, opening);
    for (struct eng_front_opening *opening = first; opening < end; opening++)
        answer(front, opening);
}

void eng_front_fetch_ahead(const struct eng_front *front, int at, int count)
{
    const struct eng_connection *connection;
    uint32_t slot;

    if (at + AHEAD < count)
        eng_connections_fetch(&front->connections, front->ready[at + AHEAD].data.u64);
    if (at + AHEAD / 2 >= count)
        return;
    connection = eng_connections_find(&front->connections, front->ready[at + AHEAD / 2].data.u64, &slot);
    if (connection != NULL && connection->session != 0)
        eng_sessions_fetch(front->sessions, connection->session);
}
