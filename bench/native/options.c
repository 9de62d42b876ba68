#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/ssl.h>

enum flag {
    ADDRESS = 1, DEVICES, SAMPLES, CA, TLS, MQTT, EXPECT, IN_FLIGHT, RATE, CONNECTIONS, SECONDS, GIVE_UP, SOURCES,
    RESUME, WARM_UP, HOLD, ABORT
};

static const struct option flags[] = {
    {"address", required_argument, NULL, ADDRESS},   {"devices", required_argument, NULL, DEVICES},
    {"samples", required_argument, NULL, SAMPLES},   {"ca", required_argument, NULL, CA},
    {"tls", required_argument, NULL, TLS},           {"mqtt", required_argument, NULL, MQTT},
    {"expect", required_argument, NULL, EXPECT},     {"in-flight", required_argument, NULL, IN_FLIGHT},
    {"rate", required_argument, NULL, RATE},         {"connections", required_argument, NULL, CONNECTIONS},
    {"seconds", required_argument, NULL, SECONDS},   {"give-up", required_argument, NULL, GIVE_UP},
    {"sources", required_argument, NULL, SOURCES},   {"resume", no_argument, NULL, RESUME},
    {"warm-up", no_argument, NULL, WARM_UP},         {"hold", no_argument, NULL, HOLD},
    {"abort", no_argument, NULL, ABORT},             {NULL, 0, NULL, 0},
};

static const char usage[] =
    "storm --address 127.0.0.1:PORT --devices FILE (--connections N | --seconds S)\n"
    "  [--in-flight 256 | --rate PER_SECOND]  closed loop, or open loop: Poisson arrivals, latency from the due time\n"
    "  [--mqtt 4|5] [--expect CODE]           protocol level; the code that counts as success (0)\n"
    "  [--tls 1.2|1.3] [--ca FILE] [--resume] TLS; the server's anchor (else unchecked); resume sessions\n"
    "  [--give-up 10]                         seconds that a client waits for CONNACK\n"
    "  [--warm-up]                            every device once, then \"warm\" is printed and a line awaited\n"
    "  [--hold]                               sessions stay open until a line comes, after the report\n"
    "  [--abort]                              close with RST: no TIME_WAIT\n"
    "  [--sources 4096]                       so many addresses to come from, 127.1.0.0 and up\n"
    "  [--samples FILE]                       a line a CONNACK: device, its first bytes, ns since CONNECT\n";

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "%s\n%s", what, usage);
    exit(2);
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value < 1e12))
        refuse(text);
    return value;
}

static uint64_t nanoseconds(const char *text) { return (uint64_t)(number(text) * 1e9); }

static void read_address(struct options *options, char *text)
{
    char *port = strrchr(text, ':');

    if (port == NULL)
        refuse("the address is not host:port");
    *port++ = '\0';
    options->address.sin_family = AF_INET;
    options->address.sin_port = htons((uint16_t)number(port));
    if (inet_pton(AF_INET, text, &options->address.sin_addr) != 1)
        refuse("the host is not an IPv4 address");
}

static int read_tls(const char *text)
{
    if (strcmp(text, "1.2") == 0)
        return TLS1_2_VERSION;
    if (strcmp(text, "1.3") == 0)
        return TLS1_3_VERSION;
    refuse("--tls is 1.2 or 1.3");
}

static void read_flag(struct options *options, int flag, char *value)
{
    switch (flag) {
    case ADDRESS: read_address(options, value); return;
    case DEVICES: options->devices = value; return;
    case SAMPLES: options->samples = value; return;
    case CA: options->ca = value; return;
    case TLS: options->tls = read_tls(value); return;
    case MQTT: options->protocol_level = (uint8_t)number(value); return;
    case EXPECT: options->expected_code = (uint8_t)number(value); return;
    case IN_FLIGHT: options->in_flight = (size_t)number(value); return;
    case RATE: options->rate = number(value); return;
    case CONNECTIONS: options->connections = (size_t)number(value); return;
    case SECONDS: options->duration = nanoseconds(value); return;
    case GIVE_UP: options->give_up = nanoseconds(value); return;
    case SOURCES: options->sources = (size_t)number(value); return;
    case RESUME: options->resume = true; return;
    case WARM_UP: options->warm_up = true; return;
    case HOLD: options->hold = true; return;
    case ABORT: options->abort = true; return;
    default: refuse("there is no such flag");
    }
}

struct options options_read(int count, char **arguments)
{
    struct options options = {
        .protocol_level = 4, .in_flight = 256, .give_up = UINT64_C(10000000000), .sources = 4096,
    };
    int flag;

    while ((flag = getopt_long(count, arguments, "", flags, NULL)) != -1)
        read_flag(&options, flag, optarg);
    if (optind != count || options.devices == NULL || options.address.sin_port == 0)
        refuse("--address and --devices say where to, and who");
    if (options.connections == 0 && options.duration == 0)
        refuse("--connections or --seconds says when to end");
    if (options.in_flight == 0 || options.give_up == 0 || options.sources == 0 || options.sources > 65536)
        refuse("--in-flight, --give-up and --sources (up to 65536) are not zero");
    if (options.protocol_level != 4 && options.protocol_level != 5)
        refuse("--mqtt is 4 (v3.1.1) or 5");
    return options;
}
