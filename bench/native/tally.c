#include "tally.h"

#include <inttypes.h>

#include <sys/resource.h>

#include "clock.h"

void tally_add(struct tally *tally, const struct connection *connection, enum outcome outcome, uint8_t expected_code,
               uint64_t now)
{
    tally->outcomes[outcome]++;
    tally->resumed += connection->was_resumed;
    if (outcome != ANSWERED)
        return;
    tally->codes[connection->code]++;
    if (connection->code != expected_code)
        return;
    tally->expected++;
    tally->in_time += now <= tally->arrivals_end_at;
    histogram_add(&tally->latency, now - connection->due_at);
}

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static void report_codes(const struct tally *tally)
{
    const char *separator = "";

    printf("\"codes\": {");
    for (int code = 0; code < 256; code++) {
        if (tally->codes[code] == 0)
            continue;
        printf("%s\"%d\": %" PRIu64, separator, code, tally->codes[code]);
        separator = ", ";
    }
    printf("}, ");
}

static void report_latency(const struct histogram *latency)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};

    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        printf("\"%s_us\": %.1f, ", quantiles[i].name, (double)histogram_quantile(latency, quantiles[i].share) / 1e3);
}

static void report_failures(const struct tally *tally)
{
    static const struct {
        const char *name;
        enum outcome outcome;
    } failures[] = {{"malformed", MALFORMED},
                    {"closed", CLOSED},
                    {"reset", RESET},
                    {"handshake_ended", HANDSHAKE_ENDED},
                    {"gave_up", GAVE_UP}};

    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        printf("\"%s\": %" PRIu64 ", ", failures[i].name, tally->outcomes[failures[i].outcome]);
}

static void report_rates(const struct tally *tally)
{
    double seconds = (double)(tally->ended_at - tally->began_at) / 1e9;
    double arrivals = (double)(tally->arrivals_end_at - tally->began_at) / 1e9;

    printf("\"seconds\": %.6f, \"per_second\": %.1f, ", seconds, (double)tally->expected / seconds);
    printf("\"in_time_per_second\": %.1f, ", (double)tally->in_time / arrivals);
    printf("\"late_p99_us\": %.1f, ", (double)histogram_quantile(&tally->late, 0.99) / 1e3);
    printf("\"latest_start_us\": %.1f, ", (double)tally->late.largest / 1e3);
}

void tally_report(const struct tally *tally)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"started\": %" PRIu64 ", \"expected\": %" PRIu64 ", ", tally->started, tally->expected);
    printf("\"resumed\": %" PRIu64 ", \"held\": %" PRIu64 ", ", tally->resumed, tally->held);
    report_codes(tally);
    report_failures(tally);
    report_latency(&tally->latency);
    report_rates(tally);
    printf("\"client_user_seconds\": %.3f, \"client_system_seconds\": %.3f}\n", seconds_of(usage.ru_utime),
           seconds_of(usage.ru_stime));
    fflush(stdout);
}
