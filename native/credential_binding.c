#include "credential_binding.h"

#include <string.h>

static void append(struct eng_binding *binding, const void *data, size_t data_len)
{
    memcpy(binding->associated + binding->associated_len, data, data_len);
    binding->associated_len += data_len;
}

void eng_bind(uint32_t index, uint64_t version, const uint8_t *device_id, size_t device_id_len,
              const uint64_t words[ENG_ENTRY_WORDS], struct eng_binding *binding)
{
    /* An entry's number and version are a nonce that is never used twice: a version only grows. */
    memcpy(binding->nonce, &index, sizeof index);
    memcpy(binding->nonce + sizeof index, &version, sizeof version);
    binding->associated_len = 0;
    append(binding, &words[ENG_WORD_GENERATION], sizeof(uint64_t));
    append(binding, &words[ENG_WORD_FACTS], 2 * sizeof(uint64_t));
    append(binding, device_id, device_id_len);
}

int eng_bind_list(uint64_t trust, const uint8_t *list, size_t list_len, struct eng_binding *binding)
{
    uint8_t sha256[ENG_DIGEST_BYTES];

    if (!eng_digest(list, list_len, NULL, 0, sha256))
        return 0;
    append(binding, &trust, sizeof trust);
    append(binding, sha256, sizeof sha256);
    return 1;
}
