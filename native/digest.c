/* The API level at which SHA256_Init and the like carry no deprecation: see secret.c. */
#define OPENSSL_API_COMPAT 10101

#include "digest.h"

#include <openssl/sha.h>

int eng_digest(const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len,
               uint8_t digest[ENG_DIGEST_BYTES])
{
    SHA256_CTX hash;

    return SHA256_Init(&hash) & SHA256_Update(&hash, first, first_len) & SHA256_Update(&hash, second, second_len) &
           SHA256_Final(digest, &hash);
}
