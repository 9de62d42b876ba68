#ifndef ENG_CHAIN_ANCHORS_H
#define ENG_CHAIN_ANCHORS_H

#include <stddef.h>
#include <stdint.h>

#include "chain_certificate.h"
#include "chain_crl.h"
#include "must_use.h"

/* What a set holds in one place. certificate is NULL where it could not be read; crls_broken where one of the CRLs could
 * not. identity: SHA-256 over the certificate's and the CRLs' own, so that whatever changes makes it another anchor. */
struct eng_anchor {
    size_t place;
    struct eng_certificate *certificate;
    struct eng_crl *crls;
    int crls_broken;
    uint8_t identity[ENG_DIGEST_BYTES];
};

/* by_name and by_identity: those with a certificate, sorted, equal ones by place. */
struct eng_anchors {
    size_t size, count, readable;
    struct eng_anchor *all;
    struct eng_anchor **by_name, **by_identity;
};

/* The first of the anchors whose subject is `name`; *count is how many there are. */
struct eng_anchor *const *eng_anchors_named(const struct eng_anchors *anchors, const X509_NAME *name, size_t *count);
ENG_MUST_USE(eng_anchors_named);

/* The first of the anchors whose identity begins with these octets (all 32, or fewer), or NULL. */
const struct eng_anchor *eng_anchors_find(const struct eng_anchors *anchors, const uint8_t *identity,
                                          size_t identity_len);
ENG_MUST_USE(eng_anchors_find);

#endif
