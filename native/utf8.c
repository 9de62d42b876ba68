#include "utf8.h"

#include <string.h>

/* How many octets follow the first one of a character; -1 where none begins so. */
static int octets_after(uint8_t first)
{
    if (first < 0x80)
        return 0;
    if (first < 0xc2 || first > 0xf4)
        return -1;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* How many octets from the first one on are ASCII, by eights: nearly all names are nothing else. */
static size_t ascii_octets(const uint8_t *data, size_t data_len)
{
    uint64_t eight;
    size_t at = 0;

    for (; data_len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, data + at, sizeof eight);
        if ((eight & 0x8080808080808080) != 0)
            break;
    }
    return at;
}

int eng_utf8_check(const uint8_t *data, size_t data_len)
{
    for (size_t i = ascii_octets(data, data_len); i < data_len;) {
        uint8_t first = data[i++], low = 0x80, high = 0xbf;
        int after = octets_after(first);

        if (after < 0 || (size_t)after > data_len - i)
            return 0;
        low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
        high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
        for (; after > 0; after--, i++, low = 0x80, high = 0xbf)
            if (data[i] < low || data[i] > high)
                return 0;
    }
    return 1;
}
