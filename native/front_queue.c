#include "front_internal.h"

void eng_front_enqueue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->is_queued)
        return;
    connection->is_queued = 1;
    connection->queue_previous = ENG_CONNECTION_NONE;
    connection->queue_next = front->queue;
    if (front->queue == ENG_CONNECTION_NONE)
        front->queue_oldest = slot;
    else
        eng_connections_at(&front->connections, front->queue)->queue_previous = slot;
    front->queue = slot;
    front->queued++;
}

void eng_front_dequeue(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (!connection->is_queued)
        return;
    connection->is_queued = 0;
    front->queued--;
    if (connection->queue_previous == ENG_CONNECTION_NONE)
        front->queue = connection->queue_next;
    else
        eng_connections_at(&front->connections, connection->queue_previous)->queue_next = connection->queue_next;
    if (connection->queue_next == ENG_CONNECTION_NONE)
        front->queue_oldest = connection->queue_previous;
    else
        eng_connections_at(&front->connections, connection->queue_next)->queue_previous = connection->queue_previous;
}

uint32_t eng_front_take_queued(struct eng_front *front)
{
    const uint32_t slot = front->queued > ENG_FRONT_OVERLOAD ? front->queue : front->queue_oldest;

    if (slot != ENG_CONNECTION_NONE)
        eng_front_dequeue(front, slot);
    return slot;
}
