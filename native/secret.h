#ifndef ENG_SECRET_H
#define ENG_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/sha.h>

#include "must_use.h"
#include "secret.cdef.h"
#include "stamp.h"

#define ENG_SECRET_PASSWORD_BYTES 64

ENG_MUST_USE(eng_secret_verify);

/* The two SHA-256 states that HMAC starts from (RFC 2104 section 4). They depend on its key alone, which is the stamp: no
 * secret, and in a storm the same for nearly everybody. All zero: of no stamp yet. */
struct eng_secret_key {
    uint8_t is_set;
    uint8_t stamp[ENG_STAMP_BYTES];
    SHA256_CTX inner, outer;
};

/* eng_secret_verify for who asks often: a third of the work is done once for a row of equal stamps. A secret that is NULL is
 * not there, and is not computed: who asks here tells nobody how long a refusal took. */
unsigned int eng_secret_verify_by(struct eng_secret_key *key, const uint8_t password[ENG_SECRET_PASSWORD_BYTES],
                                  const uint8_t stamp[ENG_STAMP_BYTES], const uint8_t *primary, size_t primary_len,
                                  const uint8_t *secondary, size_t secondary_len)
    __attribute__((warn_unused_result));

#endif
