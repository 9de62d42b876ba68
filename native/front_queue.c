#include "front_internal.h"

/* One turn in so many is of the row that is worth least, so that nobody waits for ever. */
#define TURNS 8

static enum eng_front_worth worth_of(const struct eng_front *front, const struct eng_connection *connection)
{
    if (connection->state != ENG_CONNECTION_HANDSHAKE || connection->tls != NULL)
        return ENG_WORTH_BEGUN;
    /* Of a watched prefix Python will be asked about CONNECT, for its failed attempts. */
    if (eng_recent_prefixes_has(&front->accepted, connection->address) &&
        !eng_prefixes_has(&front->watched, connection->address))
        return ENG_WORTH_KNOWN_ADDRESS;
    return ENG_WORTH_STRANGE_ADDRESS;
}

void eng_front_enqueue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct eng_front_row *row;

    if (connection->is_queued)
        return;
    connection->is_queued = 1;
    connection->worth = worth_of(front, connection);
    row = &front->rows[connection->worth];
    connection->queue_previous = ENG_CONNECTION_NONE;
    connection->queue_next = row->count == 0 ? ENG_CONNECTION_NONE : row->newest;
    if (row->count == 0)
        row->oldest = slot;
    else
        eng_connections_at(&front->connections, row->newest)->queue_previous = slot;
    row->newest = slot;
    row->count++;
    front->queued++;
}

void eng_front_dequeue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct eng_front_row *row = &front->rows[connection->worth];

    if (!connection->is_queued)
        return;
    connection->is_queued = 0;
    row->count--;
    front->queued--;
    if (connection->queue_previous == ENG_CONNECTION_NONE)
        row->newest = connection->queue_next;
    else
        eng_connections_at(&front->connections, connection->queue_previous)->queue_next = connection->queue_next;
    if (connection->queue_next == ENG_CONNECTION_NONE)
        row->oldest = connection->queue_previous;
    else
        eng_connections_at(&front->connections, connection->queue_next)->queue_previous = connection->queue_previous;
}

/* The time for CONNECT runs from accept. */
static int is_late(const struct eng_front *front, uint32_t slot)
{
    const uint64_t until_ms = eng_connections_at(&front->connections, slot)->deadline_ms;

    return front->now_ms + front->settings.connect_ms >= until_ms + ENG_FRONT_LATE_MS;
}

uint32_t eng_front_take_queued(struct eng_front *front)
{
    const int is_last_first = ++front->turns % TURNS == 0;

    for (int i = 0; i < ENG_WORTHS; i++) {
        const int worth = is_last_first ? ENG_WORTHS - 1 - i : i;
        const struct eng_front_row *row = &front->rows[worth];
        uint32_t slot;

        if (row->count == 0)
            continue;
        slot = worth != ENG_WORTH_BEGUN && is_late(front, row->oldest) ? row->newest : row->oldest;
        eng_front_dequeue(front, slot);
        return slot;
    }
    return ENG_CONNECTION_NONE;
}
