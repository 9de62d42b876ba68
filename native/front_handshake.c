#include "front_internal.h"
#include "tls_fault.h"

void eng_front_handshake_failed(struct eng_front *front, uint32_t slot, uint8_t fault)
{
    uint32_t *told = &front->failures[fault];

    /* One event for all of them: who fails by the thousand must not keep Python busy. */
    if (*told == 0) {
        eng_front_tell(front, ENG_FRONT_HANDSHAKE_FAILED, slot)->fault = fault;
        *told = front->events_count;
    }
    front->events[*told - 1].times++;
    eng_front_forget(front, slot);
}

void eng_front_handshake_proved(struct eng_front *front, uint32_t slot)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    if (connection->tls == NULL)
        return;
    eng_tls_connection_forget(connection->tls);
    eng_recent_prefixes_note(&front->accepted, connection->address);
}

/* TLS takes memory only when its turn has come, and by the context of that moment. */
static int open_tls(struct eng_front *front, struct eng_connection *connection)
{
    if (connection->tls == NULL)
        connection->tls = eng_tls_connection_open(front->tls, connection->fd);
    return connection->tls != NULL;
}

void eng_front_handshake(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    int answer;

    /* A client that has given up is not worth a millisecond of arithmetic. Who came or spoke in this very turn has not waited
     * for anything, and is not asked after. */
    if ((front->behind_ms != 0 || front->now_ms != connection->active_ms) && eng_stream_has_left(connection)) {
        eng_front_handshake_failed(front, slot, ENG_FAULT_PEER_GONE);
        return;
    }
    if (!open_tls(front, connection)) {
        eng_front_handshake_failed(front, slot, ENG_FAULT_OTHER);
        return;
    }
    answer = eng_tls_connection_handshake(connection->tls, front->now);
    eng_front_progress(front, slot);
    switch (answer) {
    case ENG_TLS_WANT_READ:
        (void)eng_front_watch_for(front, slot, EPOLLIN);
        return;
    case ENG_TLS_WANT_WRITE:
        (void)eng_front_watch_for(front, slot, EPOLLOUT);
        return;
    case 1:
        connection->state = ENG_CONNECTION_CONNECT_AWAITED;
        eng_front_read(front, slot);
        return;
    default:
        eng_stream_finish(connection);
        eng_front_handshake_failed(front, slot, (uint8_t)eng_tls_connection_fault(connection->tls));
    }
}
