/* verify_chain: what was sent, the chains known from before, the possible paths, and the first one that nothing speaks
 * against. The same as engine/gate/reference/chain.py, with tables. */
#include "chain.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "chain_anchors.h"
#include "chain_internal.h"
#include "chain_parsed.h"
#include "chain_path.h"

/* Before each certificate of the list (RFC 5246 section 7.4.2). */
#define PREFIX_BYTES 3

/* As many certificates as one list may hold, whatever the limits say: the recursion stays bounded. */
#define CERTIFICATES 16

/* The table of verified chains: by SHA-256 of list and profile. The anchor is named by its identity, so that a CRL or
 * another certificate of that name is another anchor, and that no other anchor matters. */
struct verified {
    struct eng_table_entry entry;
    uint8_t identity[ENG_DIGEST_BYTES];
    int64_t since, until;
};

/* One verification: what was sent, the path being tried (an anchor included), what is left of the budget. */
struct search {
    struct eng_chain *chain;
    const struct eng_anchors *anchors;
    struct eng_certificate *sent[CERTIFICATES];
    size_t sent_len;
    struct eng_certificate *path[CERTIFICATES + 1];
    size_t path_len, budget;
    int64_t now;
    int profile;
    enum eng_chain_reason furthest;
    const struct eng_anchor *anchor;
    int64_t since, until;
};

struct eng_chain *eng_chain_open(const struct eng_chain_limits *limits)
{
    struct eng_chain *chain = calloc(1, sizeof *chain);

    if (chain == NULL)
        return NULL;
    chain->limits = *limits;
    if (chain->limits.certificates > CERTIFICATES)
        chain->limits.certificates = CERTIFICATES;
    chain->store = X509_STORE_new();
    if (chain->store != NULL &&
        eng_table_open(&chain->parsed, limits->certificates_remembered, sizeof(struct eng_parsed)) &&
        eng_table_open(&chain->verified, limits->chains_remembered, sizeof(struct verified)))
        return chain;
    eng_chain_close(chain);
    return NULL;
}

void eng_chain_close(struct eng_chain *chain)
{
    if (chain == NULL)
        return;
    eng_parsed_close(&chain->parsed);
    eng_table_close(&chain->verified);
    X509_STORE_free(chain->store);
    free(chain);
}

size_t eng_chain_certificates_remembered(const struct eng_chain *chain) { return chain->parsed.taken; }

size_t eng_chain_chains_remembered(const struct eng_chain *chain) { return chain->verified.taken; }

/* The next certificate of the list; 0 where the list is cut short or a length is wrong. */
static int next_certificate(const uint8_t **at, size_t *left, const uint8_t **der, size_t *der_len)
{
    if (*left < PREFIX_BYTES)
        return 0;
    *der_len = (size_t)(*at)[0] << 16 | (size_t)(*at)[1] << 8 | (*at)[2];
    *der = *at + PREFIX_BYTES;
    if (*der_len > *left - PREFIX_BYTES)
        return 0;
    *at += PREFIX_BYTES + *der_len;
    *left -= PREFIX_BYTES + *der_len;
    return 1;
}

/* Counts before it reads: too many is another reason than malformed. */
static enum eng_chain_reason count_certificates(const uint8_t *list, size_t list_len, size_t most)
{
    const uint8_t *der;
    size_t count, der_len;

    for (count = 0; list_len > 0; count++)
        if (!next_certificate(&list, &list_len, &der, &der_len))
            return ENG_MALFORMED;
    if (count == 0)
        return ENG_MALFORMED;
    return count > most ? ENG_TOO_MANY_CERTIFICATES : ENG_CHAIN_GOOD;
}

/* Reads all that was sent. 0 where memory is short. */
static int read_list(struct search *search, const uint8_t *list, size_t list_len)
{
    const uint8_t *der;
    size_t der_len;

    while (list_len > 0 && next_certificate(&list, &list_len, &der, &der_len)) {
        switch (eng_parsed_get(&search->chain->parsed, der, der_len, &search->sent[search->sent_len])) {
        case ENG_NO_MEMORY:
            return 0;
        case ENG_NOT_READ:
            search->furthest = ENG_MALFORMED;
            return 1;
        case ENG_READ:
            search->sent_len++;
        }
    }
    return 1;
}

