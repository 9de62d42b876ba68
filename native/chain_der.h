#ifndef ENG_CHAIN_DER_H
#define ENG_CHAIN_DER_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

/* Bytes still to be read. */
struct eng_der {
    const uint8_t *at;
    size_t left;
};

/* The next value of `der`: its tag and its content; `der` stands behind it. 0 where there is no whole value, its length
 * is not written as DER has it, or its tag has more than one octet (none of X.509 has). */
int eng_der_next(struct eng_der *der, uint8_t *tag, struct eng_der *content);
ENG_MUST_USE(eng_der_next);

/* 1 where `data` is exactly one DER value, and all that it holds are. */
int eng_der_check(const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_der_check);

/* 1 where a certificate or CRL names the same signature algorithm inside and outside of what is signed. */
int eng_der_algorithms_agree(const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_der_algorithms_agree);

/* 1 where what is signed of a certificate or CRL begins with these bytes. */
int eng_der_body_begins(const uint8_t *data, size_t data_len, const uint8_t *prefix, size_t prefix_len);
ENG_MUST_USE(eng_der_body_begins);

#endif
