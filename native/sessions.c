#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define NONE UINT32_MAX
#define FIRST_PLACES 1024

/* What most device_ids fit into: a product_id of 24 characters, an underscore, a node_id. */
#define NEAR_BYTES 48

/* A session at rest. `version` goes up whenever another session takes the record, so that older handles miss it. */
struct record {
    uint64_t connection;
    double since;
    uint32_t version;
    uint32_t front;
    uint32_t hash; /* of the device_id; of a free record the number of the next free one */
    uint8_t device_id_len; /* 0: the record is free */
    uint8_t note_len;
    union {
        uint8_t near[NEAR_BYTES]; /* the device_id, behind it the note, where both fit; */
        uint8_t *far;             /* else in memory of their own */
    } text;
};

struct eng_sessions {
    uint8_t key[16];
    struct record *records;
    uint32_t *places; /* open addressing with linear probing: numbers of records, or NONE */
    uint32_t places_count;
    uint32_t records_count, records_room;
    uint32_t free_record;
    uint32_t used;
    uint8_t taken_over[UINT8_MAX]; /* the note of the session that was taken over last */
};

static int is_far(const struct record *record) { return record->device_id_len + record->note_len > NEAR_BYTES; }

static const uint8_t *device_id_of(const struct record *record)
{
    return is_far(record) ? record->text.far : record->text.near;
}

static uint64_t handle_of(const struct eng_sessions *sessions, uint32_t number)
{
    return (uint64_t)sessions->records[number].version << 32 | (number + 1);
}

/* The record that a handle names, NULL where it names none. */
static struct record *record_of(const struct eng_sessions *sessions, uint64_t handle)
{
    const uint32_t number = (uint32_t)handle - 1;

    if ((uint32_t)handle == 0 || number >= sessions->records_count)
        return NULL;
    if (sessions->records[number].device_id_len == 0 || handle_of(sessions, number) != handle)
        return NULL;
    return &sessions->records[number];
}

static uint32_t hash_of(const struct eng_sessions *sessions, const uint8_t *device_id, size_t device_id_len)
{
    uint64_t hash[2];

    eng_siphash128(sessions->key, device_id, device_id_len, hash);
    return (uint32_t)hash[0];
}

/* The place where this device stands, or the free one where it would. */
static uint32_t place_of(const struct eng_sessions *sessions, uint32_t hash, const uint8_t *device_id,
                         size_t device_id_len)
{
    const uint32_t mask = sessions->places_count - 1;
    uint32_t place = hash & mask;

    for (;; place = (place + 1) & mask) {
        const uint32_t number = sessions->places[place];
        const struct record *record;

        if (number == NONE)
            return place;
        record = &sessions->records[number];
        if (record->hash == hash && record->device_id_len == device_id_len &&
            memcmp(device_id_of(record), device_id, device_id_len) == 0)
            return place;
    }
}

/* The place where this record stands, or, of one that stands nowhere yet, the free one where it would. */
static uint32_t place_of_record(const struct eng_sessions *sessions, uint32_t number)
{
    const uint32_t mask = sessions->places_count - 1;
    uint32_t place = sessions->records[number].hash & mask;

    while (sessions->places[place] != NONE && sessions->places[place] != number)
        place = (place + 1) & mask;
    return place;
}

static void forget_text(struct record *record)
{
    if (is_far(record))
        free(record->text.far);
    record->device_id_len = record->note_len = 0;
}

struct eng_sessions *eng_sessions_open(const uint8_t *key)
{
    struct eng_sessions *sessions = calloc(1, sizeof *sessions);

    if (sessions == NULL)
        return NULL;
    sessions->places = malloc(FIRST_PLACES * sizeof *sessions->places);
    if (sessions->places == NULL) {
        free(sessions);
        return NULL;
    }
    memset(sessions->places, 0xff, FIRST_PLACES * sizeof *sessions->places);
    memcpy(sessions->key, key, sizeof sessions->key);
    sessions->places_count = FIRST_PLACES;
    sessions->free_record = NONE;
    return sessions;
}

