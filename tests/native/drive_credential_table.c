/* A credential table under load, by name of what is to be shown; prints "ok", or says what is wrong and aborts.
 *
 * model: 200,000 random puts, removals and look-ups, each compared with an array that says what must be there; begun anew
 * every 1,000, so that slots are doubled again and again with removals around it.
 * sparse: a few entries of a large table take a few pages of its file.
 * process: another process maps the table, and asks without pause while entries are replaced and removed, and slots
 * doubled.
 * bounds: fields of every length in blocks of exactly their size, for AddressSanitizer.
 * thread: the same with a thread, on the writer's own handle, so that ThreadSanitizer sees both sides of every access. A
 * handle is for one thread: this one is safe only because a reader touches nothing that a writer keeps in its handle. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "known_good.h"

#define STAMP "2025041401"
#define NOW 1744592400
#define REQUIRE(condition) (void)((condition) || (fprintf(stderr, "line %d: %s\n", __LINE__, #condition), abort(), 0))

static const struct eng_known_good_policy policy = {256, 256, 256, 30, 1200, 1, ENG_SIGN_TYPES_BOTH};
static const char *const secrets[2] = {"first secret of all", "another"};
static char passwords[2][65];

static void make_passwords(void)
{
    for (int which = 0; which < 2; which++) {
        uint8_t mac[32];
        unsigned int len = sizeof mac;

        REQUIRE(HMAC(EVP_sha256(), STAMP, 10, (const uint8_t *)secrets[which], strlen(secrets[which]), mac, &len));
        for (unsigned int i = 0; i < len; i++)
            snprintf(passwords[which] + 2 * i, 3, "%02x", mac[i]);
    }
}

/* The generation tells which secret it was put with: odd the first, even the second. */
static int put(struct eng_credential_table *table, const char *device_id, uint64_t generation)
{
    const char *secret = secrets[(generation + 1) % 2];
    uint8_t record_id[12];

    memset(record_id, (int)generation, sizeof record_id);
    return eng_credential_table_put(table, (const uint8_t *)device_id, strlen(device_id), record_id, generation, 0,
                                    (const uint8_t *)secret, strlen(secret), NULL, 0);
}

static int ask(const struct eng_credential_table *table, const char *device_id, int which, struct eng_known_good *result)
{
    char client_id[160];
    struct eng_mqtt_connect connect = {
        .client_id = (const uint8_t *)client_id,
        .client_id_len = (size_t)snprintf(client_id, sizeof client_id, "%s_0_0_" STAMP, device_id),
        .user_name = (const uint8_t *)device_id,
        .user_name_len = strlen(device_id),
        .password = (const uint8_t *)passwords[which],
        .password_len = 64,
        .protocol_version = 4,
        .keep_alive = 60,
    };

    return eng_known_good(table, &policy, &connect, NULL, 0, NOW, result);
}

static void model(void)
{
    enum { IDS = 150, ENTRIES = 100 };
    struct eng_credential_table *table = eng_credential_table_open(ENTRIES);
    struct eng_known_good held[IDS], result, ignored;
    uint64_t there[IDS] = {0}; /* the generation, 0: not there */
    uint32_t count = 0;
    unsigned int chance = 1;

    REQUIRE(table != NULL);
    for (uint64_t step = 1; step <= 200000; step++) {
        char device_id[16];
        int id, accepted;

        chance = chance * 1664525 + 1013904223;
        id = (int)((chance >> 8) % IDS);
        snprintf(device_id, sizeof device_id, "pump_%d", id);
        switch (chance >> 28 & 3) {
        case 0:
            accepted = there[id] != 0 || count < ENTRIES;
            REQUIRE(put(table, device_id, step) == accepted);
            REQUIRE(there[id] == 0 || !eng_known_good_still(table, &held[id]));
            count += accepted && there[id] == 0;
            there[id] = accepted ? step : 0;
            break;
        case 1:
            REQUIRE(eng_credential_table_remove(table, (const uint8_t *)device_id, strlen(device_id))
                    == (there[id] != 0));
            REQUIRE(there[id] == 0 || !eng_known_good_still(table, &held[id]));
            count -= there[id] != 0;
            there[id] = 0;
            break;
        default:
            REQUIRE(there[id] == 0 || eng_known_good_still(table, &held[id]));
        }
        REQUIRE(eng_credential_table_count(table) == count);
        if (step % 1000 == 0) {
            eng_credential_table_clear(table);
            memset(there, 0, sizeof there);
            count = 0;
        }
        REQUIRE(ask(table, device_id, (int)((there[id] + 1) % 2), &result) == (there[id] != 0));
        REQUIRE(!ask(table, device_id, (int)(there[id] % 2), &ignored));
        if (there[id] != 0) {
            held[id] = result;
            REQUIRE(result.generation == there[id] && result.index < ENTRIES);
        }
    }
    eng_credential_table_close(table);
}

