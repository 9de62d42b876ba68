/* Revocation by CRL (RFC 5280 section 6.3), as engine/gate/reference/chain_crl.py has it. */
#include "chain_crl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "chain_der.h"
#include "chain_extensions.h"
#include "chain_names.h"

/* One extension, of the CRL or of an entry: 0 where it cannot be read. */
static int read_extension(struct eng_crl *crl, X509_EXTENSION *extension)
{
    crl->beyond_us |= X509_EXTENSION_get_critical(extension) != 0;
    return eng_extensions_is_readable(extension);
}

static int read_entry(struct eng_crl *crl, const X509_REVOKED *entry)
{
    int64_t revoked_at; /* when does not matter; that it is a time does */

    for (int i = 0; i < X509_REVOKED_get_ext_count(entry); i++)
        if (!read_extension(crl, X509_REVOKED_get_ext(entry, i)))
            return 0;
    return eng_certificate_seconds(X509_REVOKED_get0_revocationDate(entry), &revoked_at);
}

static int read_entries(struct eng_crl *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->crl);

    for (int i = 0; i < (int)sk_X509_REVOKED_num(entries); i++)
        if (!read_entry(crl, sk_X509_REVOKED_value(entries, i)))
            return 0;
    return 1;
}

/* cRLNumber is not negative (RFC 5280 section 5.2.3). */
static int has_good_number(const X509_CRL *crl)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    int good = number == NULL || ASN1_STRING_type(number) == V_ASN1_INTEGER;

    ASN1_INTEGER_free(number);
    return good;
}

static int read_extensions(struct eng_crl *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl->crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl->crl, i);

        if (X509_CRL_get_ext_by_OBJ(crl->crl, X509_EXTENSION_get_object(extension), i) >= 0 ||
            !read_extension(crl, extension))
            return 0;
    }
    return has_good_number(crl->crl);
}

/* Version 1 or 2 (absent, or 1 on the wire). Without nextUpdate it expired before it began. */
static int read_fields(struct eng_crl *crl)
{
    const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl->crl);

    crl->next_update = 0;
    return X509_CRL_get_version(crl->crl) <= 1 && X509_CRL_get_version(crl->crl) >= 0 &&
           eng_names_are_text(X509_CRL_get_issuer(crl->crl)) &&
           eng_certificate_seconds(X509_CRL_get0_lastUpdate(crl->crl), &crl->this_update) &&
           (end == NULL || eng_certificate_seconds(end, &crl->next_update)) && read_extensions(crl) &&
           read_entries(crl);
}

/* INTEGER 0: version 1, which DER leaves out. */
static const uint8_t VERSION_1[] = {2, 1, 0};

enum eng_read eng_crl_read(const uint8_t *der, size_t der_len, struct eng_crl **crl)
{
    const uint8_t *at = der;
    struct eng_crl *read;

    if (!eng_der_check(der, der_len) || !eng_der_algorithms_agree(der, der_len) ||
        eng_der_body_begins(der, der_len, VERSION_1, sizeof VERSION_1))
        return ENG_NOT_READ;
    read = calloc(1, sizeof *read);
    if (read == NULL)
        return ENG_NO_MEMORY;
    read->crl = d2i_X509_CRL(NULL, &at, (long)der_len);
    if (read->crl == NULL || at != der + der_len || !read_fields(read)) {
        eng_crl_free(read);
        return ENG_NOT_READ;
    }
    *crl = read;
    return ENG_READ;
}

enum eng_read eng_crl_share(const struct eng_crl *known, struct eng_crl **crl)
{
    struct eng_crl *shared = malloc(sizeof *shared);

    if (shared == NULL)
        return ENG_NO_MEMORY;
    *shared = *known;
    shared->next = NULL;
    if (X509_CRL_up_ref(shared->crl) != 1) {
        free(shared);
        return ENG_NO_MEMORY;
    }
    *crl = shared;
    return ENG_READ;
}

