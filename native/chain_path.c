/* Is a certification path valid? First our own checks, in the order of enum eng_chain_reason and as
 * engine/gate/reference/chain_path.py has them; then X509_verify_cert, which looks at all of it again, and at signatures
 * and name constraints alone. */
#include "chain_path.h"

#include <openssl/x509v3.h>

/* What is held against a leaf, an intermediate and an anchor. */
struct check {
    enum eng_chain_reason reason;
    int only_device;
    unsigned int leaf, intermediate, anchor;
};

static const struct check CHECKS[] = {
    {ENG_SERIAL_NUMBER, 1, ENG_SERIAL, ENG_SERIAL, 0},
    {ENG_NOT_A_CA, 0, 0, ENG_CA_FALSE | ENG_NO_SUBJECT, ENG_CA_FALSE | ENG_NO_SUBJECT},
    {ENG_KEY_USAGE, 0, ENG_NO_DIGITAL_SIGNATURE, ENG_NO_KEY_CERT_SIGN, ENG_NO_KEY_CERT_SIGN},
    {ENG_EXTENDED_KEY_USAGE, 0, ENG_NO_CLIENT_AUTH, ENG_NO_CLIENT_AUTH, ENG_NO_CLIENT_AUTH},
    {ENG_EXTENDED_KEY_USAGE, 1, ENG_NO_EXTENDED_KEY_USAGE, 0, 0},
    {ENG_CRITICAL_EXTENSION, 0, ENG_UNEVALUATED_CRITICAL, ENG_UNEVALUATED_CRITICAL, ENG_UNEVALUATED_CRITICAL},
    {ENG_WEAK_KEY, 0, ENG_KEY_UNKNOWN, ENG_KEY_UNKNOWN, ENG_KEY_UNKNOWN},
    {ENG_WEAK_KEY, 1, ENG_KEY_TOO_WEAK, ENG_KEY_TOO_WEAK, ENG_KEY_TOO_WEAK},
    {ENG_WEAK_SIGNATURE, 1, ENG_SIGNATURE_TOO_WEAK, ENG_SIGNATURE_TOO_WEAK, 0},
};

enum eng_chain_reason eng_path_judge_leaf(const struct eng_certificate *leaf)
{
    if (leaf->faults & ENG_NOT_V3)
        return ENG_LEAF_VERSION;
    if ((leaf->faults & ENG_CA_FALSE) == 0)
        return ENG_LEAF_IS_CA;
    if (leaf->faults & ENG_HAS_NAME_CONSTRAINTS)
        return ENG_LEAF_NAME_CONSTRAINTS;
    return leaf->faults & ENG_WILDCARD ? ENG_LEAF_WILDCARD : ENG_CHAIN_GOOD;
}

static int fails(const struct check *check, struct eng_certificate *const *path, size_t path_len)
{
    unsigned int found = (path[0]->faults & check->leaf) | (path[path_len - 1]->faults & check->anchor);

    for (size_t i = 1; i + 1 < path_len; i++)
        found |= path[i]->faults & check->intermediate;
    return found != 0;
}

/* RFC 5280 section 4.2.1.9: pathLenConstraint counts the intermediates below that are not self-issued. */
static int keeps_path_length(struct eng_certificate *const *path, size_t path_len)
{
    long below = 0;

    for (size_t i = 1; i < path_len; i++) {
        if (path[i]->path_length >= 0 && below > path[i]->path_length)
            return 0;
        below += (path[i]->faults & ENG_SELF_ISSUED) == 0;
    }
    return 1;
}

/* What X509_verify_cert cannot be asked about: constraints and names that it would take for something else. Self-issued
 * intermediates are exempt. */
static int has_clear_names(struct eng_certificate *const *path, size_t path_len, int profile)
{
    for (size_t i = 1; i < path_len; i++) {
        if (profile == ENG_DEVICE && (path[i]->faults & ENG_UNEVALUATED_CONSTRAINTS) != 0)
            return 0;
        for (size_t below = 0; below < i; below++)
            if ((below == 0 || (path[below]->faults & ENG_SELF_ISSUED) == 0) &&
                (path[below]->unclear & path[i]->constrained) != 0)
                return 0;
    }
    return 1;
}

static enum eng_chain_reason reason_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ENG_NOT_YET_VALID;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ENG_EXPIRED;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return ENG_PATH_LENGTH;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
        return ENG_NAME_CONSTRAINTS;
    /* The path is given, so an issuer that the library does not take for one has a key of another kind than the signature. */
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return ENG_BAD_SIGNATURE;
    default:
        return ENG_REFUSED_BY_LIBRARY;
    }
}

