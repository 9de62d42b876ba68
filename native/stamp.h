#ifndef ENG_STAMP_H
#define ENG_STAMP_H

#include <stdint.h>

#define ENG_STAMP_BYTES 10

/* Whether the hour of `now` (seconds since 1970) is at most window_hours from that of the stamp: 10 ASCII digits,
 * YYYYMMDDHH in UTC. 0 as well for a stamp that is no hour from 1970 on (verdict/policy.py is_stamp_in_window). */
int eng_stamp_is_in_window(const uint8_t stamp[ENG_STAMP_BYTES], int64_t now, uint32_t window_hours)
    __attribute__((warn_unused_result));

#endif
