#ifndef ENG_CHAIN_PARSED_H
#define ENG_CHAIN_PARSED_H

#include "chain_certificate.h"
#include "chain_table.h"
#include "must_use.h"

/* The table of parsed certificates: by SHA-256 of their DER. */
struct eng_parsed {
    struct eng_table_entry entry;
    struct eng_certificate *certificate;
};

/* A certificate with a reference for the caller, from the table where it is there, else read. */
enum eng_read eng_parsed_get(struct eng_table *table, const uint8_t *der, size_t der_len,
                             struct eng_certificate **certificate);
ENG_MUST_USE(eng_parsed_get);

/* Keeps a certificate in the table, which takes a reference of its own. */
void eng_parsed_keep(struct eng_table *table, struct eng_certificate *certificate);

/* Releases all of them and closes the table. */
void eng_parsed_close(struct eng_table *table);

#endif
