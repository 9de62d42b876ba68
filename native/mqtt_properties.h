#ifndef ENG_MQTT_PROPERTIES_H
#define ENG_MQTT_PROPERTIES_H

#include <stdint.h>

#include "mqtt_fields.h"

/* Properties (MQTT 5 section 2.2.2) of CONNECT and of its Will, in one pass: the twin of engine/framing/mqtt/properties.py.
 * Texts and binary data are checked where they lie; numbers alone are kept. */

enum eng_mqtt_property {
    ENG_MQTT_SESSION_EXPIRY_INTERVAL = 0x11,
    ENG_MQTT_AUTHENTICATION_METHOD = 0x15,
    ENG_MQTT_AUTHENTICATION_DATA = 0x16,
    ENG_MQTT_REQUEST_PROBLEM_INFORMATION = 0x17,
    ENG_MQTT_REQUEST_RESPONSE_INFORMATION = 0x19,
    ENG_MQTT_RECEIVE_MAXIMUM = 0x21,
    ENG_MQTT_TOPIC_ALIAS_MAXIMUM = 0x22,
    ENG_MQTT_MAXIMUM_PACKET_SIZE = 0x27,
    ENG_MQTT_PROPERTIES = 0x2b /* identifiers are below this */
};

enum eng_mqtt_packet { ENG_MQTT_OF_CONNECT = 1, ENG_MQTT_OF_WILL = 2 };

/* found: a bit for each identifier that is there. value: of numbers, where found. */
struct eng_mqtt_properties {
    uint64_t found;
    uint32_t value[ENG_MQTT_PROPERTIES];
};

/* The properties whose Property Length comes next. 0: well formed; 1 malformed (an identifier that this packet has not, a
 * value not of its type); 2 protocol violation (a second of its kind, a number that it may not have). */
int eng_mqtt_properties_read(struct eng_mqtt_fields *fields, enum eng_mqtt_packet packet,
                             struct eng_mqtt_properties *properties);
ENG_MUST_USE(eng_mqtt_properties_read);

/* The number, or `absent`. */
uint32_t eng_mqtt_properties_number(const struct eng_mqtt_properties *properties, enum eng_mqtt_property identifier,
                                    uint32_t absent);
ENG_MUST_USE(eng_mqtt_properties_number);

int eng_mqtt_properties_has(const struct eng_mqtt_properties *properties, enum eng_mqtt_property identifier);
ENG_MUST_USE(eng_mqtt_properties_has);

#endif
