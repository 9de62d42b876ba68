/* Reads cases of standard input, each a line: C and the body of a CONNECT, or F and a stream, in hex. Prints what is read of
 * it. Every input lies in a block of exactly its size, so that AddressSanitizer sees every byte read past it. Argument 1:
 * the largest Remaining Length; argument 2: how many times each case is read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt_connect.h"
#include "mqtt_frame.h"

static char line[1 << 19];

/* The hex after the kind, in a block of its own. */
static uint8_t *read_hex(size_t *length)
{
    uint8_t *bytes;
    unsigned int byte;

    *length = strcspn(line + 1, "\n") / 2;
    bytes = malloc(*length);
    for (size_t i = 0; i < *length; i++) {
        if (sscanf(line + 1 + 2 * i, "%2x", &byte) != 1)
            exit(2);
        bytes[i] = (uint8_t)byte;
    }
    return bytes;
}

static void print_bytes(const uint8_t *data, size_t data_len)
{
    printf(data == NULL ? " -" : " =");
    for (size_t i = 0; i < data_len; i++)
        printf("%02x", data[i]);
}

static void print_connect(const struct eng_mqtt_connect *c)
{
    print_bytes(c->client_id, c->client_id_len);
    print_bytes(c->user_name, c->user_name_len);
    print_bytes(c->password, c->password_len);
    print_bytes(c->will_topic, c->will_topic_len);
    print_bytes(c->will_payload, c->will_payload_len);
    printf(" %u %u %u %u %u", c->clean_start, c->keep_alive, c->has_will, c->will_qos, c->will_retain);
    printf(" %u %u %u %u", c->session_expiry_interval, c->receive_maximum, c->maximum_packet_size,
           c->topic_alias_maximum);
    printf(" %u %u\n", c->request_response_information, c->request_problem_information);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct eng_mqtt_connect connect;
        size_t length, start = 0, end = 0;
        uint8_t *data = read_hex(&length);
        int answer = 0;

        for (long times = strtol(argv[2], NULL, 10); times > 0; times--)
            answer = line[0] == 'C' ? eng_mqtt_connect_read(data, length, &connect)
                                    : eng_mqtt_frame(data, length, strtoul(argv[1], NULL, 10), &start, &end);
        printf("%d", answer);
        if (line[0] == 'C') {
            printf(" %u", connect.protocol_version);
            print_connect(&connect);
        } else {
            printf(" %zu %zu\n", start, end);
        }
        free(data);
    }
    return 0;
}
