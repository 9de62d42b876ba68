/* Prints the 128-bit SipHash-2-4, in hex, of every prefix of the bytes 0, 1, 2 to 99, under the key 0 to 15. */
#include <stdio.h>

#include "siphash.h"

int main(void)
{
    uint8_t key[ENG_SIPHASH_KEY_BYTES], data[100];
    uint64_t hash[2];

    for (unsigned int i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
        if (i < sizeof key)
            key[i] = (uint8_t)i;
    }
    for (size_t len = 0; len <= sizeof data; len++) {
        eng_siphash128(key, data, len, hash);
        for (unsigned int i = 0; i < 16; i++)
            printf("%02x", (unsigned int)(hash[i / 8] >> (8 * (i % 8)) & 0xff));
        printf("\n");
    }
    return 0;
}
