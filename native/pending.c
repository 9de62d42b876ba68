#include "pending.h"

#include <stdlib.h>
#include <string.h>

#include "front_internal.h"

struct eng_pending *eng_pending_open(const uint8_t *key, uint32_t soft, uint32_t hard, uint32_t per_prefix)
{
    struct eng_pending *pending = calloc(1, sizeof *pending);

    if (pending == NULL)
        return NULL;
    pending->soft = soft;
    pending->hard = hard;
    pending->per_prefix = per_prefix;
    pending->places = calloc((size_t)hard + 1, sizeof *pending->places);
    if (pending->places == NULL || !eng_prefixes_open(&pending->prefixes, key, hard)) {
        eng_pending_close(pending);
        return NULL;
    }
    for (uint32_t place = hard; place > 0; place--) {
        pending->places[place].newer = pending->free;
        pending->free = place;
    }
    return pending;
}

void eng_pending_close(struct eng_pending *pending)
{
    if (pending == NULL)
        return;
    eng_prefixes_close(&pending->prefixes);
    free(pending->places);
    free(pending);
}

uint32_t eng_pending_count(const struct eng_pending *pending) { return pending->count; }

/* Place 0 lies between the newest and the oldest, so that neither end is a case of its own. */
static void link_newest(struct eng_pending *pending, uint32_t place)
{
    const uint32_t newest = pending->places[0].older;

    pending->places[place].older = newest;
    pending->places[place].newer = 0;
    pending->places[newest].newer = place;
    pending->places[0].older = place;
}

static void unlink_place(struct eng_pending *pending, uint32_t place)
{
    const struct eng_pending_place *left = &pending->places[place];

    pending->places[left->older].newer = left->newer;
    pending->places[left->newer].older = left->older;
}

/* By which prefix a connection from `address` is counted, if anybody knows where it is from. 0 where that has its share
 * already, which does not bind the exempt. */
static int find_share(const struct eng_pending *pending, const uint8_t *address, int is_exempt, struct eng_share *share)
{
    share->is_counted = address != NULL;
    if (address == NULL)
        return 1;
    eng_prefixes_name(&pending->prefixes, address, &share->prefix);
    return is_exempt || eng_prefixes_count(&pending->prefixes, &share->prefix) < pending->per_prefix;
}

int eng_pending_has_share(const struct eng_pending *pending, const uint8_t *address, int is_exempt)
{
    struct eng_share share;

    return pending->prefixes.used > 0 && !is_exempt && !find_share(pending, address, is_exempt, &share);
}

static void count_share(struct eng_pending *pending, struct eng_pending_place *place, const struct eng_share *share)
{
    place->share = *share;
    /* There is room for as many prefixes as there are places. */
    if (share->is_counted)
        place->share.is_counted = eng_prefixes_add(&pending->prefixes, &share->prefix) != 0;
}

static void uncount_share(struct eng_pending *pending, struct eng_pending_place *place)
{
    if (place->share.is_counted)
        eng_prefixes_remove(&pending->prefixes, &place->share.prefix);
    place->share.is_counted = 0;
}

static uint64_t name_of(const struct eng_pending *pending, uint32_t place)
{
    return (uint64_t)pending->places[place].generation << 32 | place;
}

/* The oldest goes. The name of its place where it is Python's, which has to close it. */
static uint64_t make_room(struct eng_pending *pending)
{
    const uint32_t oldest = pending->places[0].newer;
    const struct eng_pending_place *dropped = &pending->places[oldest];
    const uint64_t name = name_of(pending, oldest);

    if (oldest == 0)
        return 0;
    if (dropped->front != NULL) {
        eng_front_crowd_out(dropped->front, dropped->slot);
        return 0;
    }
    eng_pending_remove(pending, oldest);
    return name;
}

uint32_t eng_pending_add(struct eng_pending *pending, struct eng_front *front, uint32_t slot, const uint8_t *address,
                         int is_exempt, uint64_t *dropped)
{
    struct eng_pending_place *place;
    struct eng_share share;
    uint32_t number;

    *dropped = 0;
    if (!find_share(pending, address, is_exempt, &share))
        return 0;
    if (pending->count >= pending->hard)
        *dropped = make_room(pending);
    number = pending->free;
    if (number == 0)
        return 0;
    place = &pending->places[number];
    pending->free = place->newer;
    place->front = front;
    place->slot = slot;
    place->generation++;
    count_share(pending, place, &share);
    link_newest(pending, number);
    pending->count++;
    return number;
}

void eng_pending_remove(struct eng_pending *pending, uint32_t place)
{
    unlink_place(pending, place);
    uncount_share(pending, &pending->places[place]);
    pending->places[place].generation++; /* its name is nobody's from now on */
    pending->places[place].newer = pending->free;
    pending->free = place;
    pending->count--;
}

int eng_pending_reassign(struct eng_pending *pending, uint32_t place, const uint8_t *address, int is_exempt)
{
    struct eng_share share;

    if (!find_share(pending, address, is_exempt, &share)) {
        eng_pending_remove(pending, place);
        return 0;
    }
    uncount_share(pending, &pending->places[place]);
    count_share(pending, &pending->places[place], &share);
    return 1;
}

void eng_pending_advance(struct eng_pending *pending, uint32_t place)
{
    unlink_place(pending, place);
    link_newest(pending, place);
}

/* The place that has this name; 0 where it was left. */
static uint32_t find(const struct eng_pending *pending, uint64_t name)
{
    const uint32_t place = (uint32_t)name;

    return place <= pending->hard && name_of(pending, place) == name ? place : 0;
}

uint64_t eng_pending_enter(struct eng_pending *pending, const uint8_t *address, int is_exempt, uint64_t *dropped)
{
    const uint32_t place = eng_pending_add(pending, NULL, 0, address, is_exempt, dropped);

    return place == 0 ? 0 : name_of(pending, place);
}

int eng_pending_rename(struct eng_pending *pending, uint64_t name, const uint8_t *address, int is_exempt)
{
    const uint32_t place = find(pending, name);

    return place == 0 || eng_pending_reassign(pending, place, address, is_exempt);
}

void eng_pending_progress(struct eng_pending *pending, uint64_t name)
{
    const uint32_t place = find(pending, name);

    if (place != 0)
        eng_pending_advance(pending, place);
}

void eng_pending_leave(struct eng_pending *pending, uint64_t name)
{
    const uint32_t place = find(pending, name);

    if (place != 0)
        eng_pending_remove(pending, place);
}
