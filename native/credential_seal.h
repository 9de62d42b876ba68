#ifndef ENG_CREDENTIAL_SEAL_H
#define ENG_CREDENTIAL_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "credential_keys.h"

#define ENG_CREDENTIAL_SECRET_BYTES 32 /* iotda-rest.md A.3: a secret has 8 to 32 characters, all of them ASCII */
#define ENG_CREDENTIAL_SECRETS_BYTES (2 * ENG_CREDENTIAL_SECRET_BYTES)
#define ENG_CREDENTIAL_TAG_BYTES 16
#define ENG_CREDENTIAL_NONCE_BYTES 12

/* AES-256-GCM (NIST SP 800-38D) of both secrets of a device, under the key of the table. One context for sealing and one
 * for unsealing: the key is expanded once, each call sets the nonce only. */

/* NULL where memory is short. EVP_CIPHER_CTX_free it. */
EVP_CIPHER_CTX *eng_credential_seal_context(const uint8_t key[ENG_CREDENTIAL_KEY_BYTES], int is_sealing)
    __attribute__((warn_unused_result));

/* 1 when done. A nonce must never be used for two contents under one key. */
int eng_credential_seal(EVP_CIPHER_CTX *context, const uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES],
                        const uint8_t *associated, size_t associated_len,
                        const uint8_t secrets[ENG_CREDENTIAL_SECRETS_BYTES],
                        uint8_t sealed[ENG_CREDENTIAL_SECRETS_BYTES], uint8_t tag[ENG_CREDENTIAL_TAG_BYTES])
    __attribute__((warn_unused_result));

/* 1 when `sealed` was made with this nonce and these associated data; else 0, and `secrets` is wiped. */
int eng_credential_unseal(EVP_CIPHER_CTX *context, const uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES],
                          const uint8_t *associated, size_t associated_len,
                          const uint8_t sealed[ENG_CREDENTIAL_SECRETS_BYTES],
                          const uint8_t tag[ENG_CREDENTIAL_TAG_BYTES],
                          uint8_t secrets[ENG_CREDENTIAL_SECRETS_BYTES]) __attribute__((warn_unused_result));

#endif
