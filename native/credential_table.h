#ifndef ENG_CREDENTIAL_TABLE_H
#define ENG_CREDENTIAL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "credential_binding.h"
#include "credential_seal.h"
#include "credential_table.cdef.h"
#include "digest.h"
#include "must_use.h"

#define ENG_RECORD_ID_BYTES 12

ENG_MUST_USE(eng_credential_table_open);
ENG_MUST_USE(eng_credential_table_map);
ENG_MUST_USE(eng_credential_table_put);
ENG_MUST_USE(eng_credential_table_put_certified);

/* The rest is for known_good.c. */

/* An entry as it was at one moment: `words` is the entry whole, sealed. `version` changes with every write. trust: of the
 * table at that moment where certificates prove the device, else 0. */
struct eng_credential_copy {
    uint32_t index;
    uint64_t version, generation, trust;
    int is_certified, checked_stamp_seen, has_primary, has_secondary;
    size_t primary_len, secondary_len;
    uint8_t record_id[ENG_RECORD_ID_BYTES];
    uint64_t words[16];
};

/* Primary, then secondary, at fixed places; zeros behind each and in place of an absent one. */
struct eng_credential_secrets {
    uint8_t bytes[ENG_CREDENTIAL_SECRETS_BYTES + ENG_CREDENTIAL_TAG_BYTES]; /* EVP may write a block more */
};

/* What the certificates of a device proved, and while it holds: since <= now < until. */
struct eng_credential_proof {
    uint8_t anchor_sha256[ENG_DIGEST_BYTES];
    int64_t since, until;
};

/* What a device is found by: keyed, so that no peer chooses where to look. device_id of 1 to ENG_DEVICE_ID_BYTES. The cache
 * begins to fetch the place. */
void eng_credential_table_hash(const struct eng_credential_table *table, const uint8_t *device_id,
                               size_t device_id_len, uint64_t hash[2]);

/* 1 and the entry's copy; 0 when there is none, or when it was being written. */
int eng_credential_table_find(const struct eng_credential_table *table, const uint64_t hash[2],
                              struct eng_credential_copy *copy) __attribute__((warn_unused_result));

/* For who is about to find several: have the cache fetch the entry, whose likely number is told; UINT32_MAX for none. */
uint32_t eng_credential_table_fetch(const struct eng_credential_table *table, const uint64_t hash[2]);

/* 1 and the secrets, which the caller wipes; 0 when the entry is not this device's, or is certified. */
int eng_credential_table_unseal(const struct eng_credential_table *table, const uint8_t *device_id,
                                size_t device_id_len, const struct eng_credential_copy *copy,
                                struct eng_credential_secrets *secrets) __attribute__((warn_unused_result));

/* 1 and the proof; 0 when the entry is not this device's, or was not put for this list under the copy's trust. */
int eng_credential_table_unseal_proof(const struct eng_credential_table *table, const uint8_t *device_id,
                                      size_t device_id_len, const struct eng_credential_copy *copy,
                                      const uint8_t *list, size_t list_len, struct eng_credential_proof *proof)
    __attribute__((warn_unused_result));

/* Whether nothing was written to the entry since it had this version, and the trust, where it counts, is the same. */
int eng_credential_table_is_unchanged(const struct eng_credential_table *table, uint32_t index, uint64_t version,
                                      uint64_t trust) __attribute__((warn_unused_result));

#endif
