#include "front_internal.h"

void eng_front_enqueue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->is_queued)
        return;
    connection->is_queued = 1;
    connection->queue_previous = ENG_CONNECTION_NONE;
    connection->queue_next = front->queue;
    if (front->queue != ENG_CONNECTION_NONE)
        eng_connections_at(&front->connections, front->queue)->queue_previous = slot;
    front->queue = slot;
}

void eng_front_dequeue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (!connection->is_queued)
        return;
    connection->is_queued = 0;
    if (connection->queue_previous == ENG_CONNECTION_NONE)
        front->queue = connection->queue_next;
    else
        eng_connections_at(&front->connections, connection->queue_previous)->queue_next = connection->queue_next;
    if (connection->queue_next != ENG_CONNECTION_NONE)
        eng_connections_at(&front->connections, connection->queue_next)->queue_previous = connection->queue_previous;
}
