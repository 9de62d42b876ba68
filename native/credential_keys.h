#ifndef ENG_CREDENTIAL_KEYS_H
#define ENG_CREDENTIAL_KEYS_H

#include <stdint.h>

#include "memory_file.h"
#include "siphash.h"

#define ENG_CREDENTIAL_KEY_BYTES 32

/* The keys of one credential table, drawn when it is made and gone with it. They lie alone in one page that is locked
 * (mlock) and left out of core dumps (MADV_DONTDUMP). */
struct eng_credential_keys {
    uint8_t seal[ENG_CREDENTIAL_KEY_BYTES];
    uint8_t hash[ENG_SIPHASH_KEY_BYTES];
};

/* Draw new ones. 1, or 0 with errno set: RLIMIT_MEMLOCK allows no page, or no memory. */
int eng_credential_keys_create(struct eng_memory_file *file) __attribute__((warn_unused_result));

/* Those of another process. As above; EINVAL when the descriptor is of something else. */
int eng_credential_keys_map(int descriptor, struct eng_memory_file *file) __attribute__((warn_unused_result));

#endif
