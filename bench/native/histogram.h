#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Every power of two of nanoseconds in 64 equal parts: no figure is further than 1.6 % from what was measured. */
#define HISTOGRAM_PARTS 64
#define HISTOGRAM_BUCKETS (59 * HISTOGRAM_PARTS)

struct histogram {
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* What the share (0 to 1) of all are not above, in nanoseconds: a bucket's upper end. 0 when nothing was added. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
