#include "mqtt_frame.h"

#include "mqtt_fields.h"

enum { MORE, WHOLE, MALFORMED, TOO_LARGE };

enum { PUBLISH = 3, PUBREL = 6, SUBSCRIBE = 8, UNSUBSCRIBE = 10 };

/* Section 2.1.3. The flags of 3.1.1 and 5 are asked of 3.1 too. */
static int is_first_byte(uint8_t first)
{
    uint8_t type = first >> 4, flags = first & 0x0f;

    switch (type) {
    case 0:
        return 0;
    case PUBLISH: /* DUP, QoS (two bits), RETAIN: no QoS 3 [MQTT-3.3.1-4], no DUP at QoS 0 [MQTT-3.3.1-2] */
        return (flags & 0x06) != 0x06 && (flags & 0x0e) != 0x08;
    case PUBREL:
    case SUBSCRIBE:
    case UNSUBSCRIBE:
        return flags == 0x02;
    default:
        return flags == 0;
    }
}

int eng_mqtt_frame(const uint8_t *data, size_t data_len, size_t maximum, size_t *start, size_t *end)
{
    struct eng_mqtt_fields fields;
    uint32_t length;
    int read;

    if (data_len < 2)
        return MORE;
    if (!is_first_byte(data[0]))
        return MALFORMED;
    fields = (struct eng_mqtt_fields){data + 1, data_len - 1};
    read = eng_mqtt_fields_read_variable(&fields, &length);
    if (read != 1)
        return read == 0 ? MORE : MALFORMED;
    if (length > maximum)
        return TOO_LARGE;
    if (length > fields.left)
        return MORE;
    *start = data_len - fields.left;
    *end = *start + length;
    return WHOLE;
}
