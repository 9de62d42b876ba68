#include "proxy_tlvs.h"

enum { ALPN = 0x01, AUTHORITY = 0x02, CRC32C = 0x03, SSL = 0x20, SSL_CN = 0x22 };

enum { CRC32C_BYTES = 4, SSL_HEAD_BYTES = 5 };

/* Bytes still to be read. */
struct tlvs {
    const uint8_t *at;
    size_t left;
};

struct value {
    const uint8_t *data;
    size_t length;
};

static int next(struct tlvs *tlvs, uint8_t *type, struct value *value)
{
    size_t length;

    if (tlvs->left < 3)
        return 0;
    length = (size_t)tlvs->at[1] << 8 | tlvs->at[2];
    if (length > tlvs->left - 3)
        return 0;
    *type = tlvs->at[0];
    *value = (struct value){tlvs->at + 3, length};
    tlvs->at += 3 + length;
    tlvs->left -= 3 + length;
    return 1;
}

/* Keeps the value; 0 where there is one already. */
static int keep(struct value *kept, struct value value)
{
    if (kept->data != NULL)
        return 0;
    *kept = value;
    return 1;
}

static uint32_t four_bytes(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

/* Section 2.2.5, RFC 4960 appendix B: over the whole header, with the checksum's own bytes as zeros. */
static int checksum_fits(const uint8_t *data, size_t data_len, struct value checksum)
{
    size_t at = (size_t)(checksum.data - data);
    uint32_t crc = 0xffffffff;

    if (checksum.length != CRC32C_BYTES)
        return 0;
    for (size_t i = 0; i < data_len; i++) {
        crc ^= i >= at && i < at + CRC32C_BYTES ? 0 : data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return (crc ^ 0xffffffff) == four_bytes(checksum.data);
}

/* Section 2.2.6. */
static int read_ssl(struct value ssl, struct eng_proxy_header *header)
{
    struct tlvs inside;
    struct value common_name = {NULL, 0}, value;
    uint8_t type;

    if (ssl.length < SSL_HEAD_BYTES)
        return 0;
    inside = (struct tlvs){ssl.data + SSL_HEAD_BYTES, ssl.length - SSL_HEAD_BYTES};
    while (inside.left > 0) {
        if (!next(&inside, &type, &value))
            return 0;
        if (type == SSL_CN && !keep(&common_name, value))
            return 0;
    }
    header->has_ssl = 1;
    header->ssl_client = ssl.data[0];
    header->ssl_verify = four_bytes(ssl.data + 1);
    header->common_name = common_name.data;
    header->common_name_len = common_name.length;
    return 1;
}

int eng_proxy_tlvs_read(const uint8_t *data, size_t data_len, size_t at, struct eng_proxy_header *header)
{
    struct tlvs tlvs = {data + at, data_len - at};
    struct value alpn = {NULL, 0}, authority = {NULL, 0}, checksum = {NULL, 0}, ssl = {NULL, 0}, value;
    uint8_t type;

    while (tlvs.left > 0) {
        if (!next(&tlvs, &type, &value))
            return 0;
        if ((type == ALPN && !keep(&alpn, value)) || (type == AUTHORITY && !keep(&authority, value)) ||
            (type == CRC32C && !keep(&checksum, value)) || (type == SSL && !keep(&ssl, value)))
            return 0;
    }
    if (checksum.data != NULL && !checksum_fits(data, data_len, checksum))
        return 0;
    if (ssl.data != NULL && !read_ssl(ssl, header))
        return 0;
    header->alpn = alpn.data;
    header->alpn_len = alpn.length;
    header->authority = authority.data;
    header->authority_len = authority.length;
    return 1;
}