static off_t bytes_of(const struct eng_credential_table *table)
{
    struct stat status;

    REQUIRE(fstat(eng_credential_table_descriptor(table), &status) == 0);
    return status.st_blocks * 512;
}

static void sparse(void)
{
    enum { ENTRIES = 1 << 21, DEVICES = 1000 };
    struct eng_credential_table *table = eng_credential_table_open(ENTRIES);
    struct eng_known_good result;
    char device_id[16];

    REQUIRE(table != NULL);
    for (int id = 0; id < DEVICES; id++) {
        snprintf(device_id, sizeof device_id, "pump_%d", id);
        REQUIRE(put(table, device_id, 1));
    }
    for (int id = 0; id < DEVICES; id++) {
        snprintf(device_id, sizeof device_id, "pump_%d", id);
        REQUIRE(ask(table, device_id, 0, &result));
    }
    /* 128 for an entry, 8 for a slot, of which there are at most three an entry; a page of each that is begun. */
    REQUIRE(bytes_of(table) <= DEVICES * (128 + 3 * 8) + 3 * 4096);
    eng_credential_table_close(table);
}

/* So that slots are doubled as long as anybody reads. */
static void crowd(struct eng_credential_table *table, uint64_t generation)
{
    enum { CROWD = 402 }; /* a multiple of 6: with every third generation the writer removes what an odd one has put */
    char device_id[16];

    if (generation % CROWD == 1)
        eng_credential_table_clear(table);
    snprintf(device_id, sizeof device_id, "crowd_%d", (int)(generation % CROWD));
    REQUIRE(put(table, device_id, 1));
}

enum stage { RUNNING, REMOVED };

struct shared {
    _Atomic int stage, has_begun;
    const struct eng_credential_table *table;
};

/* Whatever is accepted must fit together; what was removed is not accepted. */
static void *read_on(void *argument)
{
    struct shared *shared = argument;
    struct eng_known_good result;
    unsigned long accepted = 0;
    int stage;

    do {
        stage = atomic_load(&shared->stage);
        for (int which = 0; which < 2; which++) {
            if (!ask(shared->table, "pump", which, &result))
                continue;
            REQUIRE(stage == RUNNING);
            REQUIRE((result.generation + 1) % 2 == (uint64_t)which);
            for (size_t i = 0; i < sizeof result.record_id; i++)
                REQUIRE(result.record_id[i] == (uint8_t)result.generation);
            accepted++;
            (void)!eng_known_good_still(shared->table, &result);
        }
        atomic_store(&shared->has_begun, accepted > 0);
    } while (stage == RUNNING);
    return NULL;
}

/* Replace, remove and move the entry, alone or in a crowd, until the reader has seen it, and a good while longer; then remove it for good. */
static void write_on(struct eng_credential_table *table, struct shared *shared)
{
    for (uint64_t generation = 1; generation < 40000 || !atomic_load(&shared->has_begun); generation++) {
        crowd(table, generation);
        REQUIRE(put(table, "pump", generation));
        REQUIRE(put(table, generation % 2 ? "valve" : "meter", 1));
        if (generation % 3 == 0) {
            REQUIRE(eng_credential_table_remove(table, (const uint8_t *)"valve", 5));
            REQUIRE(eng_credential_table_remove(table, (const uint8_t *)"pump", 4));
        }
        if (generation % 64 == 0) /* leave it alone for a moment, or a reader never finds it whole under valgrind */
            REQUIRE(put(table, "pump", generation));
    }
    eng_credential_table_remove(table, (const uint8_t *)"pump", 4);
    atomic_store(&shared->stage, REMOVED);
}

static void with_thread(void)
{
    struct eng_credential_table *table = eng_credential_table_open(500);
    struct shared shared = {.table = table};
    pthread_t reader;

    REQUIRE(table != NULL && pthread_create(&reader, NULL, read_on, &shared) == 0);
    write_on(table, &shared);
    REQUIRE(pthread_join(reader, NULL) == 0);
    eng_credential_table_close(table);
}

static void with_process(void)
{
    struct eng_credential_table *table = eng_credential_table_open(500), *mapped;
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t reader;

    REQUIRE(table != NULL && shared != MAP_FAILED);
    reader = fork();
    REQUIRE(reader >= 0);
    if (reader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a writer that aborts never says that it is done */
        for (int maps = 0;; maps++) {
            mapped = eng_credential_table_map(eng_credential_table_descriptor(table),
                                              eng_credential_table_keys_descriptor(table));
            REQUIRE(mapped != NULL);
            if (maps == 100)
                break;
            eng_credential_table_close(mapped);
        }
        shared->table = mapped;
        read_on(shared);
        eng_credential_table_close(mapped);
        eng_credential_table_close(table);
        _exit(0);
    }
    write_on(table, shared);
    REQUIRE(waitpid(reader, &status, 0) == reader && status == 0);
    eng_credential_table_close(table);
}

