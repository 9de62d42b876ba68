#include "known_good.h"

#include <string.h>

#include <openssl/crypto.h>

#include "secret.h"
#include "stamp.h"

#define SUFFIX_BYTES (sizeof "_0_1_YYYYMMDDHH" - 1)
#define PASSWORD_BYTES ENG_SECRET_PASSWORD_BYTES
#define VERSION_5 5

static int is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* Letters, digits, _ and -, which are looked at one by one: a bit for each character. */
static int is_id_byte(uint8_t byte)
{
    static const uint64_t bits[4] = {0x03ff200000000000, 0x07fffffe87fffffe, 0, 0};

    return (int)(bits[byte / 64] >> byte % 64 & 1);
}

/* `{device_id}_0_{sign_type}_{YYYYMMDDHH}`, split from the right: a device_id may hold underscores. */
static int read_claim(const uint8_t *client_id, size_t client_id_len, struct eng_known_good_claim *claim)
{
    const uint8_t *suffix;

    if (client_id_len <= SUFFIX_BYTES || client_id_len > SUFFIX_BYTES + ENG_DEVICE_ID_BYTES)
        return 0;
    claim->device_id = client_id;
    claim->device_id_len = client_id_len - SUFFIX_BYTES;
    for (size_t i = 0; i < claim->device_id_len; i++)
        if (!is_id_byte(client_id[i]))
            return 0;

    suffix = client_id + claim->device_id_len;
    if (memcmp(suffix, "_0_", 3) != 0 || (suffix[3] != '0' && suffix[3] != '1') || suffix[4] != '_')
        return 0;
    claim->sign_type = suffix[3] - '0';
    claim->stamp = suffix + 5;
    for (size_t i = 0; i < ENG_STAMP_BYTES; i++)
        if (!is_digit(claim->stamp[i]))
            return 0;
    return 1;
}

/* What Python's MqttConversation._unfit and claim_from_connect ask of CONNECT whoever the device is, and that User Name
 * is there. */
static int is_fit(const struct eng_mqtt_connect *connect, const struct eng_known_good_policy *policy)
{
    if (connect->client_id == NULL || connect->user_name == NULL || connect->client_id_len > policy->client_id_bytes
        || connect->user_name_len > policy->user_name_bytes)
        return 0;
    if (connect->protocol_version < VERSION_5)
        return connect->keep_alive >= policy->keep_alive_minimum_seconds
               && connect->keep_alive <= policy->keep_alive_maximum_seconds;
    return !connect->has_will || (connect->will_qos <= 1 && !connect->will_retain);
}

static int is_in_window(const struct eng_known_good_claim *claim, const struct eng_known_good_policy *policy,
                        int64_t now)
{
    return eng_stamp_is_in_window(claim->stamp, now, policy->stamp_window_hours);
}

/* A judged stamp that is the device's first must be noted, and that is Python's to do. */
static int is_sign_type_allowed(const struct eng_known_good_claim *claim, int checked_stamp_seen,
                                const struct eng_known_good_policy *policy, int64_t now)
{
    if (claim->sign_type == 1)
        return checked_stamp_seen && is_in_window(claim, policy, now);
    return policy->sign_types == ENG_SIGN_TYPES_BOTH
           || (policy->sign_types == ENG_SIGN_TYPES_STICKY && !checked_stamp_seen);
}

/* The copy's secrets against the password. */
static int is_proved_by_secret(const struct eng_credential_table *table, const struct eng_known_good_claim *claim,
                               const uint8_t *password, const struct eng_credential_copy *copy,
                               struct eng_secret_key *key)
{
    struct eng_credential_secrets secrets;
    unsigned int proved;

    if (!eng_credential_table_unseal(table, claim->device_id, claim->device_id_len, copy, &secrets))
        return 0;
    proved = eng_secret_verify_by(key, password, claim->stamp, copy->has_primary ? secrets.bytes : NULL,
                                  copy->primary_len,
                                  copy->has_secondary ? secrets.bytes + ENG_CREDENTIAL_SECRET_BYTES : NULL,
                                  copy->secondary_len);
    OPENSSL_cleanse(&secrets, sizeof secrets);
    return proved != 0;
}

