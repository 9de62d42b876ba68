#ifndef ENG_DIGEST_H
#define ENG_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

#define ENG_DIGEST_BYTES 32

/* SHA-256 of two pieces, one after the other. 1 when done. */
int eng_digest(const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len,
               uint8_t digest[ENG_DIGEST_BYTES]);
ENG_MUST_USE(eng_digest);

#endif
