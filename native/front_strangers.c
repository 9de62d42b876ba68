#include "front_internal.h"

#include <string.h>

/* Devices of which the credential table knows nothing yet, on their way to it and back. */

int eng_front_note_stranger(struct eng_front *front, uint32_t slot, const struct eng_known_good *good)
{
    struct eng_front_strangers *strangers = &front->strangers;

    if (strangers->count == ENG_FRONT_STRANGERS ||
        good->device_id_len + 1 > sizeof strangers->device_ids - strangers->device_ids_len)
        return 0;
    memcpy(strangers->device_ids + strangers->device_ids_len, good->device_id, good->device_id_len);
    strangers->device_ids_len += good->device_id_len;
    strangers->device_ids[strangers->device_ids_len++] = '\n';
    strangers->connections[strangers->count++] = eng_connections_name(&front->connections, slot);
    return 1;
}

void eng_front_forget_strangers(struct eng_front *front)
{
    front->strangers.count = 0;
    front->strangers.device_ids_len = 0;
}

uint32_t eng_front_tell_strangers(const struct eng_front *front, const uint64_t **connections,
                                  const uint8_t **device_ids, size_t *device_ids_len)
{
    *connections = front->strangers.connections;
    *device_ids = front->strangers.device_ids;
    *device_ids_len = front->strangers.device_ids_len;
    return front->strangers.count;
}

void eng_front_judge_again(struct eng_front *front, const uint64_t *connections, uint32_t count)
{
    front->now_ms = eng_front_now_ms();
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot;
        const struct eng_connection *connection = eng_connections_find(&front->connections, connections[i], &slot);

        if (connection != NULL && connection->state == ENG_CONNECTION_VERDICT_ASKED)
            eng_front_read_again(front, slot);
    }
    eng_front_settle(front);
}
