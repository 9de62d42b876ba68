#include "credential_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "credential_layout.h"

enum { LIVE = 1, CHECKED_STAMP_SEEN = 2, HAS_PRIMARY = 4, HAS_SECONDARY = 8 };

/* Words FACTS of an entry. All zero where the entry is not live. */
struct facts {
    uint8_t flags, primary_len, secondary_len, unused;
    uint8_t record_id[ENG_RECORD_ID_BYTES];
};
_Static_assert(sizeof(struct facts) == 2 * sizeof(uint64_t), "two words of an entry");
_Static_assert(sizeof(struct eng_entry) == ENG_ENTRY_WORDS * sizeof(uint64_t), "an entry is its words");

struct eng_credential_table {
    struct eng_credential_layout layout;
    struct eng_memory_file keys_file;
    EVP_CIPHER_CTX *sealing, *unsealing;
    /* The writer's own. free_entry: the last one given back, its number + 1; `fresh` and all after it were never used. */
    uint32_t count, fresh, free_entry;
    uint64_t refused;
};

/* Where a device is, or would be. */
struct place {
    uint64_t hash[2];
    uint32_t slot, index;
    int is_there;
};

static const struct eng_credential_keys *keys_of(const struct eng_credential_table *table)
{
    return table->keys_file.map;
}

/* What both kinds of handle have in common, once both files are mapped. Takes them over, and `table`. */
static struct eng_credential_table *finish(struct eng_credential_table *table)
{
    table->sealing = eng_credential_seal_context(keys_of(table)->seal, 1);
    table->unsealing = eng_credential_seal_context(keys_of(table)->seal, 0);
    if (table->sealing != NULL && table->unsealing != NULL)
        return table;
    eng_credential_table_close(table);
    errno = ENOMEM;
    return NULL;
}

struct eng_credential_table *eng_credential_table_open(uint32_t entries)
{
    struct eng_credential_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    if (eng_credential_layout_create(entries, &table->layout) && eng_credential_keys_create(&table->keys_file))
        return finish(table);
    eng_credential_table_close(table);
    return NULL;
}

struct eng_credential_table *eng_credential_table_map(int descriptor, int keys_descriptor)
{
    struct eng_credential_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    if (eng_credential_layout_map(descriptor, &table->layout)
        && eng_credential_keys_map(keys_descriptor, &table->keys_file))
        return finish(table);
    eng_credential_table_close(table);
    return NULL;
}

void eng_credential_table_close(struct eng_credential_table *table)
{
    int reason = errno;

    if (table == NULL)
        return;
    EVP_CIPHER_CTX_free(table->sealing);
    EVP_CIPHER_CTX_free(table->unsealing);
    eng_memory_file_close(&table->keys_file);
    eng_memory_file_close(&table->layout.file);
    free(table);
    errno = reason;
}

int eng_credential_table_descriptor(const struct eng_credential_table *table) { return table->layout.file.descriptor; }

int eng_credential_table_keys_descriptor(const struct eng_credential_table *table)
{
    return table->keys_file.descriptor;
}

/* The slot of a device, or the empty one in which its search ends. Bounded: a third of the slots is empty. */
static struct place locate(const struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len)
{
    const struct eng_credential_layout *layout = &table->layout;
    const uint32_t mask = eng_slot_mask(layout);
    struct place place = {0};
    uint64_t slot, half;

    eng_siphash128(keys_of(table)->hash, device_id, device_id_len, place.hash);
    half = place.hash[0] >> 32;
    place.slot = (uint32_t)half & mask;
    for (uint32_t tries = 0; tries <= mask; tries++) {
        slot = atomic_load_explicit(&layout->slots[place.slot], memory_order_acquire);
        if (slot == 0)
            return place;
        place.index = (uint32_t)slot - 1;
        if (slot >> 32 == half && place.index < layout->entry_count) {
            const struct eng_entry *entry = &layout->entries[place.index];

            place.is_there
                = atomic_load_explicit(&entry->words[ENG_WORD_HASH], memory_order_relaxed) == place.hash[0]
                  && atomic_load_explicit(&entry->words[ENG_WORD_HASH + 1], memory_order_relaxed) == place.hash[1];
            if (place.is_there)
                return place;
        }
        place.slot = (place.slot + 1) & mask;
    }
    return place;
}

/* An entry's number and version are a nonce that is never used twice: a version only grows. */
static void write_nonce(uint32_t index, uint64_t version, uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES])
{
    memcpy(nonce, &index, sizeof index);
    memcpy(nonce + sizeof index, &version, sizeof version);
}

