/* libFuzzer target of the native PROXY header (make fuzz-native). What is read must lie in what was given; a header must be the
 * same however much stands behind it, and be no header yet one byte before its end. */
#include <stdint.h>
#include <stdlib.h>

#include "proxy_header.h"

#define MAXIMUM 2048

static void must_lie_in(const uint8_t *value, size_t value_len, const uint8_t *data, size_t length)
{
    if (value == NULL ? value_len != 0 : value < data || value + value_len > data + length)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eng_proxy_header header, again;

    if (eng_proxy_header_read(data, size, MAXIMUM, &header) != 1)
        return 0;
    if (header.length > size || header.length > MAXIMUM || (header.is_local && header.family != 0))
        abort();
    must_lie_in(header.common_name, header.common_name_len, data, header.length);
    must_lie_in(header.authority, header.authority_len, data, header.length);
    must_lie_in(header.alpn, header.alpn_len, data, header.length);
    if (eng_proxy_header_read(data, header.length, MAXIMUM, &again) != 1 || again.length != header.length)
        abort();
    if (eng_proxy_header_read(data, header.length - 1, MAXIMUM, &again) != 0)
        abort();
    return 0;
}