/* X509_verify_cert's callback: notes the reason that comes first and lets it go on. Nothing is accepted by that, because
 * a reason noted is a refusal. */
static int note(int good, X509_STORE_CTX *context)
{
    enum eng_chain_reason *first = X509_STORE_CTX_get_app_data(context), reason;

    if (good)
        return 1;
    reason = reason_of(X509_STORE_CTX_get_error(context));
    if (*first == ENG_CHAIN_GOOD || reason < *first)
        *first = reason;
    return 1;
}

/* Purpose TLS client, always (CVE-2021-3450); partial chains, because every anchor is a verified CA; the path as given, so
 * what was sent comes before the anchor; common names are no DNS names. */
static int set_up(X509_STORE_CTX *context, STACK_OF(X509) *anchors, size_t path_len, int64_t now,
                  enum eng_chain_reason *first)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);

    X509_STORE_CTX_set0_trusted_stack(context, anchors);
    X509_STORE_CTX_set_verify_cb(context, note);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)now);
    X509_VERIFY_PARAM_set_depth(parameters, (int)path_len);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_STORE_CTX_set_app_data(context, first) == 1 &&
           X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) == 1 &&
           X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
           X509_VERIFY_PARAM_clear_flags(parameters, X509_V_FLAG_TRUSTED_FIRST) == 1;
}

/* Is the chain that was verified the path, certificate by certificate? */
static int is_path(X509_STORE_CTX *context, struct eng_certificate *const *path, size_t path_len)
{
    STACK_OF(X509) *verified = X509_STORE_CTX_get0_chain(context);

    if (verified == NULL || (size_t)sk_X509_num(verified) != path_len)
        return 0;
    for (size_t i = 0; i < path_len; i++)
        if (X509_cmp(sk_X509_value(verified, (int)i), path[i]->x509) != 0)
            return 0;
    return 1;
}

static enum eng_chain_reason verify(X509_STORE_CTX *context, X509_STORE *store, STACK_OF(X509) *sent,
                                    STACK_OF(X509) *anchors, struct eng_certificate *const *path, size_t path_len,
                                    int64_t now)
{
    enum eng_chain_reason first = ENG_CHAIN_GOOD;

    for (size_t i = 1; i + 1 < path_len; i++)
        if (!sk_X509_push(sent, path[i]->x509))
            return ENG_REFUSED_BY_LIBRARY;
    if (!sk_X509_push(anchors, path[path_len - 1]->x509) ||
        X509_STORE_CTX_init(context, store, path[0]->x509, sent) != 1 ||
        !set_up(context, anchors, path_len, now, &first))
        return ENG_REFUSED_BY_LIBRARY;
    if (X509_verify_cert(context) == 1 && first == ENG_CHAIN_GOOD && is_path(context, path, path_len))
        return ENG_CHAIN_GOOD;
    return first != ENG_CHAIN_GOOD ? first : ENG_REFUSED_BY_LIBRARY;
}

static enum eng_chain_reason ask_library(X509_STORE *store, struct eng_certificate *const *path, size_t path_len,
                                         int64_t now)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *sent = sk_X509_new_null(), *anchors = sk_X509_new_null();
    enum eng_chain_reason reason = ENG_REFUSED_BY_LIBRARY;

    if (context != NULL && sent != NULL && anchors != NULL)
        reason = verify(context, store, sent, anchors, path, path_len, now);
    X509_STORE_CTX_free(context);
    sk_X509_free(sent);
    sk_X509_free(anchors);
    return reason;
}

enum eng_chain_reason eng_path_judge(X509_STORE *store, struct eng_certificate *const *path, size_t path_len,
                                     int64_t now, int profile, int64_t *since, int64_t *until)
{
    *since = path[0]->not_before;
    *until = path[0]->not_after;
    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0]; i++)
        if ((profile == ENG_DEVICE || !CHECKS[i].only_device) && fails(&CHECKS[i], path, path_len))
            return CHECKS[i].reason;
    for (size_t i = 1; i < path_len; i++) {
        *since = path[i]->not_before > *since ? path[i]->not_before : *since;
        *until = path[i]->not_after < *until ? path[i]->not_after : *until;
    }
    if (now < *since)
        return ENG_NOT_YET_VALID;
    if (now >= *until)
        return ENG_EXPIRED;
    if (!keeps_path_length(path, path_len))
        return ENG_PATH_LENGTH;
    return has_clear_names(path, path_len, profile) ? ask_library(store, path, path_len, now) : ENG_NAME_CONSTRAINTS;
}
