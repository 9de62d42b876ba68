#include "siphash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, unsigned int bits) { return word << bits | word >> (64 - bits); }

/* Written out, for the compiler to see one load. */
static uint64_t read_word(const uint8_t bytes[8])
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static inline void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    mix(s);
    s->v0 ^= word;
}

static uint64_t output(struct state *s)
{
    for (int i = 0; i < 4; i++)
        mix(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

void eng_siphash128(const uint8_t key[ENG_SIPHASH_KEY_BYTES], const uint8_t *data, size_t data_len, uint64_t hash[2])
{
    const uint64_t k0 = read_word(key), k1 = read_word(key + 8);
    /* "somepseudorandomlygeneratedbytes"; 0xee and 0xdd are what the 128-bit variant adds. */
    struct state s = {
        k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
    uint64_t last = (uint64_t)data_len << 56;
    size_t at = 0;

    for (; data_len - at >= 8; at += 8)
        absorb(&s, read_word(data + at));
    for (unsigned int i = 0; at + i < data_len; i++)
        last |= (uint64_t)data[at + i] << (8 * i);
    absorb(&s, last);

    s.v2 ^= 0xee;
    hash[0] = output(&s);
    s.v1 ^= 0xdd;
    hash[1] = output(&s);
}
