#include "timers.h"

#include <stdlib.h>
#include <string.h>

#define SLOT(tick) ((uint32_t)((tick) % ENG_TIMERS_SLOTS))

void eng_timers_open(struct eng_timers *timers, uint64_t now_ms)
{
    memset(timers, 0, sizeof *timers);
    memset(timers->heads, 0xff, sizeof timers->heads);
    /* Never 0, which says disarmed. */
    timers->tick = now_ms / ENG_TIMERS_TICK_MS + 1;
}

void eng_timers_close(struct eng_timers *timers)
{
    free(timers->timers);
    memset(timers, 0, sizeof *timers);
}

int eng_timers_reserve(struct eng_timers *timers, uint32_t count)
{
    struct eng_timer *grown;

    if (count <= timers->count)
        return 1;
    grown = realloc(timers->timers, (size_t)count * sizeof *grown);
    if (grown == NULL)
        return 0;
    memset(grown + timers->count, 0, (size_t)(count - timers->count) * sizeof *grown);
    timers->timers = grown;
    timers->count = count;
    return 1;
}

void eng_timers_disarm(struct eng_timers *timers, uint32_t number)
{
    struct eng_timer *timer = &timers->timers[number];
    const uint32_t slot = SLOT(timer->tick);

    if (timer->tick == 0)
        return;
    if (timers->is_in_slot && timers->cursor == number)
        timers->cursor = timer->next;
    if (timer->next != ENG_TIMERS_NONE)
        timers->timers[timer->next].previous = timer->previous;
    if (timer->previous != ENG_TIMERS_NONE)
        timers->timers[timer->previous].next = timer->next;
    if (timers->heads[slot] == number)
        timers->heads[slot] = timer->next;
    if (timers->heads[slot] == ENG_TIMERS_NONE)
        timers->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    timer->tick = 0;
    timers->armed--;
}

void eng_timers_arm(struct eng_timers *timers, uint32_t number, uint64_t deadline_ms)
{
    struct eng_timer *timer = &timers->timers[number];
    uint64_t tick = deadline_ms / ENG_TIMERS_TICK_MS + 1;
    uint32_t slot;

    eng_timers_disarm(timers, number);
    /* The slot that is being told has been looked at in part. */
    if (tick <= timers->tick)
        tick = timers->tick + 1;

    slot = SLOT(tick);
    *timer = (struct eng_timer){.tick = tick, .next = timers->heads[slot], .previous = ENG_TIMERS_NONE};
    if (timer->next != ENG_TIMERS_NONE)
        timers->timers[timer->next].previous = number;
    timers->heads[slot] = number;
    timers->used[slot / 64] |= UINT64_C(1) << slot % 64;
    timers->armed++;
}

void eng_timers_arm_by(struct eng_timers *timers, uint32_t number, uint64_t deadline_ms)
{
    const uint64_t tick = timers->timers[number].tick;

    if (tick == 0 || tick > deadline_ms / ENG_TIMERS_TICK_MS + 1)
        eng_timers_arm(timers, number, deadline_ms);
}

uint32_t eng_timers_due(struct eng_timers *timers, uint64_t now_ms)
{
    const uint64_t now = now_ms / ENG_TIMERS_TICK_MS;

    /* After a long sleep every slot is looked at once. */
    if (now > timers->tick + ENG_TIMERS_SLOTS) {
        timers->tick = now - ENG_TIMERS_SLOTS;
        timers->is_in_slot = 0;
    }
    for (; timers->tick <= now; timers->tick++, timers->is_in_slot = 0) {
        if (!timers->is_in_slot)
            timers->cursor = timers->heads[SLOT(timers->tick)];
        timers->is_in_slot = 1;
        while (timers->cursor != ENG_TIMERS_NONE) {
            const uint32_t number = timers->cursor;

            timers->cursor = timers->timers[number].next;
            if (timers->timers[number].tick > now)
                continue;
            eng_timers_disarm(timers, number);
            return number;
        }
    }
    return ENG_TIMERS_NONE;
}

uint64_t eng_timers_next_ms(const struct eng_timers *timers)
{
    if (timers->armed == 0)
        return UINT64_MAX;
    for (uint64_t tick = timers->tick; tick < timers->tick + ENG_TIMERS_SLOTS + 64;) {
        const uint32_t slot = SLOT(tick);
        const uint64_t rest = timers->used[slot / 64] >> slot % 64;

        if (rest != 0)
            return (tick + (uint64_t)__builtin_ctzll(rest)) * ENG_TIMERS_TICK_MS;
        tick += 64 - slot % 64;
    }
    return timers->tick * ENG_TIMERS_TICK_MS;
}
