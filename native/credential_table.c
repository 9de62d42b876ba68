#include "credential_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "credential_binding.h"
#include "credential_layout.h"

enum { LIVE = 1, CHECKED_STAMP_SEEN = 2, HAS_PRIMARY = 4, HAS_SECONDARY = 8, CERTIFIED = 16 };

/* Words FACTS of an entry. All zero where the entry is not live. */
struct facts {
    uint8_t flags, primary_len, secondary_len, unused;
    uint8_t record_id[ENG_RECORD_ID_BYTES];
};
_Static_assert(sizeof(struct facts) == 2 * sizeof(uint64_t), "two words of an entry");
_Static_assert(sizeof(struct eng_credential_proof) <= ENG_CREDENTIAL_SECRETS_BYTES, "in the place of the secrets");
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

void eng_credential_table_hash(const struct eng_credential_table *table, const uint8_t *device_id,
                               size_t device_id_len, uint64_t hash[2])
{
    eng_siphash128(keys_of(table)->hash, device_id, device_id_len, hash);
    eng_slot_fetch(&table->layout, hash[0] >> 32);
}

/* The slot of a device, or the empty one in which its search ends. Bounded: a third of the slots is empty. */
static struct place locate(const struct eng_credential_table *table, const uint64_t hash[2])
{
    const struct eng_credential_layout *layout = &table->layout;
    const uint32_t mask = eng_slot_mask(layout);
    const uint64_t half = hash[0] >> 32;
    struct place place = {.hash = {hash[0], hash[1]}, .slot = (uint32_t)half & mask};
    uint64_t slot;

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

static struct place locate_device(const struct eng_credential_table *table, const uint8_t *device_id,
                                  size_t device_id_len)
{
    uint64_t hash[2];

    eng_credential_table_hash(table, device_id, device_id_len, hash);
    return locate(table, hash);
}

uint32_t eng_credential_table_fetch(const struct eng_credential_table *table, const uint64_t hash[2])
{
    return eng_entry_fetch(&table->layout, hash[0] >> 32);
}

static uint64_t trust_of(const struct eng_credential_table *table)
{
    return atomic_load_explicit(&table->layout.header->trust, memory_order_acquire);
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

/* What is put, but for its place: `hidden` is sealed, bound to the list where certificates prove the device. */
struct entry_content {
    struct facts facts;
    uint64_t generation;
    struct eng_credential_secrets hidden;
    const uint8_t *list;
    size_t list_len;
};

static int write_entry(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                       const struct entry_content *content, const struct place *place)
{
    struct eng_entry *entry = &table->layout.entries[place->index];
    uint64_t words[ENG_ENTRY_WORDS] = {0}, version;
    struct eng_binding binding;

    words[ENG_WORD_GENERATION] = content->generation;
    memcpy(&words[ENG_WORD_HASH], place->hash, sizeof place->hash);
    memcpy(&words[ENG_WORD_FACTS], &content->facts, sizeof content->facts);
    /* The version that the entry will have. */
    version = atomic_load_explicit(&entry->words[ENG_WORD_VERSION], memory_order_relaxed) + 2;
    eng_bind(place->index, version, device_id, device_id_len, words, &binding);
    if (content->list != NULL && !eng_bind_list(trust_of(table), content->list, content->list_len, &binding))
        return 0;
    if (!eng_credential_seal(table->sealing, binding.nonce, binding.associated, binding.associated_len,
                             content->hidden.bytes, (uint8_t *)&words[ENG_WORD_SEALED],
                             (uint8_t *)&words[ENG_WORD_TAG]))
        return 0;

    if (!place->is_there)
        take_free(table);
    eng_entry_write(entry, words);
    if (!place->is_there)
        atomic_store(&table->layout.slots[place->slot], place->hash[0] >> 32 << 32 | (place->index + 1));
    return 1;
}

static int put(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
               const struct entry_content *content)
{
    struct place place;

    if (!is_valid_id(device_id_len) || !eng_slots_reserve(&table->layout, table->count + 1))
        return refuse(table, device_id, device_id_len);
    place = locate_device(table, device_id, device_id_len);
    if (!place.is_there)
        place.index = next_free(table);
    if (place.index >= table->layout.entry_count || !write_entry(table, device_id, device_id_len, content, &place))
        return refuse(table, device_id, device_id_len);
    return 1;
}

int eng_credential_table_put(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                             const uint8_t record_id[12], uint64_t generation, int checked_stamp_seen,
                             const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                             size_t secondary_len)
{
    struct entry_content content = {.facts.flags = LIVE | (checked_stamp_seen ? CHECKED_STAMP_SEEN : 0),
                                    .generation = generation};
    struct facts *facts = &content.facts;
    int done;

    if ((primary == NULL && secondary == NULL) || primary_len > ENG_CREDENTIAL_SECRET_BYTES
        || secondary_len > ENG_CREDENTIAL_SECRET_BYTES)
        return refuse(table, device_id, device_id_len);
    keep(primary, primary_len, HAS_PRIMARY, &facts->flags, &facts->primary_len, content.hidden.bytes);
    keep(secondary, secondary_len, HAS_SECONDARY, &facts->flags, &facts->secondary_len,
         content.hidden.bytes + ENG_CREDENTIAL_SECRET_BYTES);
    memcpy(facts->record_id, record_id, ENG_RECORD_ID_BYTES);
    done = put(table, device_id, device_id_len, &content);
    OPENSSL_cleanse(&content.hidden, sizeof content.hidden);
    return done;
}

int eng_credential_table_put_certified(struct eng_credential_table *table, const uint8_t *device_id,
                                       size_t device_id_len, const uint8_t record_id[12], uint64_t generation,
                                       const uint8_t *list, size_t list_len, const uint8_t anchor_sha256[32],
                                       int64_t since, int64_t until)
{
    struct entry_content content = {
        .facts.flags = LIVE | CERTIFIED, .generation = generation, .list = list, .list_len = list_len};
    struct eng_credential_proof proof = {.since = since, .until = until};

    memcpy(content.facts.record_id, record_id, ENG_RECORD_ID_BYTES);
    memcpy(proof.anchor_sha256, anchor_sha256, sizeof proof.anchor_sha256);
    memcpy(content.hidden.bytes, &proof, sizeof proof);
    return put(table, device_id, device_id_len, &content);
}

void eng_credential_table_distrust(struct eng_credential_table *table)
{
    atomic_fetch_add(&table->layout.header->trust, 1);
}

int eng_credential_table_remove(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len)
{
    struct place place;

    if (!is_valid_id(device_id_len))
        return 0;
    place = locate_device(table, device_id, device_id_len);
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

int eng_credential_table_find(const struct eng_credential_table *table, const uint64_t hash[2],
                              struct eng_credential_copy *copy)
{
    const struct place place = locate(table, hash);
    struct facts facts;

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
    copy->is_certified = (facts.flags & CERTIFIED) != 0;
    copy->trust = copy->is_certified ? trust_of(table) : 0;
    copy->checked_stamp_seen = (facts.flags & CHECKED_STAMP_SEEN) != 0;
    copy->has_primary = (facts.flags & HAS_PRIMARY) != 0;
    copy->has_secondary = (facts.flags & HAS_SECONDARY) != 0;
    copy->primary_len = facts.primary_len;
    copy->secondary_len = facts.secondary_len;
    memcpy(copy->record_id, facts.record_id, sizeof copy->record_id);
    return 1;
}

static int unseal(const struct eng_credential_table *table, const struct eng_binding *binding,
                  const struct eng_credential_copy *copy, struct eng_credential_secrets *hidden)
{
    return eng_credential_unseal(table->unsealing, binding->nonce, binding->associated, binding->associated_len,
                                 (const uint8_t *)&copy->words[ENG_WORD_SEALED],
                                 (const uint8_t *)&copy->words[ENG_WORD_TAG], hidden->bytes);
}

int eng_credential_table_unseal(const struct eng_credential_table *table, const uint8_t *device_id,
                                size_t device_id_len, const struct eng_credential_copy *copy,
                                struct eng_credential_secrets *secrets)
{
    struct eng_binding binding;

    if (!is_valid_id(device_id_len) || copy->is_certified)
        return 0;
    eng_bind(copy->index, copy->version, device_id, device_id_len, copy->words, &binding);
    return unseal(table, &binding, copy, secrets);
}

int eng_credential_table_unseal_proof(const struct eng_credential_table *table, const uint8_t *device_id,
                                      size_t device_id_len, const struct eng_credential_copy *copy,
                                      const uint8_t *list, size_t list_len, struct eng_credential_proof *proof)
{
    struct eng_credential_secrets hidden;
    struct eng_binding binding;

    if (!is_valid_id(device_id_len) || !copy->is_certified)
        return 0;
    eng_bind(copy->index, copy->version, device_id, device_id_len, copy->words, &binding);
    if (!eng_bind_list(copy->trust, list, list_len, &binding) || !unseal(table, &binding, copy, &hidden))
        return 0;
    memcpy(proof, hidden.bytes, sizeof *proof);
    return 1;
}

int eng_credential_table_is_unchanged(const struct eng_credential_table *table, uint32_t index, uint64_t version,
                                      uint64_t trust)
{
    return index < table->layout.entry_count
           && atomic_load_explicit(&table->layout.entries[index].words[ENG_WORD_VERSION], memory_order_acquire)
                  == version
           && (trust == 0 || trust == trust_of(table));
}
