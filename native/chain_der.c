/* DER, strictly (X.690 sections 10 and 11): libcrypto reads BER, so that one certificate has many encodings, and many
 * fingerprints (CVE-2014-8275). What is checked here is what the reference's parser checks as well. */
#include "chain_der.h"

#include <string.h>

#include "utf8.h"

enum {
    BOOLEAN = 0x01,
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    OCTET_STRING = 0x04,
    ASN1_NULL = 0x05,
    OBJECT_IDENTIFIER = 0x06,
    ENUMERATED = 0x0a,
    UTF8_STRING = 0x0c,
    NUMERIC_STRING = 0x12,
    PRINTABLE_STRING = 0x13,
    TELETEX_STRING = 0x14,
    IA5_STRING = 0x16,
    UTC_TIME = 0x17,
    GENERALIZED_TIME = 0x18,
    VISIBLE_STRING = 0x1a,
    UNIVERSAL_STRING = 0x1c,
    BMP_STRING = 0x1e,
    CONSTRUCTED = 0x20,
    SEQUENCE = 0x30,
    SET = 0x31,
    UNIVERSAL = 0xc0 /* the bits that are clear in a universal tag */
};

/* Deeper than any certificate; the recursion stays bounded. */
#define DEPTH 24

int eng_der_next(struct eng_der *der, uint8_t *tag, struct eng_der *content)
{
    size_t head = 2, length;

    if (der->left < 2 || (der->at[0] & 0x1f) == 0x1f)
        return 0;
    length = der->at[1];
    if (length & 0x80) {
        size_t octets = length & 0x7f;

        if (octets == 0 || octets > 3 || der->left < 2 + octets || der->at[2] == 0)
            return 0;
        length = 0;
        for (size_t i = 0; i < octets; i++)
            length = length << 8 | der->at[2 + i];
        if (length < 0x80)
            return 0;
        head += octets;
    }
    if (length > der->left - head)
        return 0;
    *tag = der->at[0];
    *content = (struct eng_der){der->at + head, length};
    der->at += head + length;
    der->left -= head + length;
    return 1;
}

/* Each arc in as few octets as it takes, and the last one ended. */
static int is_object_identifier(const struct eng_der *content)
{
    int begins = 1;

    for (size_t i = 0; i < content->left; i++) {
        if (begins && content->at[i] == 0x80)
            return 0;
        begins = (content->at[i] & 0x80) == 0;
    }
    return content->left > 0 && begins;
}

static int is_bit_string(const struct eng_der *content)
{
    uint8_t unused;

    if (content->left == 0)
        return 0;
    unused = content->at[0];
    if (unused > 7 || (content->left == 1 && unused != 0))
        return 0;
    return (content->at[content->left - 1] & ((1U << unused) - 1)) == 0 || content->left == 1;
}

static int is_integer(const struct eng_der *content)
{
    if (content->left == 0)
        return 0;
    if (content->left == 1)
        return 1;
    return !(content->at[0] == 0 && content->at[1] < 0x80) && !(content->at[0] == 0xff && content->at[1] >= 0x80);
}

/* Digits and a Z: no fractions, no other zones, seconds always there (RFC 5280 section 4.1.2.5). */
static int is_time(const struct eng_der *content, size_t digits)
{
    if (content->left != digits + 1 || content->at[digits] != 'Z')
        return 0;
    for (size_t i = 0; i < digits; i++)
        if (content->at[i] < '0' || content->at[i] > '9')
            return 0;
    return 1;
}

/* Of so many octets each: Unicode, without surrogates. */
static int are_characters(const struct eng_der *content, size_t width)
{
    if (content->left % width != 0)
        return 0;
    for (size_t i = 0; i < content->left; i += width) {
        uint32_t character = 0;

        for (size_t j = 0; j < width; j++)
            character = character << 8 | content->at[i + j];
        if (character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
            return 0;
    }
    return 1;
}

static int is_printable(const struct eng_der *content)
{
    for (size_t i = 0; i < content->left; i++) {
        uint8_t c = content->at[i];
        int alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!alphanumeric && (c == 0 || strchr(" '()+,-./:=?", c) == NULL))
            return 0;
    }
    return 1;
}

