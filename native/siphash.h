#ifndef ENG_SIPHASH_H
#define ENG_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define ENG_SIPHASH_KEY_BYTES 16

/* SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF", section 2): which
 * inputs collide cannot be told without the key. `hash` gets the output as two little-endian words. */
void eng_siphash128(const uint8_t key[ENG_SIPHASH_KEY_BYTES], const uint8_t *data, size_t data_len, uint64_t hash[2]);

#endif
