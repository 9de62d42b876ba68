#include "mqtt_connect.h"

#include <string.h>

#include "mqtt_fields.h"
#include "mqtt_properties.h"

enum fault { WELL_FORMED, MALFORMED, PROTOCOL_VIOLATION, UNSUPPORTED_VERSION, UNKNOWN_AUTHENTICATION_METHOD };

/* Connect Flags, section 3.1.2.3 (figure 3-4). */
enum {
    RESERVED = 0x01,
    CLEAN_START = 0x02,
    WILL = 0x04,
    WILL_QOS = 0x18,
    WILL_RETAIN = 0x20,
    PASSWORD = 0x40,
    USER_NAME = 0x80
};

static int is_name(const struct eng_mqtt_text *name, const char *expected)
{
    return name->length == strlen(expected) && memcmp(name->data, expected, name->length) == 0;
}

/* Protocol Name and Protocol Version. A version that this server does not read is refused in the words of the one next
 * to it: 3.1.1 [MQTT-3.1.2-2] below MQTT 5, Reason Codes above; mosquitto's bridges set the high bit of theirs. */
static enum fault read_version(struct eng_mqtt_fields *fields, uint8_t *version)
{
    struct eng_mqtt_text name;
    uint32_t level;
    int is_3_1;

    if (!eng_mqtt_fields_read_string(fields, &name))
        return MALFORMED;
    is_3_1 = is_name(&name, "MQIsdp");
    if (!is_3_1 && !is_name(&name, "MQTT"))
        return UNSUPPORTED_VERSION;
    if (!eng_mqtt_fields_read_integer(fields, 1, &level))
        return MALFORMED;
    if (is_3_1 ? level == 3 : level == 4 || level == 5) {
        *version = (uint8_t)level;
        return WELL_FORMED;
    }
    *version = is_3_1 ? 3 : (level & 0x7f) > 4 ? 5 : 4;
    return UNSUPPORTED_VERSION;
}

/* Section 3.1.2.3 and what follows. MQTT 3.1 says "not used" of the reserved bit, and of the Will QoS and the Will Retain
 * of a CONNECT without Will that "its value is disregarded". */
static int are_flags(uint32_t flags, uint8_t version)
{
    if ((flags & WILL) && (flags & WILL_QOS) == WILL_QOS)
        return 0; /* [MQTT-3.1.2-12] */
    if (!(flags & WILL) && (flags & (WILL_QOS | WILL_RETAIN)) && version != 3)
        return 0; /* [MQTT-3.1.2-11], [MQTT-3.1.2-13] */
    if ((flags & RESERVED) && version != 3)
        return 0; /* [MQTT-3.1.2-3] */
    return (flags & (USER_NAME | PASSWORD)) != PASSWORD || version == 5; /* 3.1.1 [MQTT-3.1.2-22]; MQTT 5 allows it */
}

/* Sections 3.1.3.2 to 3.1.3.4: Will Properties (MQTT 5), Will Topic, Will Payload. */
static enum fault read_will(struct eng_mqtt_fields *fields, uint32_t flags, struct eng_mqtt_connect *connect)
{
    struct eng_mqtt_properties properties;
    struct eng_mqtt_text topic, payload;

    if (connect->protocol_version == 5) {
        enum fault fault = (enum fault)eng_mqtt_properties_read(fields, ENG_MQTT_OF_WILL, &properties);

        if (fault)
            return fault;
    }
    if (!eng_mqtt_fields_read_topic_name(fields, &topic) || topic.length == 0) /* [MQTT-4.7.3-1] */
        return MALFORMED;
    if (!eng_mqtt_fields_read_binary(fields, &payload))
        return MALFORMED;
    connect->has_will = 1;
    connect->will_qos = (flags & WILL_QOS) >> 3;
    connect->will_retain = (flags & WILL_RETAIN) != 0;
    connect->will_topic = topic.data;
    connect->will_topic_len = topic.length;
    connect->will_payload = payload.data;
    connect->will_payload_len = payload.length;
    return WELL_FORMED;
}

/* MQTT 3.1: "the Remaining Length field from the fixed header takes precedence over the User Name flag", and likewise over
 * the Password flag: a CONNECT that ends where one should begin has none. */
static int is_there(const struct eng_mqtt_fields *fields, uint8_t version) { return version != 3 || fields->left > 0; }

