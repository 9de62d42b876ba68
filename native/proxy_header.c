#include "proxy_header.h"

#include <string.h>

#include <arpa/inet.h>

#include "proxy_tlvs.h"

enum { MORE, WHOLE, MALFORMED };

enum { V1_MAXIMUM = 107, V2_HEAD = 16 };

enum { LOCAL = 0, PROXY = 1 };

enum { UNSPEC = 0, INET = 1, UNIX = 3 };

static const char V1_PREFIX[] = "PROXY ";
static const char V2_SIGNATURE[] = "\r\n\r\n\0\r\nQUIT\n";

enum { V1_PREFIX_BYTES = sizeof V1_PREFIX - 1, V2_SIGNATURE_BYTES = sizeof V2_SIGNATURE - 1 };

/* As far as there is data. */
static int begins(const uint8_t *data, size_t data_len, const char *expected, size_t expected_len)
{
    return memcmp(data, expected, data_len < expected_len ? data_len : expected_len) == 0;
}

/* Version 1, section 2.1 */

/* The words of a line, one space between them. */
struct words {
    const char *at;
    size_t left;
    int is_over;
};

struct word {
    const char *text;
    size_t length;
};

static int next_word(struct words *words, struct word *word)
{
    const char *space;

    if (words->is_over)
        return 0;
    space = memchr(words->at, ' ', words->left);
    *word = (struct word){words->at, space == NULL ? words->left : (size_t)(space - words->at)};
    words->is_over = space == NULL;
    if (space != NULL) {
        words->left -= word->length + 1;
        words->at = space + 1;
    }
    return 1;
}

static int is_word(struct word word, const char *expected)
{
    return word.length == strlen(expected) && memcmp(word.text, expected, word.length) == 0;
}

/* inet_pton wants a string; a NUL among the characters would end it early. */
static int read_address(struct word word, int family, uint8_t *address)
{
    char text[INET6_ADDRSTRLEN];

    if (word.length >= sizeof text || memchr(word.text, '\0', word.length) != NULL)
        return 0;
    memcpy(text, word.text, word.length);
    text[word.length] = '\0';
    return inet_pton(family, text, address) == 1;
}

/* 0 to 65535, without leading zeros. */
static int read_port(struct word word, uint16_t *port)
{
    uint32_t value = 0;

    if (word.length == 0 || word.length > 5 || (word.text[0] == '0' && word.length > 1))
        return 0;
    for (size_t i = 0; i < word.length; i++) {
        if (word.text[i] < '0' || word.text[i] > '9')
            return 0;
        value = value * 10 + (uint32_t)(word.text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= 65535;
}

/* What stands behind "PROXY ". */
static int read_line(struct words words, struct eng_proxy_header *header)
{
    struct word protocol, source, destination, source_port, destination_port;
    int family;

    if (!next_word(&words, &protocol))
        return 0;
    if (is_word(protocol, "UNKNOWN"))
        return 1; /* "the receiver must ignore anything presented before the CRLF is found" */
    if (!is_word(protocol, "TCP4") && !is_word(protocol, "TCP6"))
        return 0;
    if (!next_word(&words, &source) || !next_word(&words, &destination) || !next_word(&words, &source_port) ||
        !next_word(&words, &destination_port) || !words.is_over)
        return 0;
    family = is_word(protocol, "TCP4") ? AF_INET : AF_INET6;
    header->family = family == AF_INET ? 4 : 6;
    return read_address(source, family, header->source) && read_address(destination, family, header->destination) &&
           read_port(source_port, &header->source_port) && read_port(destination_port, &header->destination_port);
}

static int read_v1(const uint8_t *data, size_t data_len, struct eng_proxy_header *header)
{
    size_t most = data_len < V1_MAXIMUM ? data_len : V1_MAXIMUM;

    if (!begins(data, data_len, V1_PREFIX, V1_PREFIX_BYTES))
        return MALFORMED;
    for (size_t i = V1_PREFIX_BYTES; i + 1 < most; i++) {
        if (data[i] != '\r' || data[i + 1] != '\n')
            continue;
        header->length = i + 2;
        return read_line((struct words){(const char *)data + V1_PREFIX_BYTES, i - V1_PREFIX_BYTES, 0}, header)
                   ? WHOLE
                   : MALFORMED;
    }
    return data_len < V1_MAXIMUM ? MORE : MALFORMED;
}

/* Version 2, section 2.2 */

/* How many bytes the addresses take, -1 for a family and transport that are invalid: "other values ... must be rejected". */
static int address_bytes(uint8_t family)
{
    switch (family) {
    case 0x00:
        return 0;
    case 0x11:
    case 0x12:
        return 12;
    case 0x21:
    case 0x22:
        return 36;
    case 0x31:
    case 0x32:
        return 216;
    default:
        return -1;
    }
}

static uint16_t two_bytes(const uint8_t *data) { return (uint16_t)(data[0] << 8 | data[1]); }

static void read_addresses(const uint8_t *at, size_t size, struct eng_proxy_header *header)
{
    header->family = size == 4 ? 4 : 6;
    memcpy(header->source, at, size);
    memcpy(header->destination, at + size, size);
    header->source_port = two_bytes(at + 2 * size);
    header->destination_port = two_bytes(at + 2 * size + 2);
}

static int read_v2(const uint8_t *data, size_t data_len, size_t maximum, struct eng_proxy_header *header)
{
    uint8_t command = data[12] & 0x0f, family = data[13];
    size_t length = two_bytes(data + 14);
    int addresses = address_bytes(family);

    header->length = V2_HEAD + length;
    if (data[12] >> 4 != 2 || command > PROXY || header->length > maximum)
        return MALFORMED;
    if (command == PROXY && (addresses < 0 || length < (size_t)addresses))
        return MALFORMED;
    if (data_len < header->length)
        return MORE;
    header->is_local = command == LOCAL;
    if (command == LOCAL || family >> 4 == UNSPEC)
        return WHOLE; /* "must discard the protocol block"; of UNSPEC it is not said what it holds */
    if (family >> 4 != UNIX)
        read_addresses(data + V2_HEAD, family >> 4 == INET ? 4 : 16, header);
    return eng_proxy_tlvs_read(data, header->length, V2_HEAD + (size_t)addresses, header) ? WHOLE : MALFORMED;
}

int eng_proxy_header_read(const uint8_t *data, size_t data_len, size_t maximum, struct eng_proxy_header *header)
{
    struct eng_proxy_header read = {.length = 0};
    int answer = MORE;

    if (data_len == 0)
        return MORE;
    if (data[0] == 'P')
        answer = read_v1(data, data_len, &read);
    else if (!begins(data, data_len, V2_SIGNATURE, V2_SIGNATURE_BYTES))
        answer = MALFORMED;
    else if (data_len >= V2_HEAD)
        answer = read_v2(data, data_len, maximum, &read);
    if (answer == WHOLE)
        *header = read;
    return answer;
}
