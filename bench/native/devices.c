#include "devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "fatal.h"

#define FIELDS 4
enum { CLIENT_ID, USER_NAME, PASSWORD, CERTIFICATE };

#define USER_NAME_FLAG 0x80
#define PASSWORD_FLAG 0x40
#define CLEAN_FLAG 0x02

static uint8_t *put_string(uint8_t *at, const char *text)
{
    size_t text_len = strlen(text);

    *at++ = (uint8_t)(text_len >> 8);
    *at++ = (uint8_t)text_len;
    memcpy(at, text, text_len);
    return at + text_len;
}

/* MQTT section 2.2.3, for up to four bytes. */
static uint8_t *put_variable(uint8_t *at, size_t value)
{
    for (; value > 127; value >>= 7)
        *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_connect(uint8_t *at, char *const fields[FIELDS], uint8_t level, uint16_t keep_alive)
{
    uint8_t flags = CLEAN_FLAG;

    if (fields[USER_NAME][0] != '\0')
        flags |= USER_NAME_FLAG;
    if (fields[PASSWORD][0] != '\0')
        flags |= PASSWORD_FLAG;
    at = put_string(at, "MQTT");
    *at++ = level;
    *at++ = flags;
    *at++ = (uint8_t)(keep_alive >> 8);
    *at++ = (uint8_t)keep_alive;
    if (level == 5)
        *at++ = 0; /* no properties */
    at = put_string(at, fields[CLIENT_ID]);
    if (flags & USER_NAME_FLAG)
        at = put_string(at, fields[USER_NAME]);
    if (flags & PASSWORD_FLAG)
        at = put_string(at, fields[PASSWORD]);
    return at;
}

static void make_connect(struct device *device, char *const fields[FIELDS], uint8_t level, uint16_t keep_alive)
{
    /* Protocol name, level, flags, keep alive, properties: 11 bytes; three lengths of two bytes. */
    size_t room = 11 + 6 + strlen(fields[CLIENT_ID]) + strlen(fields[USER_NAME]) + strlen(fields[PASSWORD]);
    uint8_t *body = malloc(room), *at;
    size_t body_len;

    if (room > UINT16_MAX || body == NULL)
        fatal("a device's line is too long");
    body_len = (size_t)(put_connect(body, fields, level, keep_alive) - body);
    device->connect = malloc(5 + body_len);
    if (device->connect == NULL)
        fatal("no memory");
    at = device->connect;
    *at++ = 0x10;
    at = put_variable(at, body_len);
    memcpy(at, body, body_len);
    device->connect_len = (size_t)(at - device->connect) + body_len;
    free(body);
}

static struct identity *read_identity(const char *path)
{
    struct identity *identity = calloc(1, sizeof *identity);
    BIO *file = BIO_new_file(path, "r");
    X509 *intermediate;

    if (identity == NULL || file == NULL)
        fatal(path);
    identity->key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
    identity->certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    identity->intermediates = sk_X509_new_null();
    if (identity->key == NULL || identity->certificate == NULL || identity->intermediates == NULL)
        fatal(path);
    while ((intermediate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        if (sk_X509_push(identity->intermediates, intermediate) == 0)
            fatal("no memory");
    BIO_free(file);
    return identity;
}

/* The fields of a line; those that it does not have are empty. */
static void split(char *line, char *fields[FIELDS])
{
    static char empty[] = "";

    line[strcspn(line, "\n")] = '\0';
    for (size_t field = 0; field < FIELDS; field++) {
        fields[field] = line != NULL ? strsep(&line, "\t") : NULL;
        if (fields[field] == NULL)
            fields[field] = empty;
    }
}

struct devices devices_read(const char *path, uint8_t protocol_level, uint16_t keep_alive_seconds)
{
    struct devices devices = {0};
    struct identity *identity = NULL;
    char *line = NULL, *certificate = NULL, *fields[FIELDS];
    size_t room = 0;
    FILE *file = fopen(path, "r");

    if (file == NULL)
        fatal(path);
    while (getline(&line, &room, file) > 0) {
        if ((devices.count & (devices.count - 1)) == 0) /* at every power of two */
            devices.all = realloc(devices.all, (2 * devices.count + 1) * sizeof *devices.all);
        if (devices.all == NULL)
            fatal("no memory");
        split(line, fields);
        if (fields[CERTIFICATE][0] != '\0' && (certificate == NULL || strcmp(certificate, fields[CERTIFICATE]) != 0)) {
            free(certificate);
            certificate = strdup(fields[CERTIFICATE]);
            identity = read_identity(fields[CERTIFICATE]);
        }
        devices.all[devices.count] = (struct device){.identity = fields[CERTIFICATE][0] != '\0' ? identity : NULL};
        make_connect(&devices.all[devices.count], fields, protocol_level, keep_alive_seconds);
        devices.count++;
    }
    free(certificate);
    free(line);
    fclose(file);
    if (devices.count == 0)
        fatal("there is no device in the file");
    return devices;
}
