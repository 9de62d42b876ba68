/* The Fixed Header of a Control Packet (MQTT 5 section 2.1, 3.1.1 section 2.2): the twin of read_packet in
 * engine/framing/mqtt/fixed_header.py.
 *
 * 0: more bytes are needed. 1: data begins with a whole packet, whose body is data[*start] up to data[*end]. 2: malformed: a
 * type or flags that no packet has, or a bad Remaining Length. 3: a Remaining Length over `maximum`. What two to five bytes
 * tell is judged without waiting for more. start and end are written for 1 only. */
int eng_mqtt_frame(const uint8_t *data, size_t data_len, size_t maximum, size_t *start, size_t *end);
