#ifndef ENG_PREFIXES_H
#define ENG_PREFIXES_H

#include <stdint.h>

#include "must_use.h"

#define ENG_PREFIX_BYTES 16

/* An address prefix, and where the table that named it looks for it. */
struct eng_prefix {
    uint8_t bytes[ENG_PREFIX_BYTES];
    uint32_t hash;
};

/* How often each address prefix was added: what listeners/peer.py calls a prefix, as an IPv6 address (an IPv4 one mapped)
 * with what does not count zeroed. Memory grows with those that are there at a time, so that the table of a few, which each
 * connection looks at twice, stays in the cache. */
struct eng_prefixes {
    struct eng_prefix_count *places;
    uint32_t mask, used, most;
    uint8_t key[16];
};

/* key: 16 random bytes. most: different prefixes at a time. 1 when done, 0 where memory is short. */
int eng_prefixes_open(struct eng_prefixes *prefixes, const uint8_t *key, uint32_t most);
ENG_MUST_USE(eng_prefixes_open);
void eng_prefixes_close(struct eng_prefixes *prefixes);

/* The prefix of an address, for this table. */
void eng_prefixes_name(const struct eng_prefixes *prefixes, const uint8_t address[16], struct eng_prefix *prefix);

uint32_t eng_prefixes_count(const struct eng_prefixes *prefixes, const struct eng_prefix *prefix);
ENG_MUST_USE(eng_prefixes_count);

/* Whether the prefix of this address was added, and not taken away since. */
int eng_prefixes_has(const struct eng_prefixes *prefixes, const uint8_t address[16]);
ENG_MUST_USE(eng_prefixes_has);

/* 1 when done, 0 where there are `most` others already, or memory is short. */
int eng_prefixes_add(struct eng_prefixes *prefixes, const struct eng_prefix *prefix);
ENG_MUST_USE(eng_prefixes_add);

/* Take one away; of a prefix that has none, nothing. */
void eng_prefixes_remove(struct eng_prefixes *prefixes, const struct eng_prefix *prefix);

/* The prefix of an address: all of an IPv4 one (mapped), the /64 of an IPv6 one. */
void eng_prefix_of(const uint8_t address[16], uint8_t prefix[ENG_PREFIX_BYTES]);

#endif
