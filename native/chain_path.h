#ifndef ENG_CHAIN_PATH_H
#define ENG_CHAIN_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "chain.h"
#include "chain_certificate.h"
#include "must_use.h"

#include <openssl/x509_vfy.h>

/* Profile DEVICE: what no path makes good. */
enum eng_chain_reason eng_path_judge_leaf(const struct eng_certificate *leaf);
ENG_MUST_USE(eng_path_judge_leaf);

/* Judges a path, the leaf first and the anchor last: the first check that fails is the reason, signatures last. Then
 * *since <= now < *until, the latest notBefore and the earliest notAfter. */
enum eng_chain_reason eng_path_judge(X509_STORE *store, struct eng_certificate *const *path, size_t path_len,
                                     int64_t now, int profile, int64_t *since, int64_t *until);
ENG_MUST_USE(eng_path_judge);

#endif
