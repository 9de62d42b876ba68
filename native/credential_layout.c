#include "credential_layout.h"

#include <errno.h>
#include <stdlib.h>

#define HEADER_BYTES 4096
#define FEWEST_SLOTS 16
#define MOST_ENTRIES (1U << 30)
#define FETCHED_SLOTS 4 /* a device that is there is found in two, on average */

static const uint64_t magic = 0x316c62617464656b; /* "kedtabl1" */

/* The power of two that leaves at least a third of the slots empty: about two slots are looked at for a device that is
 * there (Knuth, The Art of Computer Programming 3, section 6.4, linear probing). */
static uint32_t slots_for(uint32_t entries)
{
    uint32_t slots = FEWEST_SLOTS;

    while (slots < entries + entries / 2)
        slots *= 2;
    return slots;
}

static size_t size_for(uint32_t entries)
{
    return HEADER_BYTES + slots_for(entries) * sizeof(eng_slot) + entries * sizeof(struct eng_entry);
}

static void place(struct eng_credential_layout *layout, uint32_t entries)
{
    uint8_t *start = layout->file.map;
    uint32_t slots = slots_for(entries);

    layout->header = layout->file.map;
    layout->entry_count = entries;
    layout->widest_mask = slots - 1;
    layout->slots = (eng_slot *)(void *)(start + HEADER_BYTES);
    layout->entries = (struct eng_entry *)(void *)(start + HEADER_BYTES + slots * sizeof(eng_slot));
}

int eng_credential_layout_create(uint32_t entries, struct eng_credential_layout *layout)
{
    if (entries == 0 || entries > MOST_ENTRIES) {
        errno = EINVAL;
        return 0;
    }
    if (!eng_memory_file_create("keyturn-credential-table", size_for(entries), &layout->file))
        return 0;
    place(layout, entries);
    layout->header->magic = magic;
    layout->header->entries = entries;
    layout->header->trust = 1;
    eng_slots_shrink(layout);
    return 1;
}

int eng_credential_layout_map(int descriptor, struct eng_credential_layout *layout)
{
    const struct eng_credential_header *header;

    if (!eng_memory_file_map(descriptor, &layout->file))
        return 0;
    header = layout->file.map;
    if (layout->file.size >= HEADER_BYTES && header->magic == magic && header->entries <= MOST_ENTRIES
        && layout->file.size == size_for(header->entries)) {
        place(layout, header->entries);
        return 1;
    }
    eng_memory_file_close(&layout->file);
    errno = EINVAL;
    return 0;
}

void eng_slots_shrink(const struct eng_credential_layout *layout)
{
    atomic_store_explicit(&layout->header->slot_mask, FEWEST_SLOTS - 1, memory_order_relaxed);
}

/* Into the first slot that is free from its home on. */
static void put_in(const struct eng_credential_layout *layout, uint32_t mask, uint64_t taken)
{
    uint32_t at = (uint32_t)(taken >> 32) & mask;

    while (atomic_load_explicit(&layout->slots[at], memory_order_relaxed) != 0)
        at = (at + 1) & mask;
    atomic_store_explicit(&layout->slots[at], taken, memory_order_release);
}

/* In the order of the old slots, so that the new ones are filled in two passes from below. */
static int double_slots(const struct eng_credential_layout *layout, uint32_t mask)
{
    uint64_t *taken = malloc((mask + (size_t)1) * sizeof *taken);
    uint32_t count = 0;

    if (taken == NULL)
        return 0;
    for (uint32_t at = 0; at <= mask; at++) {
        const uint64_t slot = atomic_load_explicit(&layout->slots[at], memory_order_relaxed);

        if (slot == 0)
            continue;
        taken[count++] = slot;
        atomic_store_explicit(&layout->slots[at], 0, memory_order_relaxed);
    }
    mask = mask * 2 + 1;
    atomic_store_explicit(&layout->header->slot_mask, mask, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        put_in(layout, mask, taken[i]);
    free(taken);
    return 1;
}

int eng_slots_reserve(const struct eng_credential_layout *layout, uint32_t entries)
{
    const uint32_t mask = eng_slot_mask(layout);

    return mask == layout->widest_mask || entries <= mask / 3 * 2 || double_slots(layout, mask);
}

/* A sequence lock (Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?", 2012) without fences, which
 * ThreadSanitizer does not know: whoever acquires a word released here sees the odd version that came before it. */
void eng_entry_write(struct eng_entry *entry, const uint64_t words[ENG_ENTRY_WORDS])
{
    uint64_t version = atomic_load_explicit(&entry->words[ENG_WORD_VERSION], memory_order_relaxed);

    atomic_store_explicit(&entry->words[ENG_WORD_VERSION], version + 1, memory_order_relaxed);
    for (unsigned int i = 1; i < ENG_ENTRY_WORDS; i++)
        atomic_store_explicit(&entry->words[i], words[i], memory_order_release);
    atomic_store_explicit(&entry->words[ENG_WORD_VERSION], version + 2, memory_order_release);
}

int eng_entry_read(const struct eng_entry *entry, uint64_t words[ENG_ENTRY_WORDS])
{
    for (unsigned int i = 0; i < ENG_ENTRY_WORDS; i++)
        words[i] = atomic_load_explicit(&entry->words[i], memory_order_acquire);
    return words[ENG_WORD_VERSION] % 2 == 0
           && atomic_load_explicit(&entry->words[ENG_WORD_VERSION], memory_order_relaxed) == words[ENG_WORD_VERSION];
}

/* Knuth, section 6.4, Algorithm R. */
void eng_slot_remove(const struct eng_credential_layout *layout, uint32_t slot)
{
    const uint32_t mask = eng_slot_mask(layout);
    uint32_t hole = slot;
    uint64_t moving;

    for (uint32_t at = (hole + 1) & mask; (moving = atomic_load(&layout->slots[at])) != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)(moving >> 32) & mask;

        /* It may go up when the hole is not before its home. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            atomic_store(&layout->slots[hole], moving);
            hole = at;
        }
    }
    atomic_store(&layout->slots[hole], 0);
}

void eng_slot_fetch(const struct eng_credential_layout *layout, uint64_t half)
{
    __builtin_prefetch((const void *)&layout->slots[(uint32_t)half & eng_slot_mask(layout)]);
}

uint32_t eng_entry_fetch(const struct eng_credential_layout *layout, uint64_t half)
{
    const uint32_t mask = eng_slot_mask(layout);

    for (uint32_t i = 0; i < FETCHED_SLOTS; i++) {
        const uint64_t slot = atomic_load_explicit(&layout->slots[((uint32_t)half + i) & mask], memory_order_relaxed);
        const uint32_t index = (uint32_t)slot - 1;

        if (slot >> 32 != half || index >= layout->entry_count)
            continue;
        __builtin_prefetch((const void *)&layout->entries[index].words[ENG_WORD_VERSION]);
        __builtin_prefetch((const void *)&layout->entries[index].words[ENG_WORD_SEALED]);
        return index;
    }
    return UINT32_MAX;
}