/* What the seal binds to the secrets: whose they are, and all else that the entry says. */
struct associated {
    uint8_t bytes[3 * sizeof(uint64_t) + ENG_DEVICE_ID_BYTES];
    size_t len;
};

static struct associated associate(const uint8_t *device_id, size_t device_id_len,
                                   const uint64_t words[ENG_ENTRY_WORDS])
{
    struct associated associated;

    memcpy(associated.bytes, &words[ENG_WORD_GENERATION], sizeof(uint64_t));
    memcpy(associated.bytes + sizeof(uint64_t), &words[ENG_WORD_FACTS], 2 * sizeof(uint64_t));
    memcpy(associated.bytes + 3 * sizeof(uint64_t), device_id, device_id_len);
    associated.len = 3 * sizeof(uint64_t) + device_id_len;
    return associated;
}

/* Seal both secrets into the words. 1 when done. */
static int seal(struct eng_credential_table *table, uint32_t index, const struct associated *associated,
                const struct eng_credential_secrets *secrets, uint64_t words[ENG_ENTRY_WORDS])
{
    const struct eng_entry *entry = &table->layout.entries[index];
    uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES];

    /* The version that the entry will have. */
    write_nonce(index, atomic_load_explicit(&entry->words[ENG_WORD_VERSION], memory_order_relaxed) + 2, nonce);
    return eng_credential_seal(table->sealing, nonce, associated->bytes, associated->len, secrets->bytes,
                               (uint8_t *)&words[ENG_WORD_SEALED], (uint8_t *)&words[ENG_WORD_TAG]);
}

static int is_valid_id(size_t device_id_len) { return device_id_len >= 1 && device_id_len <= ENG_DEVICE_ID_BYTES; }

/* The number of an entry that is free, entry_count when there is none. */
static uint32_t next_free(const struct eng_credential_table *table)
{
    return table->free_entry != 0 ? table->free_entry - 1 : table->fresh;
}

static void take_free(struct eng_credential_table *table)
{
    if (table->free_entry == 0)
        table->fresh++;
    else
        table->free_entry = (uint32_t)table->layout.entries[table->free_entry - 1].words[ENG_WORD_GENERATION];
    table->count++;
}

static void give_back(struct eng_credential_table *table, uint32_t index)
{
    uint64_t words[ENG_ENTRY_WORDS] = {0};

    words[ENG_WORD_GENERATION] = table->free_entry;
    eng_entry_write(&table->layout.entries[index], words);
    table->free_entry = index + 1;
    table->count--;
}

static int refuse(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len)
{
    table->refused++;
    eng_credential_table_remove(table, device_id, device_id_len);
    return 0;
}

/* Note one secret in the facts and put it in its place; absent: NULL. */
static void keep(const uint8_t *secret, size_t secret_len, uint8_t flag, uint8_t *flags, uint8_t *kept_len,
                 uint8_t *place)
{
    if (secret == NULL)
        return;
    *flags |= flag;
    *kept_len = (uint8_t)secret_len;
    memcpy(place, secret, secret_len);
}

int eng_credential_table_put(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                             const uint8_t record_id[12], uint64_t generation, int checked_stamp_seen,
                             const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                             size_t secondary_len)
{
    struct eng_credential_secrets secrets = {{0}};
    struct associated associated;
    struct facts facts = {.flags = LIVE | (checked_stamp_seen ? CHECKED_STAMP_SEEN : 0)};
    uint64_t words[ENG_ENTRY_WORDS] = {0};
    struct place place;
    int done;

    if (!is_valid_id(device_id_len) || (primary == NULL && secondary == NULL)
        || primary_len > ENG_CREDENTIAL_SECRET_BYTES || secondary_len > ENG_CREDENTIAL_SECRET_BYTES
        || !eng_slots_reserve(&table->layout, table->count + 1))
        return refuse(table, device_id, device_id_len);
    place = locate(table, device_id, device_id_len);
    if (!place.is_there)
        place.index = next_free(table);
    if (place.index >= table->layout.entry_count)
        return refuse(table, device_id, device_id_len);

    keep(primary, primary_len, HAS_PRIMARY, &facts.flags, &facts.primary_len, secrets.bytes);
    keep(secondary, secondary_len, HAS_SECONDARY, &facts.flags, &facts.secondary_len,
         secrets.bytes + ENG_CREDENTIAL_SECRET_BYTES);
    memcpy(facts.record_id, record_id, ENG_RECORD_ID_BYTES);
    words[ENG_WORD_GENERATION] = generation;
    memcpy(&words[ENG_WORD_HASH], place.hash, sizeof place.hash);
    memcpy(&words[ENG_WORD_FACTS], &facts, sizeof facts);
    associated = associate(device_id, device_id_len, words);
    done = seal(table, place.index, &associated, &secrets, words);
    OPENSSL_cleanse(&secrets, sizeof secrets);
    if (!done)
        return refuse(table, device_id, device_id_len);

    if (!place.is_there)
        take_free(table);
    eng_entry_write(&table->layout.entries[place.index], words);
    if (!place.is_there)
        atomic_store(&table->layout.slots[place.slot], place.hash[0] >> 32 << 32 | (place.index + 1));
    return 1;
}

