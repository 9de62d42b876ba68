#ifndef ENG_CREDENTIAL_LAYOUT_H
#define ENG_CREDENTIAL_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_file.h"

/* How a credential table lies in its file, for every process that maps it: a header, the slots (a hash table of entry
 * numbers, linear probing), the entries. No pointers. Whatever may change is atomic. The file has room for all slots
 * there may ever be; those in use are the first ones, 16 of an empty table, so that pages are touched only as entries
 * come. */

#define ENG_ENTRY_WORDS 16

/* The words of an entry. Of one that is not live, GENERATION is the next free one (its number + 1; 0: none). */
enum {
    ENG_WORD_VERSION, /* odd while the entry is being written */
    ENG_WORD_GENERATION,
    ENG_WORD_HASH, /* two words */
    ENG_WORD_FACTS = 4, /* two words: struct facts of credential_table.c */
    ENG_WORD_TAG = 6, /* two words */
    ENG_WORD_SEALED = 8 /* eight words */
};

struct eng_entry {
    _Alignas(128) _Atomic uint64_t words[ENG_ENTRY_WORDS];
};

/* 0: empty. Else the number of an entry + 1 in the low half, and half a word of its device's hash in the high one, so
 * that a search goes past other devices without touching their entries. */
typedef _Atomic uint64_t eng_slot;

struct eng_credential_header {
    uint64_t magic;
    uint32_t entries;
    _Atomic uint32_t slot_mask;
    _Atomic uint64_t trust; /* grows whenever what certificates proved is to be judged anew */
};

struct eng_credential_layout {
    struct eng_memory_file file;
    struct eng_credential_header *header;
    eng_slot *slots;
    struct eng_entry *entries;
    uint32_t widest_mask, entry_count;
};

/* Make the file of an empty table; map that of another process, read-only. 1, or 0 with errno set. */
int eng_credential_layout_create(uint32_t entries, struct eng_credential_layout *layout)
    __attribute__((warn_unused_result));
int eng_credential_layout_map(int descriptor, struct eng_credential_layout *layout) __attribute__((warn_unused_result));

/* The slots in use, less one. A search asks once: another process may double them meanwhile. No mask leads out of the
 * file. */
static inline uint32_t eng_slot_mask(const struct eng_credential_layout *layout)
{
    return atomic_load_explicit(&layout->header->slot_mask, memory_order_relaxed) & layout->widest_mask;
}

/* Have slots for so many entries, of at most two thirds; where they must be doubled, all are put in anew. A search in
 * another process may meanwhile miss any entry, which is always safe, and finds no wrong one: the entry says whose it is.
 * 0 where memory is short, and nothing has changed. The largest doubling of a table of 1 million takes 15 ms (with the
 * 699,051st entry), of 2 million 31 ms (with the 1,398,101st); each comes once. */
int eng_slots_reserve(const struct eng_credential_layout *layout, uint32_t entries)
    __attribute__((warn_unused_result));

/* Back to those of an empty table; all must be empty. */
void eng_slots_shrink(const struct eng_credential_layout *layout);

/* Write all words of an entry but its version, which grows by 2; words[ENG_WORD_VERSION] is not read. */
void eng_entry_write(struct eng_entry *entry, const uint64_t words[ENG_ENTRY_WORDS]);

/* Copy an entry. 0 when it was being written meanwhile. */
int eng_entry_read(const struct eng_entry *entry, uint64_t words[ENG_ENTRY_WORDS]) __attribute__((warn_unused_result));

/* Have the cache fetch where the search for a device with this half of a word begins, and, once that is there, its entry,
 * whose number is told; UINT32_MAX where it is not among the first slots of the search. */
void eng_slot_fetch(const struct eng_credential_layout *layout, uint64_t half);
uint32_t eng_entry_fetch(const struct eng_credential_layout *layout, uint64_t half);

/* Empty the slot and move those behind it up, so that no removal leaves anything for a search to go past. A search in
 * another process may meanwhile miss an entry that is moved: it is then not known, which is always safe. */
void eng_slot_remove(const struct eng_credential_layout *layout, uint32_t slot);

#endif
