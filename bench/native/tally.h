#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdint.h>
#include <stdio.h>

#include "connection.h"
#include "histogram.h"

/* What came of a storm. */
struct tally {
    uint64_t started, expected, resumed, held;
    uint64_t in_time;         /* of those expected: answered before arrivals ended */
    uint64_t outcomes[OUTCOMES];
    uint64_t codes[256];
    uint64_t began_at, arrivals_end_at, ended_at;
    struct histogram late;    /* open loop: how far behind its schedule the client was with each start */
    struct histogram latency; /* of those expected: from the due instant to CONNACK */
};

void tally_add(struct tally *tally, const struct connection *connection, enum outcome outcome, uint8_t expected_code,
               uint64_t now);

/* One JSON object and a line's end on stdout. */
void tally_report(const struct tally *tally);

#endif
