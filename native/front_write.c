#include "front_internal.h"

int eng_front_watch_for(struct eng_front *front, uint32_t slot, uint32_t events)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    struct epoll_event wanted = {.events = events, .data.u64 = eng_connections_name(&front->connections, slot)};
    const int operation = connection->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (connection->is_registered ? connection->events == events : events == 0)
        return 1;
    if (epoll_ctl(front->epoll, operation, connection->fd, &wanted) != 0) {
        eng_front_forget(front, slot);
        return 0;
    }
    connection->is_registered = 1;
    connection->events = events;
    return 1;
}

void eng_front_begin(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);

    connection->active_ms = front->now_ms;
    if (connection->keep_alive_s == 0)
        eng_timers_disarm(&front->timers, slot);
    else
        eng_timers_arm_by(&front->timers, slot, eng_front_silent_until(front, connection));
}

uint64_t eng_front_silent_until(const struct eng_front *front, const struct eng_connection *connection)
{
    return connection->active_ms + (uint64_t)(connection->keep_alive_s * front->settings.keep_alive_factor * 1000);
}

int eng_front_write(struct eng_front *front, uint32_t slot, const uint8_t *data, size_t data_len)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    ssize_t sent = 0;

    if (data_len == 0)
        return 1;
    if (connection->out.len == 0)
        sent = eng_stream_write(connection, data, data_len);
    if (sent == (ssize_t)data_len)
        return 1;
    if (sent < 0 || !eng_held_append(&connection->out, data + sent, data_len - (size_t)sent)) {
        eng_front_forget(front, slot);
        return 0;
    }
    /* Nothing is read until it is written: a peer that does not take its answers gets no more of them. */
    eng_timers_arm(&front->timers, slot, front->now_ms + front->settings.send_ms);
    return eng_front_watch_for(front, slot, EPOLLOUT);
}

void eng_front_flush(struct eng_front *front, uint32_t slot)
{
    struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    const ssize_t sent = eng_stream_write(connection, connection->out.bytes, connection->out.len);

    if (sent < 0) {
        eng_front_forget(front, slot);
        return;
    }
    eng_held_drop(&connection->out, (size_t)sent);
    if (connection->out.len > 0)
        return;
    eng_front_begin(front, slot);
    eng_front_resume(front, slot);
}

void eng_front_finish(struct eng_front *front, uint32_t slot, const uint8_t *data, size_t data_len)
{
    const struct eng_connection *connection = eng_connections_at(&front->connections, slot);
    ssize_t sent = 0;

    if (data_len > 0 && connection->out.len == 0)
        sent = eng_stream_write(connection, data, data_len);
    if (sent >= 0)
        eng_stream_finish(connection);
    eng_front_forget(front, slot);
}
