#ifndef ENG_CHAIN_CERTIFICATE_H
#define ENG_CHAIN_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "chain_table.h"
#include "must_use.h"

/* What may be said against a certificate by itself; which of it matters depends on its place (chain_path.c). */
enum eng_fault {
    ENG_NOT_V3 = 1 << 0,
    ENG_SERIAL = 1 << 1,                 /* not positive, or over 20 octets */
    ENG_NO_SUBJECT = 1 << 2,
    ENG_CA_FALSE = 1 << 3,
    ENG_NO_KEY_CERT_SIGN = 1 << 4,       /* keyUsage is present, and without it; so the next two */
    ENG_NO_CRL_SIGN = 1 << 5,
    ENG_NO_DIGITAL_SIGNATURE = 1 << 6,
    ENG_NO_EXTENDED_KEY_USAGE = 1 << 7,
    ENG_NO_CLIENT_AUTH = 1 << 8,         /* extKeyUsage is present, and without it */
    ENG_UNEVALUATED_CRITICAL = 1 << 9,
    ENG_KEY_TOO_WEAK = 1 << 10,
    ENG_SIGNATURE_TOO_WEAK = 1 << 11,
    ENG_HAS_NAME_CONSTRAINTS = 1 << 12,
    ENG_UNEVALUATED_CONSTRAINTS = 1 << 13,
    ENG_WILDCARD = 1 << 14,
    ENG_SELF_ISSUED = 1 << 15,
    ENG_SELF_SIGNED = 1 << 16, /* by its own word */
    ENG_KEY_UNKNOWN = 1 << 17  /* of no kind that we know, or broken */
};

/* A parsed certificate, shared by the table, the sets of anchors and the paths that it is on. */
struct eng_certificate {
    size_t references;
    uint8_t sha256[ENG_DIGEST_BYTES];
    X509 *x509;
    int64_t not_before, not_after;
    unsigned int faults;       /* of enum eng_fault */
    unsigned int constrained;  /* 1 << GEN_DNS and so on: kinds of names in nameConstraints */
    unsigned int unclear;      /* the same: kinds of which it has a name that no constraint can be held against */
    long path_length;          /* pathLenConstraint; -1 where there is none */
};

enum eng_read { ENG_READ, ENG_NOT_READ, ENG_NO_MEMORY };

/* 1 where, by the names and the key identifiers, `issuer` may have issued `subject`. */
int eng_certificate_may_issue(const struct eng_certificate *issuer, const struct eng_certificate *subject);
ENG_MUST_USE(eng_certificate_may_issue);

/* A certificate with one reference; NOT_READ where it is not DER, or not X.509. `sha256` is that of `der`. */
enum eng_read eng_certificate_read(const uint8_t *der, size_t der_len, const uint8_t sha256[ENG_DIGEST_BYTES],
                                   struct eng_certificate **certificate);
ENG_MUST_USE(eng_certificate_read);

struct eng_certificate *eng_certificate_share(struct eng_certificate *certificate);
ENG_MUST_USE(eng_certificate_share);

/* Gives one reference back. NULL is allowed. */
void eng_certificate_release(struct eng_certificate *certificate);

/* 1 where the signature algorithm is on the list of profile DEVICE. */
int eng_certificate_is_strong(int signature_nid);
ENG_MUST_USE(eng_certificate_is_strong);

/* Seconds since 1970. 1 when done. */
int eng_certificate_seconds(const ASN1_TIME *time, int64_t *seconds);
ENG_MUST_USE(eng_certificate_seconds);

#endif
