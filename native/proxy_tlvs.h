#ifndef ENG_PROXY_TLVS_H
#define ENG_PROXY_TLVS_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "proxy_header.h"

/* The TLVs of a version 2 header, which start at `at`: fills in what is read of them. 0 where they are cut short, one that is
 * read is there twice, or the checksum does not fit. */
int eng_proxy_tlvs_read(const uint8_t *data, size_t data_len, size_t at, struct eng_proxy_header *header);
ENG_MUST_USE(eng_proxy_tlvs_read);

#endif
