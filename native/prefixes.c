#include "prefixes.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

struct eng_prefix_count {
    struct eng_prefix prefix;
    uint32_t count; /* 0: the place is free */
};

#define FIRST_PLACES 64

int eng_prefixes_open(struct eng_prefixes *prefixes, const uint8_t *key, uint32_t most)
{
    memset(prefixes, 0, sizeof *prefixes);
    prefixes->places = calloc(FIRST_PLACES, sizeof *prefixes->places);
    if (prefixes->places == NULL)
        return 0;
    memcpy(prefixes->key, key, sizeof prefixes->key);
    prefixes->mask = FIRST_PLACES - 1;
    prefixes->most = most;
    return 1;
}

void eng_prefixes_close(struct eng_prefixes *prefixes)
{
    free(prefixes->places);
    memset(prefixes, 0, sizeof *prefixes);
}

/* Its place, or the free one where it would be. */
static uint32_t place_of(const struct eng_prefixes *prefixes, const struct eng_prefix *prefix)
{
    uint32_t place = prefix->hash & prefixes->mask;

    while (prefixes->places[place].count != 0 &&
           memcmp(prefixes->places[place].prefix.bytes, prefix->bytes, ENG_PREFIX_BYTES) != 0)
        place = (place + 1) & prefixes->mask;
    return place;
}

uint32_t eng_prefixes_count(const struct eng_prefixes *prefixes, const struct eng_prefix *prefix)
{
    return prefixes->places[place_of(prefixes, prefix)].count;
}

/* Twice the places, so that at most half of them are taken. 1 when done, 0 where memory is short. */
static int grow(struct eng_prefixes *prefixes)
{
    struct eng_prefixes grown = *prefixes;

    grown.mask = prefixes->mask * 2 + 1;
    grown.places = calloc((size_t)grown.mask + 1, sizeof *grown.places);
    if (grown.places == NULL)
        return 0;
    for (uint32_t place = 0; place <= prefixes->mask; place++)
        if (prefixes->places[place].count != 0)
            grown.places[place_of(&grown, &prefixes->places[place].prefix)] = prefixes->places[place];
    free(prefixes->places);
    *prefixes = grown;
    return 1;
}

int eng_prefixes_add(struct eng_prefixes *prefixes, const struct eng_prefix *prefix)
{
    struct eng_prefix_count *place = &prefixes->places[place_of(prefixes, prefix)];

    if (place->count == 0) {
        if (prefixes->used >= prefixes->most)
            return 0;
        if (prefixes->used > prefixes->mask / 2) {
            if (!grow(prefixes))
                return 0;
            place = &prefixes->places[place_of(prefixes, prefix)];
        }
        place->prefix = *prefix;
        prefixes->used++;
    }
    place->count++;
    return 1;
}

/* Free a place, and move those behind it up that would not be found past a gap. */
static void vacate(struct eng_prefixes *prefixes, uint32_t place)
{
    const uint32_t mask = prefixes->mask;

    for (uint32_t at = (place + 1) & mask; prefixes->places[at].count != 0; at = (at + 1) & mask) {
        const uint32_t home = prefixes->places[at].prefix.hash & mask;

        if (((at - home) & mask) < ((at - place) & mask))
            continue;
        prefixes->places[place] = prefixes->places[at];
        place = at;
    }
    prefixes->places[place].count = 0;
    prefixes->used--;
}

void eng_prefixes_remove(struct eng_prefixes *prefixes, const struct eng_prefix *prefix)
{
    const uint32_t place = place_of(prefixes, prefix);

    if (prefixes->places[place].count == 0)
        return;
    prefixes->places[place].count--;
    if (prefixes->places[place].count == 0)
        vacate(prefixes, place);
}

void eng_prefix_of(const uint8_t address[16], uint8_t prefix[ENG_PREFIX_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const size_t counts = memcmp(address, mapped, sizeof mapped) == 0 ? ENG_PREFIX_BYTES : 8;

    memset(prefix, 0, ENG_PREFIX_BYTES);
    memcpy(prefix, address, counts);
}

void eng_prefixes_name(const struct eng_prefixes *prefixes, const uint8_t address[16], struct eng_prefix *prefix)
{
    uint64_t hash[2];

    eng_prefix_of(address, prefix->bytes);
    eng_siphash128(prefixes->key, prefix->bytes, ENG_PREFIX_BYTES, hash);
    prefix->hash = (uint32_t)hash[0];
}

int eng_prefixes_has(const struct eng_prefixes *prefixes, const uint8_t address[16])
{
    struct eng_prefix prefix;

    if (prefixes->used == 0)
        return 0;
    eng_prefixes_name(prefixes, address, &prefix);
    return eng_prefixes_count(prefixes, &prefix) > 0;
}
