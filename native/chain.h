#ifndef ENG_CHAIN_H
#define ENG_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#include "chain.cdef.h"
#include "must_use.h"

ENG_MUST_USE(eng_chain_open);
ENG_MUST_USE(eng_chain_certificates_remembered);
ENG_MUST_USE(eng_chain_chains_remembered);
ENG_MUST_USE(eng_anchors_open);
ENG_MUST_USE(eng_anchors_add);
ENG_MUST_USE(eng_anchors_add_crl);
ENG_MUST_USE(eng_anchors_seal);
ENG_MUST_USE(eng_chain_verify);

#define ENG_DEVICE 1

/* engine.gate.interface.ChainReason; 0 where there is nothing to complain of. */
enum eng_chain_reason {
    ENG_CHAIN_GOOD,
    ENG_TOO_LARGE,
    ENG_TOO_MANY_CERTIFICATES,
    ENG_MALFORMED,
    ENG_LEAF_VERSION,
    ENG_LEAF_IS_CA,
    ENG_LEAF_NAME_CONSTRAINTS,
    ENG_LEAF_WILDCARD,
    ENG_UNKNOWN_CA,
    ENG_SERIAL_NUMBER,
    ENG_NOT_A_CA,
    ENG_KEY_USAGE,
    ENG_EXTENDED_KEY_USAGE,
    ENG_CRITICAL_EXTENSION,
    ENG_WEAK_KEY,
    ENG_WEAK_SIGNATURE,
    ENG_NOT_YET_VALID,
    ENG_EXPIRED,
    ENG_PATH_LENGTH,
    ENG_NAME_CONSTRAINTS,
    ENG_BAD_SIGNATURE,
    ENG_REFUSED_BY_LIBRARY,
    ENG_CRL_MISSING,
    ENG_CRL_UNUSABLE,
    ENG_CRL_EXPIRED,
    ENG_REVOKED,
    ENG_BUDGET_EXCEEDED
};

#endif
