#ifndef ENG_CHAIN_TABLE_H
#define ENG_CHAIN_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "must_use.h"

/* Every entry begins with this; used 0: it is free. */
struct eng_table_entry {
    uint8_t key[ENG_DIGEST_BYTES];
    uint64_t used;
};

/* A table of a fixed size, allocated once: sets of eight entries, by the first octets of the key. The least used of a
 * set gives way. Keys are SHA-256, and only what was accepted is kept, so that no peer fills a set at will. */
struct eng_table {
    size_t entry_bytes, sets, taken;
    uint64_t uses;
    uint8_t *entries;
};

/* Room for at least `count` entries of `entry_bytes`; none for 0. 0 where memory is short. */
int eng_table_open(struct eng_table *table, size_t count, size_t entry_bytes);
ENG_MUST_USE(eng_table_open);
void eng_table_close(struct eng_table *table);

/* How many entries there is room for. */
size_t eng_table_room(const struct eng_table *table);
ENG_MUST_USE(eng_table_room);

/* The entry with this key, or NULL. */
void *eng_table_find(struct eng_table *table, const uint8_t key[ENG_DIGEST_BYTES]);
ENG_MUST_USE(eng_table_find);

/* Where an entry with this key belongs: its old one, a free one, or the least used, whose content (key and used besides) is
 * the caller's to release. NULL where the table has no room at all. */
void *eng_table_place(struct eng_table *table, const uint8_t key[ENG_DIGEST_BYTES]);
ENG_MUST_USE(eng_table_place);

#endif
