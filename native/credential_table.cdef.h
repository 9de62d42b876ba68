/* What is needed to accept a device again; read by C (credential_table.h) and by cffi (build.py), so nothing but
 * declarations.
 *
 * A table of a fixed number of entries in a memfd. One process writes it; others may map it read-only. Only devices that
 * are MQTT, activated and not frozen may be put (engine/node/known_good.py sees to that); whatever changes about a
 * device removes its entry. An entry is sealed (AES-256-GCM) under a key that lives as long as the table: both secrets of
 * a SECRET device, or what the certificates of a CERTIFICATES device proved. device_ids are there only as their keyed
 * hash, and as a part of the seal. A handle is for one thread at a time.
 *
 * Lengths: device_id 1 to 128 bytes, a secret 0 to 32.
 */
struct eng_credential_table;

/* A new, empty table: the writer's handle. 144 bytes an entry, and up to twice 16 of them by rounding; taken from memory
 * only as entries come. NULL with errno set: no memory, RLIMIT_MEMLOCK allows no page, Linux before 5.1. */
struct eng_credential_table *eng_credential_table_open(uint32_t entries);

/* A reader's handle on the writer's table, in whatever process; both descriptors stay the caller's. Never put, remove or
 * clear through it. NULL with errno set; EINVAL when the descriptors are not of a table. */
struct eng_credential_table *eng_credential_table_map(int descriptor, int keys_descriptor);

/* The descriptors to give to a reader; the handle's own. */
int eng_credential_table_descriptor(const struct eng_credential_table *table);
int eng_credential_table_keys_descriptor(const struct eng_credential_table *table);

/* Either handle; NULL is allowed. */
void eng_credential_table_close(struct eng_credential_table *table);

/* Put a device, or replace what is there of it. 1 when put; 0, and nothing is there of the device, when the table is
 * full, a length does not fit, or there is no secret (all counted), or when libcrypto failed. An absent secret is NULL.
 * The index of an entry is below the number given to open, and stays while the entry lives. */
int eng_credential_table_put(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len,
                             const uint8_t record_id[12], uint64_t generation, int checked_stamp_seen,
                             const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                             size_t secondary_len);

/* The same for a device that these certificates prove (list: as TLS carries them, the leaf first), as they were judged
 * with the device CAs and CRLs of this moment: anchored by that CA, from `since` to before `until` (epoch seconds). The
 * seal opens for this list alone, and not after eng_credential_table_distrust. */
int eng_credential_table_put_certified(struct eng_credential_table *table, const uint8_t *device_id,
                                       size_t device_id_len, const uint8_t record_id[12], uint64_t generation,
                                       const uint8_t *list, size_t list_len, const uint8_t anchor_sha256[32],
                                       int64_t since, int64_t until);

/* A device CA, a CRL or the status of a certificate changed. When it returns, no handle on the table opens what was put
 * by certificates before; those entries stay until something is put in their place. */
void eng_credential_table_distrust(struct eng_credential_table *table);

/* 1 when the device was there. When it returns, no handle on the table finds the entry any more. */
int eng_credential_table_remove(struct eng_credential_table *table, const uint8_t *device_id, size_t device_id_len);

/* Remove them all. */
void eng_credential_table_clear(struct eng_credential_table *table);

/* The writer's: entries there now; entries there can be; puts that were refused since open. */
uint32_t eng_credential_table_count(const struct eng_credential_table *table);
uint32_t eng_credential_table_entries(const struct eng_credential_table *table);
uint64_t eng_credential_table_refused(const struct eng_credential_table *table);
