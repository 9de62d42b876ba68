#ifndef ENG_UTF8_H
#define ENG_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

/* 1 where `data` is UTF-8 (RFC 3629 section 4): no overlong forms, no surrogates, nothing above U+10FFFF. */
int eng_utf8_check(const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_utf8_check);

#endif
