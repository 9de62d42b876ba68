/* Calls eng_secret_verify for every four lines of standard input (password, stamp, primary, secondary in hex) and prints
 * the mask. Each input lies in a block of exactly its size, so that memcheck and AddressSanitizer see every byte read
 * past it. With -DMEMCHECK the secrets, and the password, are undefined: memcheck reports every branch and every address
 * that depends on them. Only the mask is declassified, because that is what the peer is told.
 * With -DBY eng_secret_verify_by is asked wherever it may be, and must say of each secret alone what it says of both. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

#ifdef MEMCHECK
#include <valgrind/memcheck.h>
#define CLASSIFY(pointer, len) (void)VALGRIND_MAKE_MEM_UNDEFINED(pointer, len)
#define DECLASSIFY(pointer, len) (void)VALGRIND_MAKE_MEM_DEFINED(pointer, len)
#else
#define CLASSIFY(pointer, len) (void)(pointer)
#define DECLASSIFY(pointer, len) (void)(pointer)
#endif

struct blob {
    uint8_t *bytes;
    size_t len;
};

/* One line of hex into a block of exactly its size; 0 at the end of the input. */
static int read_blob(struct blob *blob)
{
    static char line[4096];
    unsigned int byte;

    if (fgets(line, sizeof line, stdin) == NULL)
        return 0;
    blob->len = strcspn(line, "\n") / 2;
    blob->bytes = malloc(blob->len);
    for (size_t i = 0; i < blob->len; i++) {
        if (sscanf(line + 2 * i, "%2x", &byte) != 1)
            exit(2);
        blob->bytes[i] = (uint8_t)byte;
    }
    return 1;
}

#ifdef BY
static unsigned int verify(const struct blob *password, const struct blob *stamp, const struct blob *primary,
                           const struct blob *secondary)
{
    static struct eng_secret_key key;
    unsigned int both, alone;

    if (password->len != ENG_SECRET_PASSWORD_BYTES || stamp->len != ENG_STAMP_BYTES)
        return eng_secret_verify(password->bytes, password->len, stamp->bytes, stamp->len, primary->bytes, primary->len,
                                 secondary->bytes, secondary->len);
    both = eng_secret_verify_by(&key, password->bytes, stamp->bytes, primary->bytes, primary->len, secondary->bytes,
                                secondary->len);
    alone = eng_secret_verify_by(&key, password->bytes, stamp->bytes, primary->bytes, primary->len, NULL, 0) |
            eng_secret_verify_by(&key, password->bytes, stamp->bytes, NULL, 0, secondary->bytes, secondary->len);
    return both | (both ^ alone) << 2;
}
#else
static unsigned int verify(const struct blob *password, const struct blob *stamp, const struct blob *primary,
                           const struct blob *secondary)
{
    return eng_secret_verify(password->bytes, password->len, stamp->bytes, stamp->len, primary->bytes, primary->len,
                             secondary->bytes, secondary->len);
}
#endif

int main(void)
{
    struct blob password, stamp, primary, secondary;

    while (read_blob(&password) && read_blob(&stamp) && read_blob(&primary) && read_blob(&secondary)) {
        unsigned int proved;

        CLASSIFY(password.bytes, password.len);
        CLASSIFY(primary.bytes, primary.len);
        CLASSIFY(secondary.bytes, secondary.len);
        proved = verify(&password, &stamp, &primary, &secondary);
        DECLASSIFY(&proved, sizeof proved);
        printf("%u\n", proved);
        free(password.bytes);
        free(stamp.bytes);
        free(primary.bytes);
        free(secondary.bytes);
    }
    return 0;
}
