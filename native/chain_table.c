#include "chain_table.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8

int eng_table_open(struct eng_table *table, size_t count, size_t entry_bytes)
{
    *table = (struct eng_table){.entry_bytes = entry_bytes, .sets = (count + WAYS - 1) / WAYS};
    if (table->sets == 0)
        return 1;
    table->entries = calloc(table->sets * WAYS, entry_bytes);
    return table->entries != NULL;
}

void eng_table_close(struct eng_table *table) { free(table->entries); }

size_t eng_table_room(const struct eng_table *table) { return table->sets * WAYS; }

static struct eng_table_entry *first_of_set(const struct eng_table *table, const uint8_t *key)
{
    uint64_t number;

    memcpy(&number, key, sizeof number);
    return (struct eng_table_entry *)(table->entries + number % table->sets * WAYS * table->entry_bytes);
}

static struct eng_table_entry *next_of_set(const struct eng_table *table, struct eng_table_entry *entry)
{
    return (struct eng_table_entry *)((uint8_t *)entry + table->entry_bytes);
}

void *eng_table_find(struct eng_table *table, const uint8_t key[ENG_DIGEST_BYTES])
{
    struct eng_table_entry *entry;

    if (table->sets == 0)
        return NULL;
    entry = first_of_set(table, key);
    for (int way = 0; way < WAYS; way++, entry = next_of_set(table, entry)) {
        if (entry->used != 0 && memcmp(entry->key, key, ENG_DIGEST_BYTES) == 0) {
            entry->used = ++table->uses;
            return entry;
        }
    }
    return NULL;
}

void *eng_table_place(struct eng_table *table, const uint8_t key[ENG_DIGEST_BYTES])
{
    struct eng_table_entry *entry, *least;

    entry = eng_table_find(table, key);
    if (entry != NULL || table->sets == 0)
        return entry;
    least = entry = first_of_set(table, key);
    for (int way = 0; way < WAYS; way++, entry = next_of_set(table, entry))
        if (entry->used < least->used)
            least = entry;
    table->taken += least->used == 0;
    memcpy(least->key, key, ENG_DIGEST_BYTES);
    least->used = ++table->uses;
    return least;
}
