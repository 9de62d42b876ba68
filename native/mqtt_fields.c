#include "mqtt_fields.h"

#include <string.h>

#include "utf8.h"

int eng_mqtt_fields_read_integer(struct eng_mqtt_fields *fields, size_t size, uint32_t *value)
{
    uint32_t read = 0;

    if (fields->left < size)
        return 0;
    for (size_t i = 0; i < size; i++)
        read = read << 8 | fields->at[i];
    fields->at += size;
    fields->left -= size;
    *value = read;
    return 1;
}

int eng_mqtt_fields_read_variable(struct eng_mqtt_fields *fields, uint32_t *value)
{
    uint32_t read = 0;

    for (size_t i = 0; i < fields->left && i < 4; i++) {
        uint8_t byte = fields->at[i];

        read |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (byte > 0x7f)
            continue;
        if (byte == 0 && i > 0)
            return -1;
        fields->at += i + 1;
        fields->left -= i + 1;
        *value = read;
        return 1;
    }
    return fields->left < 4 ? 0 : -1;
}

int eng_mqtt_fields_read_binary(struct eng_mqtt_fields *fields, struct eng_mqtt_text *binary)
{
    uint32_t length;

    if (!eng_mqtt_fields_read_integer(fields, 2, &length) || length > fields->left)
        return 0;
    *binary = (struct eng_mqtt_text){fields->at, length};
    fields->at += length;
    fields->left -= length;
    return 1;
}

static int has(const struct eng_mqtt_text *text, char character)
{
    return text->length > 0 && memchr(text->data, character, text->length) != NULL;
}

int eng_mqtt_fields_read_string(struct eng_mqtt_fields *fields, struct eng_mqtt_text *text)
{
    return eng_mqtt_fields_read_binary(fields, text) && eng_utf8_check(text->data, text->length) && !has(text, '\0');
}

int eng_mqtt_fields_read_topic_name(struct eng_mqtt_fields *fields, struct eng_mqtt_text *name)
{
    return eng_mqtt_fields_read_string(fields, name) && !has(name, '#') && !has(name, '+');
}
