/* Reads cases of standard input, each a line of hex: a kind and data. R: another anchor, then C: a CRL of it, L: a list of
 * certificates to judge in both profiles, printing the reasons; X: forget the anchors. Every input lies in a block of exactly
 * its size, so that AddressSanitizer sees every byte read past it. Argument 1: the time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"

static char line[1 << 18];

/* The hex after the kind, in a block of its own. */
static uint8_t *read_hex(size_t *length)
{
    uint8_t *bytes;
    unsigned int byte;

    *length = strcspn(line + 1, "\n") / 2;
    bytes = malloc(*length);
    for (size_t i = 0; i < *length; i++) {
        if (sscanf(line + 1 + 2 * i, "%2x", &byte) != 1)
            exit(2);
        bytes[i] = (uint8_t)byte;
    }
    return bytes;
}

/* The anchors of the lines so far, which the next list is judged by. */
struct trusted {
    uint8_t *der[16];
    size_t length[16], count;
    char kind[16];
};

static struct eng_anchors *prepare(const struct trusted *trusted, struct eng_chain *chain)
{
    struct eng_anchors *anchors = eng_anchors_open(trusted->count);
    int done = anchors != NULL;

    for (size_t i = 0; done && i < trusted->count; i++)
        done = trusted->kind[i] == 'R' ? eng_anchors_add(anchors, chain, trusted->der[i], trusted->length[i])
                                       : eng_anchors_add_crl(anchors, trusted->der[i], trusted->length[i]);
    if (!done || !eng_anchors_seal(anchors))
        exit(3);
    return anchors;
}

static void judge(struct eng_chain *chain, const struct trusted *trusted, int64_t now)
{
    struct eng_anchors *anchors = prepare(trusted, chain);
    struct eng_chain_verdict first, again;
    size_t length;
    uint8_t *list = read_hex(&length);

    for (int profile = 0; profile <= 1; profile++) {
        if (!eng_chain_verify(chain, anchors, list, length, now, profile, &first) ||
            !eng_chain_verify(chain, anchors, list, length, now, profile, &again) || first.reason != again.reason)
            exit(4);
        printf("%d ", first.reason);
    }
    printf("\n");
    free(list);
    eng_anchors_close(anchors);
}

static void forget(struct trusted *trusted)
{
    while (trusted->count > 0)
        free(trusted->der[--trusted->count]);
}

int main(int argc, char **argv)
{
    /* Tables so small that entries give way. */
    struct eng_chain_limits limits = {16384, 8, 64, 8, 8};
    struct eng_chain *chain = eng_chain_open(&limits);
    struct trusted trusted = {.count = 0};

    if (argc != 2 || chain == NULL)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (line[0] == 'L') {
            judge(chain, &trusted, strtoll(argv[1], NULL, 10));
        } else if (line[0] == 'X') {
            forget(&trusted);
        } else {
            trusted.kind[trusted.count] = line[0];
            trusted.der[trusted.count] = read_hex(&trusted.length[trusted.count]);
            trusted.count++;
        }
    }
    forget(&trusted);
    eng_chain_close(chain);
    return 0;
}
