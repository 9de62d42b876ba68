#ifndef ENG_CHAIN_CRL_H
#define ENG_CHAIN_CRL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "chain.h"
#include "chain_certificate.h"
#include "must_use.h"

/* A parsed CRL of an anchor; the next one of the same anchor. `crl` may be shared with other anchors of the set. */
struct eng_crl {
    struct eng_crl *next;
    X509_CRL *crl;
    uint8_t sha256[ENG_DIGEST_BYTES];     /* of the DER */
    int64_t this_update, next_update;
    int beyond_us;                        /* a critical extension: delta, indirect, partitioned or unknown */
    uint8_t signed_by[ENG_DIGEST_BYTES];  /* SHA-256 of the CA whose signature was last found good: it costs once */
};

enum eng_read eng_crl_read(const uint8_t *der, size_t der_len, struct eng_crl **crl);
ENG_MUST_USE(eng_crl_read);

/* The same CRL for another anchor: ENG_READ or ENG_NO_MEMORY. */
enum eng_read eng_crl_share(const struct eng_crl *known, struct eng_crl **crl);
ENG_MUST_USE(eng_crl_share);

/* Frees it and those after it. */
void eng_crl_free(struct eng_crl *crl);

/* Judges a path, the leaf first, by the CRLs of its anchor; narrows since and until to those of the CRLs consulted. */
enum eng_chain_reason eng_crl_judge(struct eng_crl *crls, struct eng_certificate *const *path, size_t path_len,
                                    int64_t now, int profile, int64_t *since, int64_t *until);
ENG_MUST_USE(eng_crl_judge);

#endif