void eng_crl_free(struct eng_crl *crl)
{
    while (crl != NULL) {
        struct eng_crl *next = crl->next;

        X509_CRL_free(crl->crl);
        free(crl);
        crl = next;
    }
}

static int is_signed_by(struct eng_crl *crl, const struct eng_certificate *authority)
{
    EVP_PKEY *key = X509_get0_pubkey(authority->x509);

    if (memcmp(crl->signed_by, authority->sha256, ENG_DIGEST_BYTES) == 0)
        return 1;
    if (key == NULL || X509_CRL_verify(crl->crl, key) != 1)
        return 0;
    memcpy(crl->signed_by, authority->sha256, ENG_DIGEST_BYTES);
    return 1;
}

/* A CA that has changed its key signs for the old one too: any of that name further up on the path may sign. */
static int is_issued_on(struct eng_crl *crl, struct eng_certificate *const *above, size_t above_len)
{
    for (size_t i = 0; i < above_len; i++)
        if ((above[i]->faults & ENG_NO_CRL_SIGN) == 0 &&
            X509_NAME_cmp(X509_get_subject_name(above[i]->x509), X509_CRL_get_issuer(crl->crl)) == 0 &&
            is_signed_by(crl, above[i]))
            return 1;
    return 0;
}

/* What one CRL by the issuer of path[0] says of it. */
static enum eng_chain_reason answer(struct eng_crl *crl, struct eng_certificate *const *path, size_t path_len,
                                    int64_t now, int profile)
{
    X509_REVOKED *entry;

    if (crl->beyond_us || !is_issued_on(crl, path + 1, path_len - 1))
        return ENG_CRL_UNUSABLE;
    if (profile == ENG_DEVICE && !eng_certificate_is_strong(X509_CRL_get_signature_nid(crl->crl)))
        return ENG_CRL_UNUSABLE;
    if (now < crl->this_update || now >= crl->next_update)
        return ENG_CRL_EXPIRED;
    if (X509_CRL_get0_by_serial(crl->crl, &entry, X509_get0_serialNumber(path[0]->x509)) != 0)
        return ENG_REVOKED;
    return ENG_CHAIN_GOOD;
}

/* Of several CRLs the first in force decides, and a revocation in any; without one, the fault of the best. */
static enum eng_chain_reason judge_one(struct eng_crl *crls, struct eng_certificate *const *path, size_t path_len,
                                       int64_t now, int profile, int64_t *since, int64_t *until)
{
    enum eng_chain_reason furthest = ENG_CRL_MISSING;
    struct eng_crl *in_force = NULL;

    for (struct eng_crl *crl = crls; crl != NULL; crl = crl->next) {
        enum eng_chain_reason reason;

        if (X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_issuer_name(path[0]->x509)) != 0)
            continue;
        reason = answer(crl, path, path_len, now, profile);
        if (reason == ENG_REVOKED)
            return ENG_REVOKED;
        if (reason == ENG_CHAIN_GOOD && in_force == NULL)
            in_force = crl;
        if (reason > furthest)
            furthest = reason;
    }
    if (in_force == NULL)
        return furthest;
    *since = in_force->this_update > *since ? in_force->this_update : *since;
    *until = in_force->next_update < *until ? in_force->next_update : *until;
    return ENG_CHAIN_GOOD;
}

enum eng_chain_reason eng_crl_judge(struct eng_crl *crls, struct eng_certificate *const *path, size_t path_len,
                                    int64_t now, int profile, int64_t *since, int64_t *until)
{
    enum eng_chain_reason first = ENG_CHAIN_GOOD;

    for (size_t i = 0; crls != NULL && i + 1 < path_len; i++) {
        enum eng_chain_reason reason = judge_one(crls, path + i, path_len - i, now, profile, since, until);

        if (reason == ENG_CHAIN_GOOD || (reason == ENG_CRL_MISSING && profile == ENG_DEVICE))
            continue;
        if (first == ENG_CHAIN_GOOD || reason < first)
            first = reason;
    }
    return first;
}