/* In profile DEVICE a name is spelled alike, byte for byte, as everywhere in TLS today. */
static int is_spelled_alike(const X509_NAME *one, const X509_NAME *other)
{
    const uint8_t *a, *b;
    size_t a_len, b_len;

    return X509_NAME_get0_der((X509_NAME *)one, &a, &a_len) == 1 &&
           X509_NAME_get0_der((X509_NAME *)other, &b, &b_len) == 1 && a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* By the names and the key identifiers, and not on the path yet; what CA and signature say about it is judged later. */
static int may_follow(const struct search *search, const struct eng_certificate *issuer)
{
    const struct eng_certificate *top = search->path[search->path_len - 1];

    if (top->faults & ENG_SELF_SIGNED)
        return 0;
    for (size_t i = 0; i < search->path_len; i++)
        if (memcmp(search->path[i]->sha256, issuer->sha256, ENG_DIGEST_BYTES) == 0)
            return 0;
    if (search->profile == ENG_DEVICE &&
        !is_spelled_alike(X509_get_subject_name(issuer->x509), X509_get_issuer_name(top->x509)))
        return 0;
    return eng_certificate_may_issue(issuer, top);
}

/* Puts a certificate on the path. 0, and nothing more is tried, where the budget does not reach. */
static int extend(struct search *search, struct eng_certificate *issuer)
{
    if (search->budget < search->path_len) {
        search->budget = 0;
        search->furthest = ENG_BUDGET_EXCEEDED;
        return 0;
    }
    search->budget -= search->path_len;
    search->path[search->path_len++] = issuer;
    return 1;
}

static enum eng_chain_reason judge(struct search *search, const struct eng_anchor *anchor)
{
    enum eng_chain_reason reason = eng_path_judge(search->chain->store, search->path, search->path_len, search->now,
                                                  search->profile, &search->since, &search->until);

    if (reason != ENG_CHAIN_GOOD)
        return reason;
    if (anchor->crls_broken)
        return ENG_CRL_UNUSABLE;
    return eng_crl_judge(anchor->crls, search->path, search->path_len, search->now, search->profile, &search->since,
                         &search->until);
}

/* Ends the path at each anchor that may follow. 1 to go on. */
static int try_anchors(struct search *search)
{
    const struct eng_certificate *top = search->path[search->path_len - 1];
    size_t count;
    struct eng_anchor *const *named = eng_anchors_named(search->anchors, X509_get_issuer_name(top->x509), &count);

    for (size_t i = 0; i < count; i++) {
        enum eng_chain_reason reason;

        if (!may_follow(search, named[i]->certificate))
            continue;
        if (!extend(search, named[i]->certificate))
            return 0;
        reason = judge(search, named[i]);
        search->path_len--;
        if (reason == ENG_CHAIN_GOOD) {
            search->furthest = ENG_CHAIN_GOOD;
            search->anchor = named[i];
            return 0;
        }
        if (reason > search->furthest)
            search->furthest = reason;
    }
    return 1;
}

/* Every way on from the path: the anchors first, then the intermediates as sent. 1 to go on. Recursion, at most as deep as
 * there are certificates. */
static int try_paths(struct search *search)
{
    if (!try_anchors(search))
        return 0;
    for (size_t i = 1; i < search->sent_len; i++) {
        int on;

        if (!may_follow(search, search->sent[i]))
            continue;
        if (!extend(search, search->sent[i]))
            return 0;
        on = try_paths(search);
        if (!on)
            return 0; /* the path stays, for what is remembered of it */
        search->path_len--;
    }
    return 1;
}

static void accept(struct search *search, const uint8_t *key, struct eng_chain_verdict *verdict)
{
    struct verified *kept = eng_table_place(&search->chain->verified, key);

    /* Not the leaf: it is seen again as a verified chain, or not at all. */
    for (size_t i = 1; i < search->path_len; i++)
        eng_parsed_keep(&search->chain->parsed, search->path[i]);
    if (kept != NULL) {
        memcpy(kept->identity, search->anchor->identity, sizeof kept->identity);
        kept->since = search->since;
        kept->until = search->until;
    }
    verdict->anchor = search->anchor->place;
    memcpy(verdict->anchor_sha256, search->anchor->certificate->sha256, sizeof verdict->anchor_sha256);
    verdict->since = search->since;
    verdict->until = search->until;
}

/* 1 where the list was accepted before, and what it was accepted by still stands. */
static int recall(struct eng_chain *chain, const struct eng_anchors *anchors, const uint8_t *key, int64_t now,
                  struct eng_chain_verdict *verdict)
{
    const struct verified *known = eng_table_find(&chain->verified, key);
    const struct eng_anchor *anchor;

    if (known == NULL || now < known->since || now >= known->until)
        return 0;
    anchor = eng_anchors_find(anchors, known->identity, sizeof known->identity);
    if (anchor == NULL)
        return 0;
    verdict->anchor = anchor->place;
    memcpy(verdict->anchor_sha256, anchor->certificate->sha256, sizeof verdict->anchor_sha256);
    verdict->since = known->since;
    verdict->until = known->until;
    return 1;
}

/* Judges what is not known from before. 1 when judged. */
static int judge_list(struct search *search, const uint8_t *list, size_t list_len)
{
    search->furthest = count_certificates(list, list_len, search->chain->limits.certificates);
    if (search->furthest != ENG_CHAIN_GOOD)
        return 1;
    if (!read_list(search, list, list_len))
        return 0;
    if (search->furthest == ENG_CHAIN_GOOD && search->profile == ENG_DEVICE)
        search->furthest = eng_path_judge_leaf(search->sent[0]);
    if (search->furthest != ENG_CHAIN_GOOD)
        return 1;
    search->furthest = ENG_UNKNOWN_CA;
    search->path[0] = search->sent[0];
    search->path_len = 1;
    (void)try_paths(search); /* what came of it stands in the search */
    return 1;
}

int eng_chain_verify(struct eng_chain *chain, const struct eng_anchors *anchors, const uint8_t *list, size_t list_len,
                     int64_t now, int profile, struct eng_chain_verdict *verdict)
{
    struct search search = {.chain = chain, .anchors = anchors, .now = now, .profile = profile};
    uint8_t key[ENG_DIGEST_BYTES], rules = (uint8_t)profile;
    int judged;

    *verdict = (struct eng_chain_verdict){.reason = ENG_TOO_LARGE};
    if (list_len > chain->limits.certificate_list_bytes)
        return 1;
    if (!eng_digest(&rules, 1, list, list_len, key))
        return 0;
    verdict->reason = ENG_CHAIN_GOOD;
    if (recall(chain, anchors, key, now, verdict))
        return 1;

    search.budget = chain->limits.chain_signatures;
    judged = judge_list(&search, list, list_len);
    verdict->reason = search.furthest;
    if (judged && search.anchor != NULL)
        accept(&search, key, verdict);
    for (size_t i = 0; i < search.sent_len; i++)
        eng_certificate_release(search.sent[i]);
    /* Python's ssl looks into the same queue, and would take our refusals for its own. */
    ERR_clear_error();
    return judged;
}
