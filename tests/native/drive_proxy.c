/* Reads PROXY headers of standard input, each a line of hex, and prints the answer, the length and the addresses. Every input
 * lies in a block of exactly its size, so that AddressSanitizer sees every byte read past it. Argument 1: the largest. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy_header.h"

static char line[1 << 16];

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct eng_proxy_header header = {.length = 0};
        size_t length = strcspn(line, "\n") / 2;
        uint8_t *data = malloc(length);
        unsigned int byte;

        for (size_t i = 0; i < length; i++) {
            if (sscanf(line + 2 * i, "%2x", &byte) != 1)
                return 2;
            data[i] = (uint8_t)byte;
        }
        printf("%d", eng_proxy_header_read(data, length, strtoul(argv[1], NULL, 10), &header));
        printf(" %zu %u %u %u %u\n", header.length, header.is_local, header.family, header.source_port,
               header.has_ssl ? header.ssl_client : 0);
        /* Where the pointers point must be readable. */
        for (size_t i = 0, sum = 0; i < header.common_name_len + header.authority_len + header.alpn_len; i++) {
            sum += i < header.common_name_len ? header.common_name[i] : 0;
            sum += i < header.authority_len ? header.authority[i] : 0;
            sum += i < header.alpn_len ? header.alpn[i] : 0;
            if (sum == SIZE_MAX)
                return 3;
        }
        free(data);
    }
    return 0;
}
