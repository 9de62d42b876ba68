#ifndef ENG_SEEN_H
#define ENG_SEEN_H

#include <stddef.h>
#include <stdint.h>

#include "credential_table.h"
#include "known_good.h"
#include "must_use.h"
#include "seen.cdef.h"

ENG_MUST_USE(eng_seen_open);
ENG_MUST_USE(eng_seen_take);

/* A device was accepted, at epoch seconds. An entry that another device had until a moment ago forgets that one; where
 * memory is short nothing is noted. */
void eng_seen_note(struct eng_seen *seen, const struct eng_known_good *good, int64_t at, uint32_t front,
                   const uint8_t address[16], uint16_t port);

/* Have the cache fetch where the sight of this entry is, and, a little later, the sight. There may be no such entry. */
void eng_seen_fetch_place(const struct eng_seen *seen, uint32_t entry);
void eng_seen_fetch(const struct eng_seen *seen, uint32_t entry);

#endif
