/* libFuzzer target of the native MQTT parsers (make fuzz-native). The input is a stream from a peer, and by itself the body
 * of a CONNECT. What is read must lie in what was given; the sanitizers see to the rest. */
#include <stdint.h>
#include <stdlib.h>

#include "mqtt_connect.h"
#include "mqtt_frame.h"

#define MAXIMUM (64 * 1024)

/* Absent, or inside of the body. */
static void must_lie_in(const uint8_t *data, size_t data_len, const uint8_t *body, size_t body_len)
{
    if (data == NULL && data_len == 0)
        return;
    if (data < body || data_len > body_len || data + data_len > body + body_len)
        abort();
}

static void read_body(const uint8_t *body, size_t body_len)
{
    struct eng_mqtt_connect connect;
    int fault = eng_mqtt_connect_read(body, body_len, &connect);

    if (fault < 0 || fault > 4 || connect.protocol_version > 5)
        abort();
    if (fault) {
        if (connect.client_id != NULL || connect.password != NULL || connect.has_will || connect.receive_maximum != 0)
            abort();
        return;
    }
    if (connect.client_id == NULL || connect.protocol_version < 3 || connect.receive_maximum == 0)
        abort();
    if (connect.will_qos > 2 || connect.has_will != (connect.will_topic != NULL))
        abort();
    must_lie_in(connect.client_id, connect.client_id_len, body, body_len);
    must_lie_in(connect.user_name, connect.user_name_len, body, body_len);
    must_lie_in(connect.password, connect.password_len, body, body_len);
    must_lie_in(connect.will_topic, connect.will_topic_len, body, body_len);
    must_lie_in(connect.will_payload, connect.will_payload_len, body, body_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t start, end;

    read_body(data, size);
    while (eng_mqtt_frame(data, size, MAXIMUM, &start, &end) == 1) {
        if (start < 2 || start > end || end > size)
            abort();
        if (eng_mqtt_frame(data, end - 1, MAXIMUM, &start, &end) == 1)
            abort();
        read_body(data + start, end - start);
        data += end;
        size -= end;
    }
    return 0;
}
