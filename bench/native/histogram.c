#include "histogram.h"

#include <stddef.h>

#define PARTS_BITS 6

/* Below PARTS every value has its own bucket; above, the leading bit picks the row, the six bits behind it the part. */
static size_t bucket_of(uint64_t value)
{
    unsigned int shift;

    if (value < HISTOGRAM_PARTS)
        return value;
    shift = 63U - (unsigned int)__builtin_clzll(value) - PARTS_BITS;
    return (size_t)(shift + 1) * HISTOGRAM_PARTS + (size_t)((value >> shift) - HISTOGRAM_PARTS);
}

static uint64_t upper_end(size_t bucket)
{
    size_t row = bucket / HISTOGRAM_PARTS, part = bucket % HISTOGRAM_PARTS;

    if (row == 0)
        return part;
    return ((uint64_t)(HISTOGRAM_PARTS + part + 1) << (row - 1)) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
    histogram->buckets[bucket_of(nanoseconds)]++;
    histogram->count++;
    if (nanoseconds > histogram->largest)
        histogram->largest = nanoseconds;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t seen = 0;

    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= share * (double)histogram->count)
            return upper_end(bucket) < histogram->largest ? upper_end(bucket) : histogram->largest;
    }
    return histogram->largest;
}