int eng_credential_table_remove(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len)
{
    struct place place;

    if (!is_valid_id(device_id_len))
        return 0;
    place = locate(table, device_id, device_id_len);
    if (!place.is_there)
        return 0;
    give_back(table, place.index);
    eng_slot_remove(&table->layout, place.slot);
    return 1;
}

void eng_credential_table_clear(struct eng_credential_table *table)
{
    const uint32_t mask = eng_slot_mask(&table->layout);

    for (uint32_t slot = 0; slot <= mask; slot++) {
        uint64_t taken = atomic_load(&table->layout.slots[slot]);

        if (taken == 0)
            continue;
        give_back(table, (uint32_t)taken - 1);
        atomic_store(&table->layout.slots[slot], 0);
    }
    eng_slots_shrink(&table->layout);
}

uint32_t eng_credential_table_count(const struct eng_credential_table *table) { return table->count; }

uint32_t eng_credential_table_entries(const struct eng_credential_table *table) { return table->layout.entry_count; }

uint64_t eng_credential_table_refused(const struct eng_credential_table *table) { return table->refused; }

int eng_credential_table_find(const struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                              struct eng_credential_copy *copy)
{
    struct facts facts;
    struct place place;

    if (!is_valid_id(device_id_len))
        return 0;
    place = locate(table, device_id, device_id_len);
    if (!place.is_there || !eng_entry_read(&table->layout.entries[place.index], copy->words))
        return 0;
    memcpy(&facts, &copy->words[ENG_WORD_FACTS], sizeof facts);
    /* Between the search and the copy the entry may have become another device's. */
    if (memcmp(&copy->words[ENG_WORD_HASH], place.hash, sizeof place.hash) != 0 || !(facts.flags & LIVE)
        || facts.primary_len > ENG_CREDENTIAL_SECRET_BYTES || facts.secondary_len > ENG_CREDENTIAL_SECRET_BYTES)
        return 0;
    copy->index = place.index;
    copy->version = copy->words[ENG_WORD_VERSION];
    copy->generation = copy->words[ENG_WORD_GENERATION];
    copy->checked_stamp_seen = (facts.flags & CHECKED_STAMP_SEEN) != 0;
    copy->has_primary = (facts.flags & HAS_PRIMARY) != 0;
    copy->has_secondary = (facts.flags & HAS_SECONDARY) != 0;
    copy->primary_len = facts.primary_len;
    copy->secondary_len = facts.secondary_len;
    memcpy(copy->record_id, facts.record_id, sizeof copy->record_id);
    return 1;
}

int eng_credential_table_unseal(const struct eng_credential_table *table, const uint8_t *device_id,
                                size_t device_id_len, const struct eng_credential_copy *copy,
                                struct eng_credential_secrets *secrets)
{
    uint8_t nonce[ENG_CREDENTIAL_NONCE_BYTES];
    struct associated associated;

    if (!is_valid_id(device_id_len))
        return 0;
    associated = associate(device_id, device_id_len, copy->words);
    write_nonce(copy->index, copy->version, nonce);
    return eng_credential_unseal(table->unsealing, nonce, associated.bytes, associated.len,
                                 (const uint8_t *)&copy->words[ENG_WORD_SEALED],
                                 (const uint8_t *)&copy->words[ENG_WORD_TAG], secrets->bytes);
}

int eng_credential_table_is_unchanged(const struct eng_credential_table *table, uint32_t index, uint64_t version)
{
    return index < table->layout.entry_count
           && atomic_load_explicit(&table->layout.entries[index].words[ENG_WORD_VERSION], memory_order_acquire)
                  == version;
}
