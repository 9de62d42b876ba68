#ifndef ENG_MQTT_FIELDS_H
#define ENG_MQTT_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

/* The data types that every Control Packet is made of (MQTT 5 section 1.5; 3.1.1 section 1.5 where it has them): the twin
 * of engine/framing/mqtt/fields.py. */

/* Bytes still to be read. A reader answers 1 and stands behind its field, or 0 where the field is malformed: one that
 * crosses the end is, because what encloses it is whole. */
struct eng_mqtt_fields {
    const uint8_t *at;
    size_t left;
};

/* What a field holds, where it lies. NULL and 0: absent. */
struct eng_mqtt_text {
    const uint8_t *data;
    size_t length;
};

/* Integers of `size` bytes, 1 to 4, the highest first (sections 1.5.2 and 1.5.3). */
int eng_mqtt_fields_read_integer(struct eng_mqtt_fields *fields, size_t size, uint32_t *value);
ENG_MUST_USE(eng_mqtt_fields_read_integer);

/* Section 1.5.5. 1 read, 0 cut short, -1 malformed: a fifth byte announced, or more bytes than the value needs
 * [MQTT-1.5.5-1]. Only in a Fixed Header does cut short mean "not yet". */
int eng_mqtt_fields_read_variable(struct eng_mqtt_fields *fields, uint32_t *value);
ENG_MUST_USE(eng_mqtt_fields_read_variable);

/* UTF-8 Encoded String, section 1.5.4: UTF-8 without surrogates [MQTT-1.5.4-1] and without U+0000 [MQTT-1.5.4-2]. */
int eng_mqtt_fields_read_string(struct eng_mqtt_fields *fields, struct eng_mqtt_text *text);
ENG_MUST_USE(eng_mqtt_fields_read_string);

/* Binary Data, section 1.5.6. */
int eng_mqtt_fields_read_binary(struct eng_mqtt_fields *fields, struct eng_mqtt_text *binary);
ENG_MUST_USE(eng_mqtt_fields_read_binary);

/* A UTF-8 Encoded String without wildcard characters [MQTT-4.7.0-1]; it may be empty. */
int eng_mqtt_fields_read_topic_name(struct eng_mqtt_fields *fields, struct eng_mqtt_text *name);
ENG_MUST_USE(eng_mqtt_fields_read_topic_name);

#endif
