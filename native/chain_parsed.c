#include "chain_parsed.h"

enum eng_read eng_parsed_get(struct eng_table *table, const uint8_t *der, size_t der_len,
                             struct eng_certificate **certificate)
{
    uint8_t sha256[ENG_DIGEST_BYTES];
    struct eng_parsed *known;

    if (!eng_digest(der, der_len, NULL, 0, sha256))
        return ENG_NO_MEMORY;
    known = eng_table_find(table, sha256);
    if (known == NULL)
        return eng_certificate_read(der, der_len, sha256, certificate);
    *certificate = eng_certificate_share(known->certificate);
    return ENG_READ;
}

void eng_parsed_keep(struct eng_table *table, struct eng_certificate *certificate)
{
    struct eng_parsed *parsed = eng_table_place(table, certificate->sha256);

    if (parsed == NULL || parsed->certificate == certificate)
        return;
    eng_certificate_release(parsed->certificate);
    parsed->certificate = eng_certificate_share(certificate);
}

void eng_parsed_close(struct eng_table *table)
{
    struct eng_parsed *parsed = (struct eng_parsed *)table->entries;

    for (size_t i = 0; i < eng_table_room(table); i++)
        eng_certificate_release(parsed[i].certificate);
    eng_table_close(table);
}