/* The leaf of a list as TLS carries it: its DER, or 0 where the list does not begin with one. */
static size_t leaf_of(const uint8_t *list, size_t list_len, const uint8_t **leaf)
{
    size_t leaf_len;

    if (list_len < 3)
        return 0;
    leaf_len = (size_t)list[0] << 16 | (size_t)list[1] << 8 | list[2];
    *leaf = list + 3;
    return leaf_len <= list_len - 3 ? leaf_len : 0;
}

/* The same list, under the same trust, in the time of that judgement: then it would be judged the same. */
static int is_proved_by_list(const struct eng_credential_table *table, const struct eng_known_good_claim *claim,
                             const uint8_t *list, size_t list_len, const struct eng_credential_copy *copy, int64_t now,
                             struct eng_known_good *result)
{
    struct eng_credential_proof proof;
    const uint8_t *leaf;
    const size_t leaf_len = leaf_of(list, list_len, &leaf);

    if (leaf_len == 0
        || !eng_credential_table_unseal_proof(table, claim->device_id, claim->device_id_len, copy, list, list_len,
                                              &proof)
        || now < proof.since || now >= proof.until || !eng_digest(leaf, leaf_len, NULL, 0, result->proof))
        return 0;
    memcpy(result->proof + ENG_DIGEST_BYTES, proof.anchor_sha256, ENG_DIGEST_BYTES);
    return 1;
}

/* By a Password, where there is one, else by certificates (claim_from_connect). */
static int is_proved(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                     const struct eng_mqtt_connect *connect, const struct eng_known_good_claim *claim,
                     const uint8_t *list, size_t list_len, const struct eng_credential_copy *copy, int64_t now,
                     struct eng_secret_key *key, struct eng_known_good *result)
{
    if (connect->password == NULL)
        return list != NULL && (claim->sign_type == 0 || is_in_window(claim, policy, now))
               && is_proved_by_list(table, claim, list, list_len, copy, now, result);
    return connect->password_len <= policy->password_bytes && connect->password_len == PASSWORD_BYTES
           && is_sign_type_allowed(claim, copy->checked_stamp_seen, policy, now)
           && is_proved_by_secret(table, claim, connect->password, copy, key);
}

int eng_known_good_claim(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                         const struct eng_mqtt_connect *connect, struct eng_known_good_claim *claim)
{
    if (!is_fit(connect, policy) || !read_claim(connect->client_id, connect->client_id_len, claim)
        || connect->user_name_len != claim->device_id_len
        || memcmp(connect->user_name, claim->device_id, claim->device_id_len) != 0)
        return 0;
    eng_credential_table_hash(table, claim->device_id, claim->device_id_len, claim->hash);
    return 1;
}

int eng_known_good_judge(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                         const struct eng_mqtt_connect *connect, const struct eng_known_good_claim *claim,
                         const uint8_t *list, size_t list_len, int64_t now, struct eng_secret_key *key,
                         struct eng_known_good *result)
{
    struct eng_credential_copy copy;

    result->device_id = NULL;
    result->device_id_len = claim->device_id_len;
    if (!eng_credential_table_find(table, claim->hash, &copy)) {
        result->device_id = connect->password_len == PASSWORD_BYTES ? claim->device_id : NULL;
        return 0;
    }
    if (!is_proved(table, policy, connect, claim, list, list_len, &copy, now, key, result))
        return 0;

    result->device_id = claim->device_id;
    result->generation = copy.generation;
    result->version = copy.version;
    result->trust = copy.trust;
    result->index = copy.index;
    result->sign_type = claim->sign_type;
    memcpy(result->record_id, copy.record_id, sizeof result->record_id);
    return 1;
}

int eng_known_good(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                   const struct eng_mqtt_connect *connect, const uint8_t *list, size_t list_len, int64_t now,
                   struct eng_known_good *result)
{
    struct eng_secret_key key = {.is_set = 0};
    struct eng_known_good_claim claim;

    result->device_id = NULL;
    return eng_known_good_claim(table, policy, connect, &claim)
           && eng_known_good_judge(table, policy, connect, &claim, list, list_len, now, &key, result);
}

int eng_known_good_still(const struct eng_credential_table *table, const struct eng_known_good *result)
{
    return eng_credential_table_is_unchanged(table, result->index, result->version, result->trust);
}