void eng_sessions_close(struct eng_sessions *sessions)
{
    if (sessions == NULL)
        return;
    for (uint32_t i = 0; i < sessions->records_count; i++)
        forget_text(&sessions->records[i]);
    free(sessions->records);
    free(sessions->places);
    free(sessions);
}

size_t eng_sessions_count(const struct eng_sessions *sessions) { return sessions->used; }

/* Twice the places, so that at most half of them are taken. */
static int grow_places(struct eng_sessions *sessions)
{
    const uint32_t count = sessions->places_count * 2;
    uint32_t *old = sessions->places, *grown = malloc((size_t)count * sizeof *grown);
    const uint32_t old_count = sessions->places_count;

    if (grown == NULL)
        return 0;
    memset(grown, 0xff, (size_t)count * sizeof *grown);
    sessions->places = grown;
    sessions->places_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != NONE)
            grown[place_of_record(sessions, old[i])] = old[i];
    free(old);
    return 1;
}

/* The number of a free record; NONE where memory is short. */
static uint32_t free_record(struct eng_sessions *sessions)
{
    const uint32_t number = sessions->free_record;
    struct record *grown;
    uint32_t room;

    if (number != NONE) {
        sessions->free_record = sessions->records[number].hash;
        return number;
    }
    if (sessions->records_count == sessions->records_room) {
        room = sessions->records_room ? sessions->records_room * 2 : FIRST_PLACES / 2;
        grown = realloc(sessions->records, (size_t)room * sizeof *grown);
        if (grown == NULL)
            return NONE;
        sessions->records = grown;
        sessions->records_room = room;
    }
    memset(&sessions->records[sessions->records_count], 0, sizeof *sessions->records);
    return sessions->records_count++;
}

/* 0 where memory is short, and nothing has changed. */
static int set_text(struct record *record, const uint8_t *device_id, size_t device_id_len, const uint8_t *note,
                    size_t note_len)
{
    const size_t len = device_id_len + note_len;
    uint8_t near[NEAR_BYTES];
    uint8_t *const text = len > NEAR_BYTES ? malloc(len) : near;

    if (text == NULL)
        return 0;
    memcpy(text, device_id, device_id_len);
    if (note_len > 0)
        memcpy(text + device_id_len, note, note_len);
    forget_text(record);
    record->device_id_len = (uint8_t)device_id_len;
    record->note_len = (uint8_t)note_len;
    if (text == near)
        memcpy(record->text.near, near, len);
    else
        record->text.far = text;
    return 1;
}

static void release_record(struct eng_sessions *sessions, uint32_t number)
{
    struct record *record = &sessions->records[number];

    forget_text(record);
    record->hash = sessions->free_record;
    sessions->free_record = number;
}

/* A record for a device that has none yet, at its place. NONE where memory is short. */
static uint32_t enter(struct eng_sessions *sessions, uint32_t hash, const uint8_t *device_id, size_t device_id_len,
                      const struct eng_session *session)
{
    uint32_t number;

    if (sessions->used >= sessions->places_count / 2 && !grow_places(sessions))
        return NONE;
    number = free_record(sessions);
    if (number == NONE)
        return NONE;
    if (!set_text(&sessions->records[number], device_id, device_id_len, session->note, session->note_len)) {
        release_record(sessions, number);
        return NONE;
    }
    sessions->records[number].hash = hash;
    sessions->places[place_of_record(sessions, number)] = number;
    sessions->used++;
    return number;
}

static void tell(const struct eng_sessions *sessions, uint32_t number, struct eng_session *session)
{
    const struct record *record = &sessions->records[number];

    *session = (struct eng_session){.handle = handle_of(sessions, number),
                                    .note = record->note_len > 0 ? device_id_of(record) + record->device_id_len : NULL,
                                    .note_len = record->note_len,
                                    .connection = record->connection,
                                    .since = record->since,
                                    .front = record->front};
}

