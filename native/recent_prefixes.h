#ifndef ENG_RECENT_PREFIXES_H
#define ENG_RECENT_PREFIXES_H

#include <stdint.h>

#include "must_use.h"

/* Address prefixes (prefixes.h) that were noted lately. Fixed memory: of those that share a place the last one is known,
 * and one in two billion is taken for another. Good for an order, not for a verdict. */
struct eng_recent_prefixes {
    uint32_t *places;
    uint8_t key[16];
};

/* key: 16 random bytes. 1 when done, 0 where memory is short. */
int eng_recent_prefixes_open(struct eng_recent_prefixes *recent, const uint8_t *key);
ENG_MUST_USE(eng_recent_prefixes_open);
void eng_recent_prefixes_close(struct eng_recent_prefixes *recent);

void eng_recent_prefixes_note(struct eng_recent_prefixes *recent, const uint8_t address[16]);
int eng_recent_prefixes_has(const struct eng_recent_prefixes *recent, const uint8_t address[16]);
ENG_MUST_USE(eng_recent_prefixes_has);

#endif
