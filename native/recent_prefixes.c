#include "recent_prefixes.h"

#include <stdlib.h>
#include <string.h>

#include "prefixes.h"
#include "siphash.h"

#define PLACES (1 << 18) /* 1 MiB, of which the system gives what is used */

int eng_recent_prefixes_open(struct eng_recent_prefixes *recent, const uint8_t *key)
{
    memcpy(recent->key, key, sizeof recent->key);
    recent->places = calloc(PLACES, sizeof *recent->places);
    return recent->places != NULL;
}

void eng_recent_prefixes_close(struct eng_recent_prefixes *recent)
{
    free(recent->places);
    recent->places = NULL;
}

/* Its place, and what stands there if it was noted: never 0. */
static uint32_t *place_of(const struct eng_recent_prefixes *recent, const uint8_t address[16], uint32_t *mark)
{
    uint8_t prefix[ENG_PREFIX_BYTES];
    uint64_t hash[2];

    eng_prefix_of(address, prefix);
    eng_siphash128(recent->key, prefix, sizeof prefix, hash);
    *mark = (uint32_t)hash[1] | 1;
    return &recent->places[hash[0] % PLACES];
}

void eng_recent_prefixes_note(struct eng_recent_prefixes *recent, const uint8_t address[16])
{
    uint32_t mark, *place = place_of(recent, address, &mark);

    *place = mark;
}

int eng_recent_prefixes_has(const struct eng_recent_prefixes *recent, const uint8_t address[16])
{
    uint32_t mark;
    const uint32_t *place = place_of(recent, address, &mark);

    return *place == mark;
}
