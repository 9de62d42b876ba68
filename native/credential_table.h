#ifndef ENG_CREDENTIAL_TABLE_H
#define ENG_CREDENTIAL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "credential_seal.h"
#include "credential_table.cdef.h"
#include "must_use.h"

#define ENG_DEVICE_ID_BYTES 128
#define ENG_RECORD_ID_BYTES 12

ENG_MUST_USE(eng_credential_table_open);
ENG_MUST_USE(eng_credential_table_map);
ENG_MUST_USE(eng_credential_table_put);

/* The rest is for known_good.c. */

/* An entry as it was at one moment: `words` is the entry whole, secrets sealed. `version` changes with every write. */
struct eng_credential_copy {
    uint32_t index;
    uint64_t version, generation;
    int checked_stamp_seen, has_primary, has_secondary;
    size_t primary_len, secondary_len;
    uint8_t record_id[ENG_RECORD_ID_BYTES];
    uint64_t words[16];
};

/* Primary, then secondary, at fixed places; zeros behind each and in place of an absent one. */
struct eng_credential_secrets {
    uint8_t bytes[ENG_CREDENTIAL_SECRETS_BYTES + ENG_CREDENTIAL_TAG_BYTES]; /* EVP may write a block more */
};

/* 1 and the entry's copy; 0 when there is none, or when it was being written. */
int eng_credential_table_find(const struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                              struct eng_credential_copy *copy) __attribute__((warn_unused_result));

/* 1 and the secrets, which the caller wipes; 0 when the entry is not this device's. */
int eng_credential_table_unseal(const struct eng_credential_table *table, const uint8_t *device_id,
                                size_t device_id_len, const struct eng_credential_copy *copy,
                                struct eng_credential_secrets *secrets) __attribute__((warn_unused_result));

/* Whether nothing was written to the entry since it had this version. */
int eng_credential_table_is_unchanged(const struct eng_credential_table *table, uint32_t index, uint64_t version)
    __attribute__((warn_unused_result));

#endif
