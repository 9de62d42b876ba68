/* When devices were last accepted without Python, to be written to the registry in batches; read by C (seen.h) and by
 * cffi (build.py). A place for each entry of the credential table, so that memory is bounded and each device is written
 * once however often it came. For one thread.
 */
struct eng_seen;

struct eng_sight {
    int64_t at; /* epoch seconds */
    uint32_t front; /* its number in the sessions */
    uint32_t times; /* since it was taken last */
    uint16_t port;
    uint8_t address[16]; /* IPv6; an IPv4 one is mapped */
    uint8_t record_id[12];
    uint8_t device_id_len;
    uint8_t device_id[128];
};

/* entries: of the credential table. NULL where memory is short. */
struct eng_seen *eng_seen_open(uint32_t entries);
void eng_seen_close(struct eng_seen *seen);

/* How many entries have a sight that was not taken. */
uint32_t eng_seen_count(const struct eng_seen *seen);

/* Up to `most` sights, each entry's newest, which are forgotten by this; of an entry that was taken less than `pause_s`
 * before `now` (epoch seconds) the sight waits. How many they are. */
uint32_t eng_seen_take(struct eng_seen *seen, struct eng_sight *sights, uint32_t most, int64_t now, uint32_t pause_s);
