#ifndef ENG_CHAIN_INTERNAL_H
#define ENG_CHAIN_INTERNAL_H

#include <openssl/x509_vfy.h>

#include "chain.h"
#include "chain_table.h"

/* store: empty; X509_verify_cert wants one. */
struct eng_chain {
    struct eng_chain_limits limits;
    struct eng_table parsed, verified;
    X509_STORE *store;
};

#endif
