#ifndef ENG_PENDING_H
#define ENG_PENDING_H

#include <stdint.h>

#include "must_use.h"
#include "prefixes.h"
#include "pending.cdef.h"

ENG_MUST_USE(eng_pending_open);
ENG_MUST_USE(eng_pending_enter);
ENG_MUST_USE(eng_pending_rename);

struct eng_front;

/* By which prefix a connection is counted, if by any. */
struct eng_share {
    struct eng_prefix prefix;
    uint8_t is_counted;
};

/* One connection. Place 0 is nobody's: it ties the row's two ends together. */
struct eng_pending_place {
    struct eng_front *front; /* NULL: it is Python's */
    uint32_t slot;           /* of the front */
    uint32_t generation;
    uint32_t newer, older; /* in the row, or the next free one */
    struct eng_share share;
};

struct eng_pending {
    struct eng_pending_place *places;
    uint32_t soft, hard, per_prefix;
    uint32_t count, free;
    struct eng_prefixes prefixes;
};

/* The same as for Python, of a native front's connections, whose places are numbers. */
uint32_t eng_pending_add(struct eng_pending *pending, struct eng_front *front, uint32_t slot, const uint8_t *address,
                         int is_exempt, uint64_t *dropped);
ENG_MUST_USE(eng_pending_add);
int eng_pending_reassign(struct eng_pending *pending, uint32_t place, const uint8_t *address, int is_exempt);
ENG_MUST_USE(eng_pending_reassign);
void eng_pending_advance(struct eng_pending *pending, uint32_t place);
void eng_pending_remove(struct eng_pending *pending, uint32_t place);

/* Whether the prefix has its share already. */
int eng_pending_has_share(const struct eng_pending *pending, const uint8_t *address, int is_exempt);
ENG_MUST_USE(eng_pending_has_share);

#endif
