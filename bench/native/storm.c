/* The storm: devices that connect, show who they are, take their CONNACK and go; see options.c for what it can be
 * asked, tally.c for what it answers. One thread, one epoll set. */

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "clock.h"
#include "connection.h"
#include "devices.h"
#include "fatal.h"
#include "options.h"
#include "tally.h"
#include "tls.h"

#define EVENTS 512
#define STARTS 32 /* in one go, before answers are looked at again */

struct storm {
    const struct options *options;
    struct devices devices;
    SSL_CTX *context; /* NULL: plain */
    FILE *samples;
    int poll;
    struct connection *first, *last; /* those that wait, in the order of due_at */
    size_t waiting;
    uint64_t next_at; /* open loop: when the next client arrives */
    uint64_t random;
    struct tally tally;
};

/* xorshift64*, the same arrivals in every run; 0 < result <= 1. */
static double chance(uint64_t *random)
{
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    return (double)(((*random * UINT64_C(0x2545f4914f6cdd1d)) >> 11) + 1) / 9007199254740992.0;
}

static void unlink_waiting(struct storm *storm, struct connection *connection)
{
    struct connection *previous = connection->previous, *next = connection->next;

    *(previous != NULL ? &previous->next : &storm->first) = next;
    *(next != NULL ? &next->previous : &storm->last) = previous;
    storm->waiting--;
}

static void start(struct storm *storm, uint64_t due_at)
{
    struct device *device = &storm->devices.all[storm->tally.started % storm->devices.count];
    struct connection *connection =
        connection_start(storm->options, storm->context, storm->poll, device, storm->tally.started);

    connection->due_at = due_at;
    connection->previous = storm->last;
    *(storm->last != NULL ? &storm->last->next : &storm->first) = connection;
    storm->last = connection;
    storm->waiting++;
    storm->tally.started++;
}

/* Whether another client will come: there is a number to come, or an end of time. */
static bool has_more(const struct storm *storm, uint64_t connections, uint64_t at)
{
    if (connections != 0 && storm->tally.started >= connections)
        return false;
    return at < storm->tally.arrivals_end_at;
}

static void start_due(struct storm *storm, uint64_t connections, double rate)
{
    uint64_t now = clock_now();

    for (int starts = 0; starts < STARTS; starts++) {
        uint64_t due_at = rate > 0 ? storm->next_at : now;

        if (!has_more(storm, connections, due_at))
            return;
        if (rate > 0 ? due_at > now : storm->waiting >= storm->options->in_flight)
            return;
        start(storm, due_at);
        if (rate <= 0)
            continue;
        histogram_add(&storm->tally.late, now - due_at);
        storm->next_at += (uint64_t)(-log(chance(&storm->random)) / rate * 1e9);
    }
}

static void sample(struct storm *storm, const struct connection *connection, uint64_t now)
{
    fprintf(storm->samples, "%zu ", (size_t)(connection->device - storm->devices.all));
    for (size_t i = 0; i < connection->kept; i++)
        fprintf(storm->samples, "%02x", connection->head[i]);
    fprintf(storm->samples, " %llu\n", (unsigned long long)(now - connection->sent_at));
}

static void finish(struct storm *storm, struct connection *connection, enum outcome outcome, bool is_held)
{
    uint64_t now = clock_now();
    bool is_expected = outcome == ANSWERED && connection->code == storm->options->expected_code;

    if (connection->phase == HELD) { /* closed by the server */
        storm->tally.held--;
        connection_end(connection, false, false);
        return;
    }
    unlink_waiting(storm, connection);
    tally_add(&storm->tally, connection, outcome, storm->options->expected_code, now);
    if (storm->samples != NULL && outcome == ANSWERED)
        sample(storm, connection, now);
    if (is_held && is_expected) {
        connection->phase = HELD;
        storm->tally.held++;
        return;
    }
    connection_end(connection, outcome == ANSWERED && connection->code == 0 && !storm->options->abort,
                   storm->options->abort);
}

static void expire(struct storm *storm)
{
    uint64_t now = clock_now();

    while (storm->first != NULL && storm->first->due_at + storm->options->give_up <= now)
        finish(storm, storm->first, GAVE_UP, false);
}

static void wait_and_step(struct storm *storm, uint64_t until, bool is_held)
{
    struct epoll_event events[EVENTS];
    uint64_t now = clock_now(), left = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
    int count = epoll_pwait2(storm->poll, events, EVENTS, &timeout, NULL);

    if (count < 0 && errno != EINTR)
        fatal("epoll_pwait2");
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        enum outcome outcome = connection_step(connection);

        if (outcome != PENDING)
            finish(storm, connection, outcome, is_held);
    }
}

/* connections, duration: as in the options; rate 0 is the closed loop. */
static void run(struct storm *storm, uint64_t connections, uint64_t duration, double rate, bool is_held)
{
    memset(&storm->tally, 0, sizeof storm->tally);
    storm->tally.began_at = storm->next_at = clock_now();
    storm->tally.arrivals_end_at = duration != 0 ? storm->tally.began_at + duration : UINT64_MAX;
    for (;;) {
        uint64_t until;
        bool is_more;

        start_due(storm, connections, rate);
        expire(storm);
        is_more = has_more(storm, connections, rate > 0 ? storm->next_at : clock_now());
        if (!is_more && storm->first == NULL)
            break;
        until = storm->first != NULL ? storm->first->due_at + storm->options->give_up : UINT64_MAX;
        if (is_more && rate > 0 && storm->next_at < until)
            until = storm->next_at;
        if (is_more && rate <= 0 && storm->waiting < storm->options->in_flight)
            until = 0;
        wait_and_step(storm, until, is_held);
    }
    storm->tally.ended_at = clock_now();
    if (duration == 0)
        storm->tally.arrivals_end_at = storm->tally.ended_at;
}

/* Until whoever started us says so: a line, or the end of stdin. */
static void await_line(void)
{
    int byte;

    do
        byte = getchar();
    while (byte != '\n' && byte != EOF);
}

static void open_storm(struct storm *storm)
{
    const struct options *options = storm->options;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        fatal("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        fatal("setrlimit");
    prctl(PR_SET_TIMERSLACK, 1UL); /* arrivals are due to the microsecond */
    storm->devices = devices_read(options->devices, options->protocol_level, 600);
    storm->context = options->tls != 0 ? tls_client(options->tls, options->ca) : NULL;
    if (storm->context != NULL && options->resume)
        connection_keep_sessions(storm->context);
    storm->samples = options->samples != NULL ? fopen(options->samples, "w") : NULL;
    storm->poll = epoll_create1(EPOLL_CLOEXEC);
    if (storm->poll < 0 || (options->samples != NULL && storm->samples == NULL))
        fatal("cannot begin");
}

int main(int count, char **arguments)
{
    struct options options = options_read(count, arguments);
    static struct storm storm;

    storm.options = &options;
    storm.random = UINT64_C(0x9e3779b97f4a7c15);
    open_storm(&storm);
    if (options.warm_up) {
        run(&storm, storm.devices.count, 0, 0, false);
        puts("warm");
        fflush(stdout);
        await_line();
    }
    run(&storm, options.connections, options.duration, options.rate, options.hold);
    if (storm.samples != NULL && fclose(storm.samples) != 0)
        fatal(options.samples);
    tally_report(&storm.tally);
    if (options.hold)
        await_line();
    return storm.tally.expected == storm.tally.started ? 0 : 1;
}
