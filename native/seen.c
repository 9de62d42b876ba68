#include "seen.h"

#include <stdlib.h>
#include <string.h>

/* struct eng_sight while it is kept: of device_id only what there is. */
struct sight {
    int64_t at;
    uint32_t front, times;
    uint16_t port;
    uint8_t address[16], record_id[12], device_id_len;
    uint8_t device_id[];
};

/* sight NULL: there is none. */
struct eng_seen {
    struct sight **sights;
    uint32_t *taken_at; /* epoch seconds, each entry's last */
    uint64_t *noted; /* a bit for each entry */
    uint32_t entries, words, count;
    uint32_t word; /* where the next take begins, so that none waits for ever */
};

struct eng_seen *eng_seen_open(uint32_t entries)
{
    struct eng_seen *seen = calloc(1, sizeof *seen);

    if (seen == NULL)
        return NULL;
    seen->entries = entries;
    seen->words = entries / 64 + 1;
    /* calloc of this size maps zero pages that cost nothing until they are written. */
    seen->sights = calloc((size_t)entries + 1, sizeof *seen->sights);
    seen->taken_at = calloc((size_t)entries + 1, sizeof *seen->taken_at);
    seen->noted = calloc(seen->words, sizeof *seen->noted);
    if (seen->sights == NULL || seen->taken_at == NULL || seen->noted == NULL) {
        eng_seen_close(seen);
        return NULL;
    }
    return seen;
}

void eng_seen_close(struct eng_seen *seen)
{
    if (seen == NULL)
        return;
    for (uint32_t entry = 0; seen->sights != NULL && entry < seen->entries; entry++)
        free(seen->sights[entry]);
    free(seen->sights);
    free(seen->taken_at);
    free(seen->noted);
    free(seen);
}

uint32_t eng_seen_count(const struct eng_seen *seen) { return seen->count; }

/* The sight of this device: the entry's, unless that is another device's. NULL where memory is short. */
static struct sight *sight_of(struct eng_seen *seen, const struct eng_known_good *good)
{
    const uint32_t entry = good->index;
    struct sight *sight = seen->sights[entry];

    if (sight != NULL && memcmp(sight->record_id, good->record_id, sizeof sight->record_id) == 0)
        return sight;
    sight = realloc(sight, sizeof *sight + good->device_id_len);
    if (sight == NULL)
        return NULL;
    memcpy(sight->record_id, good->record_id, sizeof sight->record_id);
    memcpy(sight->device_id, good->device_id, good->device_id_len);
    sight->device_id_len = (uint8_t)good->device_id_len;
    sight->times = 0;
    seen->count += seen->sights[entry] == NULL;
    seen->noted[entry / 64] |= UINT64_C(1) << entry % 64;
    seen->sights[entry] = sight;
    return sight;
}

void eng_seen_note(struct eng_seen *seen, const struct eng_known_good *good, int64_t at, uint32_t front,
                   const uint8_t address[16], uint16_t port)
{
    struct sight *sight;

    if (good->index >= seen->entries || good->device_id_len > ENG_DEVICE_ID_BYTES)
        return;
    sight = sight_of(seen, good);
    if (sight == NULL)
        return;
    sight->times += sight->times < UINT32_MAX;
    sight->at = at;
    sight->front = front;
    sight->port = port;
    memcpy(sight->address, address, sizeof sight->address);
}

static void take_entry(struct eng_seen *seen, uint32_t entry, struct eng_sight *sight)
{
    struct sight *kept = seen->sights[entry];

    *sight = (struct eng_sight){.at = kept->at,
                                .front = kept->front,
                                .times = kept->times,
                                .port = kept->port,
                                .device_id_len = kept->device_id_len};
    memcpy(sight->address, kept->address, sizeof sight->address);
    memcpy(sight->record_id, kept->record_id, sizeof sight->record_id);
    memcpy(sight->device_id, kept->device_id, kept->device_id_len);
    free(kept);
    seen->sights[entry] = NULL;
    seen->noted[entry / 64] &= ~(UINT64_C(1) << entry % 64);
    seen->count--;
}

uint32_t eng_seen_take(struct eng_seen *seen, struct eng_sight *sights, uint32_t most, int64_t now, uint32_t pause_s)
{
    uint32_t taken = 0;

    for (uint32_t looked_at = 0; looked_at < seen->words && taken < most && seen->count > 0; looked_at++) {
        for (uint64_t rest = seen->noted[seen->word]; rest != 0 && taken < most; rest &= rest - 1) {
            const uint32_t entry = seen->word * 64 + (uint32_t)__builtin_ctzll(rest);

            if (now - seen->taken_at[entry] < pause_s)
                continue;
            take_entry(seen, entry, &sights[taken++]);
            seen->taken_at[entry] = (uint32_t)now;
        }
        if (taken < most)
            seen->word = (seen->word + 1) % seen->words;
    }
    return taken;
}

void eng_seen_fetch_place(const struct eng_seen *seen, uint32_t entry)
{
    if (entry < seen->entries)
        __builtin_prefetch(&seen->sights[entry]);
}

void eng_seen_fetch(const struct eng_seen *seen, uint32_t entry)
{
    if (entry < seen->entries)
        __builtin_prefetch(seen->sights[entry]);
}
