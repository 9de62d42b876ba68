#ifndef ENG_TIMERS_H
#define ENG_TIMERS_H

#include <stdint.h>

#include "must_use.h"

/* Deadlines in a wheel: one for each of a range of numbers, armed and disarmed in constant time. Instants are
 * milliseconds of one monotonic clock. A deadline is told at most ENG_TIMERS_TICK_MS late, never early. */
#define ENG_TIMERS_TICK_MS 16
#define ENG_TIMERS_SLOTS 4096 /* 65 s; what is farther away is passed by once a round */
#define ENG_TIMERS_NONE UINT32_MAX

struct eng_timer {
    uint64_t tick; /* 0 where disarmed */
    uint32_t next, previous;
};

struct eng_timers {
    struct eng_timer *timers;
    uint32_t count;
    uint32_t cursor;      /* the next one to look at in the slot of `tick` */
    uint32_t armed;
    int is_in_slot;       /* whether `cursor` means something */
    uint64_t tick;        /* everything before it was told */
    uint64_t used[ENG_TIMERS_SLOTS / 64];
    uint32_t heads[ENG_TIMERS_SLOTS];
};

void eng_timers_open(struct eng_timers *timers, uint64_t now_ms);
void eng_timers_close(struct eng_timers *timers);

/* Make room for the numbers below `count`. 1 when done, 0 where memory is short. */
int eng_timers_reserve(struct eng_timers *timers, uint32_t count);
ENG_MUST_USE(eng_timers_reserve);

/* Of a number below the count reserved. Arming anew moves the deadline; disarming a disarmed one changes nothing. */
void eng_timers_arm(struct eng_timers *timers, uint32_t number, uint64_t deadline_ms);
/* The same where it is not armed for an earlier instant already, whose ringing in vain costs less than moving it. */
void eng_timers_arm_by(struct eng_timers *timers, uint32_t number, uint64_t deadline_ms);
void eng_timers_disarm(struct eng_timers *timers, uint32_t number);

/* A number whose deadline has come, and which is disarmed by this; ENG_TIMERS_NONE where there is none. */
uint32_t eng_timers_due(struct eng_timers *timers, uint64_t now_ms);
ENG_MUST_USE(eng_timers_due);

/* When to ask eng_timers_due next: not later than the earliest deadline; UINT64_MAX where none is armed. */
uint64_t eng_timers_next_ms(const struct eng_timers *timers);
ENG_MUST_USE(eng_timers_next_ms);

#endif
