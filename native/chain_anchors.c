/* A set of anchors: filled once, then asked by name (for paths) and by identity (for chains known from before). */
#include "chain_anchors.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "chain_internal.h"
#include "chain_parsed.h"

struct eng_anchors *eng_anchors_open(size_t count)
{
    struct eng_anchors *anchors = calloc(1, sizeof *anchors);

    if (anchors == NULL)
        return NULL;
    anchors->size = count;
    anchors->all = calloc(count + 1, sizeof *anchors->all);
    anchors->by_name = calloc(count + 1, sizeof *anchors->by_name);
    anchors->by_identity = calloc(count + 1, sizeof *anchors->by_identity);
    if (anchors->all != NULL && anchors->by_name != NULL && anchors->by_identity != NULL)
        return anchors;
    eng_anchors_close(anchors);
    return NULL;
}

void eng_anchors_close(struct eng_anchors *anchors)
{
    if (anchors == NULL)
        return;
    for (size_t i = 0; i < anchors->count; i++) {
        eng_certificate_release(anchors->all[i].certificate);
        eng_crl_free(anchors->all[i].crls);
    }
    free(anchors->all);
    free(anchors->by_name);
    free(anchors->by_identity);
    free(anchors);
}

int eng_anchors_add(struct eng_anchors *anchors, struct eng_chain *chain, const uint8_t *der, size_t der_len)
{
    struct eng_anchor *anchor = &anchors->all[anchors->count];

    if (anchors->count == anchors->size)
        return 0;
    switch (eng_parsed_get(&chain->parsed, der, der_len, &anchor->certificate)) {
    case ENG_NO_MEMORY:
        return 0;
    case ENG_NOT_READ:
        break;
    case ENG_READ:
        eng_parsed_keep(&chain->parsed, anchor->certificate);
        memcpy(anchor->identity, anchor->certificate->sha256, sizeof anchor->identity);
    }
    anchor->place = anchors->count++;
    ERR_clear_error(); /* see eng_chain_verify */
    return 1;
}

/* The CRL of this digest that the anchor has, or NULL. */
static const struct eng_crl *find_crl(const struct eng_anchor *anchor, const uint8_t sha256[ENG_DIGEST_BYTES])
{
    const struct eng_crl *crl = anchor->crls;

    while (crl != NULL && memcmp(crl->sha256, sha256, ENG_DIGEST_BYTES) != 0)
        crl = crl->next;
    return crl;
}

int eng_anchors_add_crl(struct eng_anchors *anchors, const uint8_t *der, size_t der_len)
{
    uint8_t sha256[ENG_DIGEST_BYTES];
    const struct eng_crl *known = NULL;
    struct eng_anchor *anchor;
    struct eng_crl **last;

    if (anchors->count == 0 || !eng_digest(der, der_len, NULL, 0, sha256))
        return 0;
    anchor = &anchors->all[anchors->count - 1];
    /* A project's anchors have the same CRLs: parsing one costs milliseconds, and a tenant chooses how many there are. */
    if (anchors->count > 1)
        known = find_crl(anchor - 1, sha256);
    for (last = &anchor->crls; *last != NULL; last = &(*last)->next)
        continue;
    switch (known != NULL ? eng_crl_share(known, last) : eng_crl_read(der, der_len, last)) {
    case ENG_NO_MEMORY:
        return 0;
    case ENG_NOT_READ:
        anchor->crls_broken = 1;
        ERR_clear_error();
        break;
    case ENG_READ:
        memcpy((*last)->sha256, sha256, sizeof sha256);
    }
    return eng_digest(anchor->identity, sizeof anchor->identity, sha256, sizeof sha256, anchor->identity);
}

static int by_place(const struct eng_anchor *one, const struct eng_anchor *other)
{
    return one->place < other->place ? -1 : one->place > other->place;
}

static int compare_names(const void *one, const void *other)
{
    const struct eng_anchor *a = *(struct eng_anchor *const *)one, *b = *(struct eng_anchor *const *)other;
    int order = X509_NAME_cmp(X509_get_subject_name(a->certificate->x509), X509_get_subject_name(b->certificate->x509));

    return order != 0 ? order : by_place(a, b);
}

static int compare_identities(const void *one, const void *other)
{
    const struct eng_anchor *a = *(struct eng_anchor *const *)one, *b = *(struct eng_anchor *const *)other;
    int order = memcmp(a->identity, b->identity, sizeof a->identity);

    return order != 0 ? order : by_place(a, b);
}

int eng_anchors_seal(struct eng_anchors *anchors)
{
    for (size_t i = 0; i < anchors->count; i++)
        if (anchors->all[i].certificate != NULL)
            anchors->by_name[anchors->readable++] = &anchors->all[i];
    memcpy(anchors->by_identity, anchors->by_name, anchors->readable * sizeof *anchors->by_name);
    qsort(anchors->by_name, anchors->readable, sizeof *anchors->by_name, compare_names);
    qsort(anchors->by_identity, anchors->readable, sizeof *anchors->by_identity, compare_identities);
    return 1;
}

static int is_named(const struct eng_anchor *anchor, const X509_NAME *name)
{
    return X509_NAME_cmp(X509_get_subject_name(anchor->certificate->x509), name) == 0;
}

struct eng_anchor *const *eng_anchors_named(const struct eng_anchors *anchors, const X509_NAME *name, size_t *count)
{
    size_t low = 0, high = anchors->readable;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (X509_NAME_cmp(X509_get_subject_name(anchors->by_name[middle]->certificate->x509), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < anchors->readable && is_named(anchors->by_name[low + *count], name);)
        ++*count;
    return anchors->by_name + low;
}

const struct eng_anchor *eng_anchors_find(const struct eng_anchors *anchors, const uint8_t *identity,
                                          size_t identity_len)
{
    size_t low = 0, high = anchors->readable;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(anchors->by_identity[middle]->identity, identity, identity_len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == anchors->readable || memcmp(anchors->by_identity[low]->identity, identity, identity_len) != 0)
        return NULL;
    return anchors->by_identity[low];
}
