#include "credential_layout.h"

#include <errno.h>

#define HEADER_BYTES 4096
#define FEWEST_SLOTS 16
#define MOST_ENTRIES (1U << 30)

static const uint64_t magic = 0x316c62617464656b; /* "kedtabl1" */

struct header {
    uint64_t magic;
    uint32_t entries;
    _Atomic uint64_t trust;
};

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

    layout->trust = &((struct header *)layout->file.map)->trust;
    layout->entry_count = entries;
    layout->slot_mask = slots - 1;
    layout->slots = (eng_slot *)(void *)(start + HEADER_BYTES);
    layout->entries = (struct eng_entry *)(void *)(start + HEADER_BYTES + slots * sizeof(eng_slot));
}

int eng_credential_layout_create(uint32_t entries, struct eng_credential_layout *layout)
{
    struct header *header;

    if (entries == 0 || entries > MOST_ENTRIES) {
        errno = EINVAL;
        return 0;
    }
    if (!eng_memory_file_create("keyturn-credential-table", size_for(entries), &layout->file))
        return 0;
    header = layout->file.map;
    header->magic = magic;
    header->entries = entries;
    header->trust = 1;
    place(layout, entries);
    return 1;
}

int eng_credential_layout_map(int descriptor, struct eng_credential_layout *layout)
{
    const struct header *header;

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
    const uint32_t mask = layout->slot_mask;
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
