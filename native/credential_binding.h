#ifndef ENG_CREDENTIAL_BINDING_H
#define ENG_CREDENTIAL_BINDING_H

#include <stddef.h>
#include <stdint.h>

#include "credential_layout.h"
#include "credential_seal.h"
#include "digest.h"
#include "must_use.h"

#define ENG_DEVICE_ID_BYTES 128

/* What the seal of an entry is bound to: the place and version that it is of (the nonce), and, as associated data, whose it
 * is, all else that the entry says, and where certificates prove the device which ones and under which trust. That they do
 * is among what the entry says, so that no binding of one kind is one of the other. */
struct eng_binding {
    uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES];
    uint8_t associated[3 * sizeof(uint64_t) + ENG_DEVICE_ID_BYTES + sizeof(uint64_t) + ENG_DIGEST_BYTES];
    size_t associated_len;
};

/* device_id: of at most ENG_DEVICE_ID_BYTES. version: that the entry has, or will have, with these words. */
void eng_bind(uint32_t index, uint64_t version, const uint8_t *device_id, size_t device_id_len,
              const uint64_t words[ENG_ENTRY_WORDS], struct eng_binding *binding);

/* To certificates as well. 1 when done. */
int eng_bind_list(uint64_t trust, const uint8_t *list, size_t list_len, struct eng_binding *binding);
ENG_MUST_USE(eng_bind_list);

#endif
