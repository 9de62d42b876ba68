#ifndef ENG_KNOWN_GOOD_H
#define ENG_KNOWN_GOOD_H

#include <stddef.h>
#include <stdint.h>

#include "credential_table.h"
#include "mqtt_connect.h"
#include "must_use.h"
#include "secret.h"

#include "known_good.cdef.h"

/* Whom a CONNECT claims to be: its Client Identifier, taken apart, and what the device is found by. */
struct eng_known_good_claim {
    const uint8_t *device_id, *stamp;
    size_t device_id_len;
    uint64_t hash[2];
    uint8_t sign_type;
};

/* The two halves of eng_known_good, for who judges several together. 1, and whom the CONNECT claims to be; 0: ask Python. */
int eng_known_good_claim(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                         const struct eng_mqtt_connect *connect, struct eng_known_good_claim *claim)
    __attribute__((warn_unused_result));
/* The rest, of a connect with a claim. key: for one after the other. */
int eng_known_good_judge(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                         const struct eng_mqtt_connect *connect, const struct eng_known_good_claim *claim,
                         const uint8_t *list, size_t list_len, int64_t now, struct eng_secret_key *key,
                         struct eng_known_good *result)
    __attribute__((warn_unused_result));

ENG_MUST_USE(eng_known_good);
ENG_MUST_USE(eng_known_good_still);

#endif
