/* One session per device, of every front of a node (session/table.py); read by C (sessions.h) and by cffi (build.py).
 *
 * A session is where a device is connected: the number of a front, a connection of it, and since when (epoch seconds).
 * A handle names one session for ever: of a session that was taken over or ended, it names none. For one thread.
 */
struct eng_sessions;

/* note: up to 255 bytes of the caller's about the session, or NULL and 0; of a session that is told it lies in the table,
 * until the next call. */
struct eng_session {
    uint64_t handle; /* 0: there is none */
    const uint8_t *note;
    size_t note_len;
    uint64_t connection;
    double since;
    uint32_t front;
};

/* key: 16 random bytes. NULL where memory is short. */
struct eng_sessions *eng_sessions_open(const uint8_t *key);
void eng_sessions_close(struct eng_sessions *sessions);
size_t eng_sessions_count(const struct eng_sessions *sessions);

/* Enter the device's session, device_id of 1 to 255 bytes, and tell the one that it takes over. The new handle, 0 where
 * memory is short: then everything is as before. */
uint64_t eng_sessions_attach(struct eng_sessions *sessions, const uint8_t *device_id, size_t device_id_len,
                             const struct eng_session *session, struct eng_session *taken_over);

/* 1 when the session was there and is no more. */
int eng_sessions_detach(struct eng_sessions *sessions, uint64_t handle);

/* The device's session; its handle is 0 where there is none. */
void eng_sessions_find(const struct eng_sessions *sessions, const uint8_t *device_id, size_t device_id_len,
                       struct eng_session *session);

/* The device_id of a session: its length, 0 where the handle names none. The bytes lie in the table, until the next call. */
size_t eng_sessions_device_id(const struct eng_sessions *sessions, uint64_t handle, const uint8_t **device_id);

/* Every device_id with a session, in no order, each with a newline behind it: how many bytes that is. Written only where
 * data_len is not less. */
size_t eng_sessions_device_ids(const struct eng_sessions *sessions, uint8_t *data, size_t data_len);
