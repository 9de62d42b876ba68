#ifndef ENG_CHAIN_NAMES_H
#define ENG_CHAIN_NAMES_H

#include <openssl/x509v3.h>

#include "chain_certificate.h"
#include "must_use.h"

/* 1 where every attribute of a name is a string of characters. */
int eng_names_are_text(const X509_NAME *name);
ENG_MUST_USE(eng_names_are_text);

/* As the reference's parser has it: text is ASCII, an address has 4 or 16 octets (in a constraint, a mask as well), and the
 * two kinds of names that nobody uses are not read. */
int eng_names_is_well_formed(const GENERAL_NAME *name, int in_constraint);
ENG_MUST_USE(eng_names_is_well_formed);

/* Reads subjectAltName and nameConstraints for what eng_certificate says of them. 0 where a name is malformed. */
int eng_names_read(struct eng_certificate *certificate);
ENG_MUST_USE(eng_names_read);

#endif