/* Free a place, and move those behind it up that would not be found past a gap. */
static void vacate(struct eng_sessions *sessions, uint32_t place)
{
    const uint32_t mask = sessions->places_count - 1;

    for (uint32_t at = (place + 1) & mask; sessions->places[at] != NONE; at = (at + 1) & mask) {
        const uint32_t home = sessions->records[sessions->places[at]].hash & mask;

        if (((at - home) & mask) < ((at - place) & mask))
            continue;
        sessions->places[place] = sessions->places[at];
        place = at;
    }
    sessions->places[place] = NONE;
}

static void leave(struct eng_sessions *sessions, uint32_t number)
{
    vacate(sessions, place_of_record(sessions, number));
    release_record(sessions, number);
    sessions->used--;
}

/* The new session's note takes the place of the old one's. */
static void keep_note(struct eng_sessions *sessions, struct eng_session *taken_over)
{
    if (taken_over->note_len == 0)
        return;
    memcpy(sessions->taken_over, taken_over->note, taken_over->note_len);
    taken_over->note = sessions->taken_over;
}

uint64_t eng_sessions_attach(struct eng_sessions *sessions, const uint8_t *device_id, size_t device_id_len,
                             const struct eng_session *session, struct eng_session *taken_over)
{
    uint32_t number, hash;
    struct record *record;

    *taken_over = (struct eng_session){0};
    if (device_id_len < 1 || device_id_len > UINT8_MAX || session->note_len > UINT8_MAX)
        return 0;
    hash = hash_of(sessions, device_id, device_id_len);
    number = sessions->places[place_of(sessions, hash, device_id, device_id_len)];
    if (number != NONE) {
        tell(sessions, number, taken_over);
        keep_note(sessions, taken_over);
        if (!set_text(&sessions->records[number], device_id, device_id_len, session->note, session->note_len))
            number = NONE;
    } else
        number = enter(sessions, hash, device_id, device_id_len, session);
    if (number == NONE) {
        *taken_over = (struct eng_session){0};
        return 0;
    }

    record = &sessions->records[number];
    record->version++;
    record->connection = session->connection;
    record->since = session->since;
    record->front = session->front;
    return handle_of(sessions, number);
}

int eng_sessions_detach(struct eng_sessions *sessions, uint64_t handle)
{
    if (record_of(sessions, handle) == NULL)
        return 0;
    leave(sessions, (uint32_t)handle - 1);
    return 1;
}

void eng_sessions_find(const struct eng_sessions *sessions, const uint8_t *device_id, size_t device_id_len,
                       struct eng_session *session)
{
    uint32_t number = NONE;

    if (device_id_len >= 1 && device_id_len <= UINT8_MAX)
        number = sessions->places[place_of(sessions, hash_of(sessions, device_id, device_id_len), device_id,
                                           device_id_len)];
    *session = (struct eng_session){0};
    if (number != NONE)
        tell(sessions, number, session);
}

size_t eng_sessions_device_id(const struct eng_sessions *sessions, uint64_t handle, const uint8_t **device_id)
{
    const struct record *record = record_of(sessions, handle);

    if (record == NULL)
        return 0;
    *device_id = device_id_of(record);
    return record->device_id_len;
}

static size_t device_ids_len(const struct eng_sessions *sessions)
{
    size_t len = sessions->used;

    for (uint32_t i = 0; i < sessions->records_count; i++)
        len += sessions->records[i].device_id_len;
    return len;
}

size_t eng_sessions_device_ids(const struct eng_sessions *sessions, uint8_t *data, size_t data_len)
{
    const size_t len = device_ids_len(sessions);
    size_t at = 0;

    if (data_len < len)
        return len;
    for (uint32_t i = 0; i < sessions->records_count; i++) {
        const struct record *record = &sessions->records[i];

        if (record->device_id_len == 0)
            continue;
        memcpy(data + at, device_id_of(record), record->device_id_len);
        at += record->device_id_len;
        data[at++] = '\n';
    }
    return len;
}

void eng_sessions_fetch(const struct eng_sessions *sessions, uint64_t handle)
{
    const uint32_t number = (uint32_t)handle - 1;

    if (number < sessions->records_count)
        __builtin_prefetch(&sessions->records[number]);
}
