#include "mqtt_properties.h"

enum type { NONE, BYTE, TWO_BYTES, FOUR_BYTES, TEXT, TOPIC_NAME, BINARY, STRING_PAIR };

/* Which packets may carry a property (table 2-4), how it is read, the lowest and the highest value of a number. */
struct rule {
    uint8_t packets, type, may_repeat;
    uint32_t lowest, highest;
};

#define ANY 0xffffffff

static const struct rule RULES[ENG_MQTT_PROPERTIES] = {
    [0x01] = {ENG_MQTT_OF_WILL, BYTE, 0, 0, 1},         /* Payload Format Indicator */
    [0x02] = {ENG_MQTT_OF_WILL, FOUR_BYTES, 0, 0, ANY}, /* Message Expiry Interval */
    [0x03] = {ENG_MQTT_OF_WILL, TEXT, 0, 0, 0},         /* Content Type */
    [0x08] = {ENG_MQTT_OF_WILL, TOPIC_NAME, 0, 0, 0},   /* Response Topic [MQTT-3.3.2-14] */
    [0x09] = {ENG_MQTT_OF_WILL, BINARY, 0, 0, 0},       /* Correlation Data */
    [ENG_MQTT_SESSION_EXPIRY_INTERVAL] = {ENG_MQTT_OF_CONNECT, FOUR_BYTES, 0, 0, ANY},
    [ENG_MQTT_AUTHENTICATION_METHOD] = {ENG_MQTT_OF_CONNECT, TEXT, 0, 0, 0},
    [ENG_MQTT_AUTHENTICATION_DATA] = {ENG_MQTT_OF_CONNECT, BINARY, 0, 0, 0},
    [ENG_MQTT_REQUEST_PROBLEM_INFORMATION] = {ENG_MQTT_OF_CONNECT, BYTE, 0, 0, 1},
    [0x18] = {ENG_MQTT_OF_WILL, FOUR_BYTES, 0, 0, ANY}, /* Will Delay Interval */
    [ENG_MQTT_REQUEST_RESPONSE_INFORMATION] = {ENG_MQTT_OF_CONNECT, BYTE, 0, 0, 1},
    [ENG_MQTT_RECEIVE_MAXIMUM] = {ENG_MQTT_OF_CONNECT, TWO_BYTES, 0, 1, ANY},
    [ENG_MQTT_TOPIC_ALIAS_MAXIMUM] = {ENG_MQTT_OF_CONNECT, TWO_BYTES, 0, 0, ANY},
    [0x26] = {ENG_MQTT_OF_CONNECT | ENG_MQTT_OF_WILL, STRING_PAIR, 1, 0, 0}, /* User Property */
    [ENG_MQTT_MAXIMUM_PACKET_SIZE] = {ENG_MQTT_OF_CONNECT, FOUR_BYTES, 0, 1, ANY},
};

/* 1 when read; `number` stays 0 for what is none. */
static int read_value(struct eng_mqtt_fields *fields, uint8_t type, uint32_t *number)
{
    struct eng_mqtt_text text;

    *number = 0;
    switch (type) {
    case BYTE:
        return eng_mqtt_fields_read_integer(fields, 1, number);
    case TWO_BYTES:
        return eng_mqtt_fields_read_integer(fields, 2, number);
    case FOUR_BYTES:
        return eng_mqtt_fields_read_integer(fields, 4, number);
    case TEXT:
        return eng_mqtt_fields_read_string(fields, &text);
    case TOPIC_NAME:
        return eng_mqtt_fields_read_topic_name(fields, &text);
    case BINARY:
        return eng_mqtt_fields_read_binary(fields, &text);
    case STRING_PAIR:
        return eng_mqtt_fields_read_string(fields, &text) && eng_mqtt_fields_read_string(fields, &text);
    default:
        return 0;
    }
}

static int read_property(struct eng_mqtt_fields *fields, enum eng_mqtt_packet packet,
                         struct eng_mqtt_properties *properties)
{
    const struct rule *rule;
    uint32_t identifier, number;

    if (!eng_mqtt_fields_read_integer(fields, 1, &identifier) || identifier >= ENG_MQTT_PROPERTIES)
        return 1;
    rule = &RULES[identifier];
    if ((rule->packets & packet) == 0 || !read_value(fields, rule->type, &number))
        return 1;
    if (number < rule->lowest || number > rule->highest)
        return 2;
    if ((properties->found >> identifier & 1) && !rule->may_repeat)
        return 2;
    properties->found |= UINT64_C(1) << identifier;
    properties->value[identifier] = number;
    return 0;
}

int eng_mqtt_properties_read(struct eng_mqtt_fields *fields, enum eng_mqtt_packet packet,
                             struct eng_mqtt_properties *properties)
{
    struct eng_mqtt_fields inside;
    uint32_t length;

    properties->found = 0;
    if (eng_mqtt_fields_read_variable(fields, &length) != 1 || length > fields->left)
        return 1;
    inside = (struct eng_mqtt_fields){fields->at, length};
    fields->at += length;
    fields->left -= length;
    while (inside.left > 0) {
        int fault = read_property(&inside, packet, properties);

        if (fault)
            return fault;
    }
    return 0;
}

int eng_mqtt_properties_has(const struct eng_mqtt_properties *properties, enum eng_mqtt_property identifier)
{
    return (int)(properties->found >> identifier & 1);
}

uint32_t eng_mqtt_properties_number(const struct eng_mqtt_properties *properties, enum eng_mqtt_property identifier,
                                    uint32_t absent)
{
    return eng_mqtt_properties_has(properties, identifier) ? properties->value[identifier] : absent;
}