static uint8_t *exactly(const char *bytes, size_t len)
{
    uint8_t *block = malloc(len);

    REQUIRE(block != NULL || len == 0);
    memcpy(block, bytes, len);
    return block;
}

static void bounds(void)
{
    static const char usual[] = "pump_0_0_" STAMP;
    struct eng_credential_table *table = eng_credential_table_open(8);
    char longest[200];
    struct eng_known_good result;

    REQUIRE(table != NULL && put(table, "pump", 1));
    memset(longest, 'x', sizeof longest);
    memcpy(longest + sizeof longest - 15, usual + 4, 15);
    for (size_t len = 0; len <= sizeof longest; len++) {
        size_t usual_len = len < sizeof usual - 1 ? len : sizeof usual - 1;
        size_t name_len = len < 4 ? len : 4, password_len = len < 64 ? len : 64;
        struct eng_mqtt_connect connect = {
            .client_id = exactly(usual, usual_len),
            .client_id_len = usual_len,
            .user_name = exactly("pump", name_len),
            .user_name_len = name_len,
            .password = exactly(passwords[0], password_len),
            .password_len = password_len,
            .protocol_version = 4,
            .keep_alive = 60,
        };
        struct eng_mqtt_connect other = connect;

        REQUIRE(eng_known_good(table, &policy, &connect, NULL, 0, NOW, &result) == (len >= 64));
        /* Ends as it should, with a device_id from none to over the longest. */
        other.client_id = other.user_name = exactly(longest + sizeof longest - len, len);
        other.client_id_len = len;
        other.user_name_len = len < 15 ? 0 : len - 15;
        REQUIRE(!eng_known_good(table, &policy, &other, NULL, 0, NOW, &result));
        REQUIRE(!eng_credential_table_remove(table, other.client_id, len));
        free((void *)other.client_id);
        free((void *)connect.client_id);
        free((void *)connect.user_name);
        free((void *)connect.password);
    }
    eng_credential_table_close(table);
}

/* A device that certificates prove: by the list it was put with, whole, and until they are distrusted. */
static void certified(void)
{
    static const uint8_t list[] = {0, 0, 4, 'l', 'e', 'a', 'f', 0, 0, 2, 'c', 'a'};
    static const uint8_t record_id[12], anchor_sha256[32] = {7};
    struct eng_credential_table *table = eng_credential_table_open(8);
    struct eng_known_good result;
    const struct eng_mqtt_connect connect = {.client_id = (const uint8_t *)"pump_0_0_2025041401",
                                             .client_id_len = 19,
                                             .user_name = (const uint8_t *)"pump",
                                             .user_name_len = 4,
                                             .protocol_version = 4,
                                             .keep_alive = 60};

    REQUIRE(table != NULL);
    for (int round = 0; round < 3; round++) {
        REQUIRE(eng_credential_table_put_certified(table, (const uint8_t *)"pump", 4, record_id, 1, list, sizeof list,
                                                   anchor_sha256, NOW, NOW + 1));
        for (size_t len = 0; len <= sizeof list; len++) {
            const uint8_t *sent = exactly((const char *)list, len);

            REQUIRE(eng_known_good(table, &policy, &connect, sent, len, NOW, &result) == (len == sizeof list));
            free((void *)sent);
        }
        REQUIRE(!eng_known_good(table, &policy, &connect, NULL, 0, NOW, &result));
        REQUIRE(!eng_known_good(table, &policy, &connect, list, sizeof list, NOW - 1, &result));
        REQUIRE(!eng_known_good(table, &policy, &connect, list, sizeof list, NOW + 1, &result));
        REQUIRE(eng_known_good(table, &policy, &connect, list, sizeof list, NOW, &result));
        REQUIRE(memcmp(result.proof + 32, anchor_sha256, 32) == 0 && eng_known_good_still(table, &result));
        eng_credential_table_distrust(table);
        REQUIRE(!eng_known_good_still(table, &result));
        REQUIRE(!eng_known_good(table, &policy, &connect, list, sizeof list, NOW, &result));
        REQUIRE(eng_credential_table_count(table) == 1);
    }
    eng_credential_table_close(table);
}

int main(int argc, char **argv)
{
    make_passwords();
    REQUIRE(argc == 2);
    if (strcmp(argv[1], "model") == 0)
        model();
    else if (strcmp(argv[1], "bounds") == 0)
        bounds();
    else if (strcmp(argv[1], "certified") == 0)
        certified();
    else if (strcmp(argv[1], "sparse") == 0)
        sparse();
    else if (strcmp(argv[1], "thread") == 0)
        with_thread();
    else
        with_process();
    puts("ok");
    return 0;
}
