/* Puts one device and asks for it with five passwords; prints the answers. Linked with --wrap for the two functions that
 * secrets go through: what is unsealed is undefined for memcheck from there on, so that it reports every branch and every
 * address of known_good.c and credential_table.c that depends on a secret. Only which secret was proved is declassified.
 * With -DEARLY_EXIT the verification is one that tells. */
#include <stdio.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "known_good.h"
#include "secret.h"

int __real_eng_credential_unseal(EVP_CIPHER_CTX *context, const uint8_t *nonce, const uint8_t *associated,
                                 size_t associated_len, const uint8_t *sealed, const uint8_t *tag, uint8_t *secrets);
int __wrap_eng_credential_unseal(EVP_CIPHER_CTX *context, const uint8_t *nonce, const uint8_t *associated,
                                 size_t associated_len, const uint8_t *sealed, const uint8_t *tag, uint8_t *secrets);
__typeof__(eng_secret_verify_by) __real_eng_secret_verify_by, __wrap_eng_secret_verify_by;

int __wrap_eng_credential_unseal(EVP_CIPHER_CTX *context, const uint8_t *nonce, const uint8_t *associated,
                                 size_t associated_len, const uint8_t *sealed, const uint8_t *tag, uint8_t *secrets)
{
    int done = __real_eng_credential_unseal(context, nonce, associated, associated_len, sealed, tag, secrets);

    (void)VALGRIND_MAKE_MEM_UNDEFINED(secrets, ENG_CREDENTIAL_SECRETS_BYTES);
    return done;
}

unsigned int __wrap_eng_secret_verify_by(struct eng_secret_key *key, const uint8_t *password, const uint8_t *stamp,
                                         const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                                         size_t secondary_len)
{
    unsigned int proved;

#ifdef EARLY_EXIT
    if (primary[0] == 'x')
        return 0;
#endif
    proved = __real_eng_secret_verify_by(key, password, stamp, primary, primary_len, secondary, secondary_len);
    (void)VALGRIND_MAKE_MEM_DEFINED(&proved, sizeof proved);
    return proved;
}

int main(int argc, char **argv)
{
    static const char primary[] = "12345678", secondary[] = "abcdefghabcdefghabcdefghabcdefgh";
    static const uint8_t record_id[12];
    const struct eng_known_good_policy policy = {256, 256, 256, 30, 1200, 1, ENG_SIGN_TYPES_BOTH};
    struct eng_credential_table *table = eng_credential_table_open(4);

    if (table == NULL
        || !eng_credential_table_put(table, (const uint8_t *)"pump", 4, record_id, 1, 0, (const uint8_t *)primary, 8,
                                     (const uint8_t *)secondary, 32))
        return 2;
    for (int i = 1; i < argc; i++) {
        struct eng_known_good result;
        struct eng_mqtt_connect connect = {
            .client_id = (const uint8_t *)"pump_0_0_2025041401",
            .client_id_len = 19,
            .user_name = (const uint8_t *)"pump",
            .user_name_len = 4,
            .password = (const uint8_t *)argv[i],
            .password_len = strlen(argv[i]),
            .protocol_version = 4,
            .keep_alive = 60,
        };

        printf("%d\n", eng_known_good(table, &policy, &connect, NULL, 0, 1744592400, &result));
    }
    eng_credential_table_close(table);
    return 0;
}
