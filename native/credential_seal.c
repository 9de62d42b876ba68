#include "credential_seal.h"

#include <string.h>

#include <openssl/crypto.h>

EVP_CIPHER_CTX *eng_credential_seal_context(const uint8_t key[ENG_CREDENTIAL_KEY_BYTES], int is_sealing)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context == NULL || EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, NULL, is_sealing) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

int eng_credential_seal(EVP_CIPHER_CTX *context, const uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES],
                        const uint8_t *associated, size_t associated_len,
                        const uint8_t secrets[ENG_CREDENTIAL_SECRETS_BYTES],
                        uint8_t sealed[ENG_CREDENTIAL_SECRETS_BYTES], uint8_t tag[ENG_CREDENTIAL_TAG_BYTES])
{
    int len;

    return EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) == 1
           && EVP_EncryptUpdate(context, NULL, &len, associated, (int)associated_len) == 1
           && EVP_EncryptUpdate(context, sealed, &len, secrets, ENG_CREDENTIAL_SECRETS_BYTES) == 1
           && EVP_EncryptFinal_ex(context, sealed + ENG_CREDENTIAL_SECRETS_BYTES, &len) == 1
           && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, ENG_CREDENTIAL_TAG_BYTES, tag) == 1;
}

int eng_credential_unseal(EVP_CIPHER_CTX *context, const uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES],
                          const uint8_t *associated, size_t associated_len,
                          const uint8_t sealed[ENG_CREDENTIAL_SECRETS_BYTES],
                          const uint8_t tag[ENG_CREDENTIAL_TAG_BYTES], uint8_t secrets[ENG_CREDENTIAL_SECRETS_BYTES])
{
    uint8_t expected[ENG_CREDENTIAL_TAG_BYTES];
    int len;

    /* EVP wants the tag in memory that it may write. */
    memcpy(expected, tag, sizeof expected);
    if (EVP_DecryptInit_ex(context, NULL, NULL, NULL, nonce) == 1
        && EVP_DecryptUpdate(context, NULL, &len, associated, (int)associated_len) == 1
        && EVP_DecryptUpdate(context, secrets, &len, sealed, ENG_CREDENTIAL_SECRETS_BYTES) == 1
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, sizeof expected, expected) == 1
        && EVP_DecryptFinal_ex(context, secrets + ENG_CREDENTIAL_SECRETS_BYTES, &len) == 1)
        return 1;
    OPENSSL_cleanse(secrets, ENG_CREDENTIAL_SECRETS_BYTES);
    return 0;
}