static int is_ascii(const struct eng_der *content)
{
    for (size_t i = 0; i < content->left; i++)
        if (content->at[i] > 0x7f)
            return 0;
    return 1;
}

/* A type that X.509 has, well formed. Every BOOLEAN of X.509 is FALSE by default, so that FALSE is never written. */
static int is_primitive(uint8_t tag, const struct eng_der *content)
{
    switch (tag) {
    case BOOLEAN:
        return content->left == 1 && content->at[0] == 0xff;
    case INTEGER:
    case ENUMERATED:
        return is_integer(content);
    case BIT_STRING:
        return is_bit_string(content);
    case ASN1_NULL:
        return content->left == 0;
    case OBJECT_IDENTIFIER:
        return is_object_identifier(content);
    case PRINTABLE_STRING:
        return is_printable(content);
    case UTF8_STRING:
        return eng_utf8_check(content->at, content->left);
    case NUMERIC_STRING:
    case TELETEX_STRING:
    case IA5_STRING:
    case VISIBLE_STRING:
        return is_ascii(content);
    case UTC_TIME:
        return is_time(content, 12);
    case GENERALIZED_TIME:
        return is_time(content, 14);
    case BMP_STRING:
        return are_characters(content, 2);
    case UNIVERSAL_STRING:
        return are_characters(content, 4);
    default:
        return tag == OCTET_STRING;
    }
}

/* The elements of a SET OF stand in ascending order, a shorter one that begins alike first (X.690 section 11.6). */
static int is_in_order(const struct eng_der *before, const struct eng_der *after)
{
    size_t shorter = before->left < after->left ? before->left : after->left;
    int order = memcmp(before->at, after->at, shorter);

    return order < 0 || (order == 0 && before->left <= after->left);
}

/* Recursion, at most DEPTH deep. */
static int are_values(struct eng_der all, int in_set, int depth)
{
    struct eng_der before = {NULL, 0};

    while (all.left > 0) {
        struct eng_der whole = all, content;
        uint8_t tag;

        if (!eng_der_next(&all, &tag, &content))
            return 0;
        whole.left -= all.left;
        if (in_set && before.at != NULL && !is_in_order(&before, &whole))
            return 0;
        before = whole;
        if (tag & CONSTRUCTED) {
            if ((tag & UNIVERSAL) == 0 && tag != SEQUENCE && tag != SET)
                return 0;
            if (depth == 0 || !are_values(content, tag == SET, depth - 1))
                return 0;
            continue;
        }
        if ((tag & UNIVERSAL) == 0 && !is_primitive(tag, &content))
            return 0;
    }
    return 1;
}

int eng_der_check(const uint8_t *data, size_t data_len)
{
    struct eng_der all = {data, data_len}, rest = all, content;
    uint8_t tag;

    return eng_der_next(&rest, &tag, &content) && rest.left == 0 && are_values(all, 0, DEPTH);
}

/* The next SEQUENCE of `der`, with its head. */
static int next_sequence(struct eng_der *der, struct eng_der *whole, struct eng_der *content)
{
    uint8_t tag;

    do {
        *whole = *der;
        if (!eng_der_next(der, &tag, content))
            return 0;
        whole->left -= der->left;
    } while (tag != SEQUENCE);
    return 1;
}

int eng_der_algorithms_agree(const uint8_t *data, size_t data_len)
{
    struct eng_der all = {data, data_len}, whole, parts, body, inner, outer, content;

    return next_sequence(&all, &whole, &parts) && next_sequence(&parts, &whole, &body) &&
           next_sequence(&body, &inner, &content) && next_sequence(&parts, &outer, &content) &&
           inner.left == outer.left && memcmp(inner.at, outer.at, inner.left) == 0;
}

int eng_der_body_begins(const uint8_t *data, size_t data_len, const uint8_t *prefix, size_t prefix_len)
{
    struct eng_der all = {data, data_len}, whole, parts, body;

    return next_sequence(&all, &whole, &parts) && next_sequence(&parts, &whole, &body) && body.left >= prefix_len &&
           memcmp(body.at, prefix, prefix_len) == 0;
}
