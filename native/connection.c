#include "connection.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ENG_CONNECTIONS_CHUNK
#define FIRST_ROOM 256

int eng_held_append(struct eng_held *held, const uint8_t *data, size_t data_len)
{
    uint32_t room = held->room ? held->room : FIRST_ROOM;
    uint8_t *grown;

    if (data_len == 0)
        return 1;
    if (data_len > ENG_HELD_BYTES - held->len)
        return 0;
    while (room < held->len + data_len)
        room *= 2;
    if (room != held->room) {
        grown = realloc(held->bytes, room);
        if (grown == NULL)
            return 0;
        held->bytes = grown;
        held->room = room;
    }
    memcpy(held->bytes + held->len, data, data_len);
    held->len += (uint32_t)data_len;
    return 1;
}

void eng_held_drop(struct eng_held *held, size_t len)
{
    if (len == 0 && held->len > 0)
        return;
    if (len < held->len) {
        memmove(held->bytes, held->bytes + len, held->len - len);
        held->len -= (uint32_t)len;
        return;
    }
    free(held->bytes);
    *held = (struct eng_held){0};
}

int eng_connections_open(struct eng_connections *connections, uint32_t most)
{
    memset(connections, 0, sizeof *connections);
    connections->chunks_most = most / CHUNK + 1;
    connections->chunks = calloc(connections->chunks_most, sizeof *connections->chunks);
    connections->free = ENG_CONNECTION_NONE;
    return connections->chunks != NULL;
}

void eng_connections_close(struct eng_connections *connections)
{
    for (uint32_t i = 0; i < connections->chunks_count; i++)
        free(connections->chunks[i]);
    free(connections->chunks);
    memset(connections, 0, sizeof *connections);
}

uint32_t eng_connections_room(const struct eng_connections *connections) { return connections->chunks_count * CHUNK; }

/* One chunk more, its slots free, the lowest in front. */
static int grow(struct eng_connections *connections)
{
    const uint32_t first = connections->chunks_count * CHUNK;
    struct eng_connection *chunk;

    if (connections->chunks_count == connections->chunks_most)
        return 0;
    chunk = calloc(CHUNK, sizeof *chunk);
    if (chunk == NULL)
        return 0;
    connections->chunks[connections->chunks_count++] = chunk;
    /* Slot 0 is nobody's: a name is never 0, and the front has a number among the timers. */
    for (uint32_t slot = first + CHUNK; slot-- > (first == 0 ? 1 : first);) {
        chunk[slot - first].next = connections->free;
        connections->free = slot;
    }
    return 1;
}

uint32_t eng_connections_take(struct eng_connections *connections)
{
    struct eng_connection *connection;
    uint32_t slot, generation;

    if (connections->free == ENG_CONNECTION_NONE && !grow(connections))
        return ENG_CONNECTION_NONE;
    slot = connections->free;
    connection = eng_connections_at(connections, slot);
    connections->free = connection->next;
    generation = connection->generation + 1;
    memset(connection, 0, sizeof *connection);
    connection->generation = generation;
    connection->state = ENG_CONNECTION_CONNECT_AWAITED;
    connections->open++;
    return slot;
}

void eng_connections_release(struct eng_connections *connections, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(connections, slot);

    free(connection->in.bytes);
    free(connection->out.bytes);
    connection->in = connection->out = (struct eng_held){0};
    eng_tls_connection_close(connection->tls);
    connection->tls = NULL;
    connection->state = ENG_CONNECTION_FREE;
    connection->next = connections->free;
    connections->free = slot;
    connections->open--;
}

uint64_t eng_connections_name(const struct eng_connections *connections, uint32_t slot)
{
    return (uint64_t)eng_connections_at(connections, slot)->generation << 32 | slot;
}

struct eng_connection *eng_connections_find(const struct eng_connections *connections, uint64_t name, uint32_t *slot)
{
    struct eng_connection *connection;

    *slot = (uint32_t)name;
    if (*slot >= eng_connections_room(connections))
        return NULL;
    connection = eng_connections_at(connections, *slot);
    if (connection->state == ENG_CONNECTION_FREE || connection->generation != name >> 32)
        return NULL;
    return connection;
}

void eng_connections_fetch(const struct eng_connections *connections, uint64_t name)
{
    const uint32_t slot = (uint32_t)name;
    const struct eng_connection *connection;

    if (slot >= eng_connections_room(connections))
        return;
    connection = eng_connections_at(connections, slot);
    __builtin_prefetch(connection);
    __builtin_prefetch((const uint8_t *)connection + sizeof *connection / 2);
}