static enum fault read_payload(struct eng_mqtt_fields *fields, uint32_t flags, struct eng_mqtt_connect *connect)
{
    struct eng_mqtt_text client_id, user_name = {NULL, 0}, password = {NULL, 0};
    uint8_t version = connect->protocol_version;

    if (!eng_mqtt_fields_read_string(fields, &client_id))
        return MALFORMED;
    if (flags & WILL) {
        enum fault fault = read_will(fields, flags, connect);

        if (fault)
            return fault;
    }
    if ((flags & USER_NAME) && is_there(fields, version) && !eng_mqtt_fields_read_string(fields, &user_name))
        return MALFORMED;
    if ((flags & PASSWORD) && is_there(fields, version) && !eng_mqtt_fields_read_binary(fields, &password))
        return MALFORMED;
    if (fields->left > 0)
        return MALFORMED;
    connect->client_id = client_id.data;
    connect->client_id_len = client_id.length;
    connect->user_name = user_name.data;
    connect->user_name_len = user_name.length;
    connect->password = password.data;
    connect->password_len = password.length;
    return WELL_FORMED;
}

/* Section 3.1.2.11. No Authentication Method is offered (3.1.2.11.9, 3.1.2.11.10 and 4.12), which is said of a CONNECT that
 * is otherwise well formed. */
static enum fault take_properties(const struct eng_mqtt_properties *properties, struct eng_mqtt_connect *connect)
{
    if (eng_mqtt_properties_has(properties, ENG_MQTT_AUTHENTICATION_METHOD))
        return UNKNOWN_AUTHENTICATION_METHOD;
    if (eng_mqtt_properties_has(properties, ENG_MQTT_AUTHENTICATION_DATA))
        return PROTOCOL_VIOLATION;
    connect->session_expiry_interval = eng_mqtt_properties_number(properties, ENG_MQTT_SESSION_EXPIRY_INTERVAL, 0);
    connect->maximum_packet_size = eng_mqtt_properties_number(properties, ENG_MQTT_MAXIMUM_PACKET_SIZE, 0);
    connect->receive_maximum = (uint16_t)eng_mqtt_properties_number(properties, ENG_MQTT_RECEIVE_MAXIMUM, 65535);
    connect->topic_alias_maximum = (uint16_t)eng_mqtt_properties_number(properties, ENG_MQTT_TOPIC_ALIAS_MAXIMUM, 0);
    connect->request_response_information =
        (uint8_t)eng_mqtt_properties_number(properties, ENG_MQTT_REQUEST_RESPONSE_INFORMATION, 0);
    connect->request_problem_information =
        (uint8_t)eng_mqtt_properties_number(properties, ENG_MQTT_REQUEST_PROBLEM_INFORMATION, 1);
    return WELL_FORMED;
}

static enum fault read_connect(struct eng_mqtt_fields *fields, struct eng_mqtt_connect *connect)
{
    struct eng_mqtt_properties properties;
    uint32_t flags, keep_alive;
    enum fault fault = read_version(fields, &connect->protocol_version);

    if (fault)
        return fault;
    if (!eng_mqtt_fields_read_integer(fields, 1, &flags) || !eng_mqtt_fields_read_integer(fields, 2, &keep_alive))
        return MALFORMED;
    if (!are_flags(flags, connect->protocol_version))
        return MALFORMED;
    properties.found = 0;
    if (connect->protocol_version == 5)
        fault = (enum fault)eng_mqtt_properties_read(fields, ENG_MQTT_OF_CONNECT, &properties);
    if (!fault)
        fault = read_payload(fields, flags, connect);
    if (fault)
        return fault;
    connect->clean_start = (flags & CLEAN_START) != 0;
    connect->keep_alive = (uint16_t)keep_alive;
    return take_properties(&properties, connect);
}

int eng_mqtt_connect_read(const uint8_t *body, size_t body_len, struct eng_mqtt_connect *connect)
{
    struct eng_mqtt_fields fields = {body, body_len};
    enum fault fault;

    *connect = (struct eng_mqtt_connect){.protocol_version = 0};
    fault = read_connect(&fields, connect);
    if (fault)
        *connect = (struct eng_mqtt_connect){.protocol_version = connect->protocol_version};
    return fault;
}
