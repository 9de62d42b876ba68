#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

/* What the storm client was asked; instants and durations in nanoseconds. */
struct options {
    struct sockaddr_in address;
    const char *devices;
    const char *samples;    /* a line a CONNACK is written there; NULL: nowhere */
    const char *ca;         /* the server's certificate must be anchored there; NULL: it is not checked */
    int tls;                /* 0: plain, else TLS1_2_VERSION or TLS1_3_VERSION, and no other */
    uint8_t protocol_level; /* 4 or 5 */
    uint8_t expected_code;
    size_t in_flight;      /* closed loop: so many at a time */
    double rate;           /* open loop: so many arrivals a second; 0: closed loop */
    size_t connections;    /* at most so many; 0: what the time allows */
    uint64_t duration;     /* arrivals end after so long; 0: after so many */
    uint64_t give_up;      /* a client waits for so long for its CONNACK */
    size_t sources;        /* addresses to come from */
    bool resume, warm_up, hold, abort;
};

/* Exits with a message when a flag is wrong or one that must be there is missing. */
struct options options_read(int count, char **arguments);

#endif
