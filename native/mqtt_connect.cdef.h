/* CONNECT of MQTT 3.1, 3.1.1 and 5 (section 3.1 in each of them); read by C (mqtt_connect.h) and by cffi (build.py), so
 * nothing but declarations. The definition is engine/framing/mqtt/connect.py: the same CONNECTs are well formed, and the
 * others have the same kind of fault. Time is linear in the bytes; nothing is allocated. */

/* A well-formed CONNECT; pointers lie in the caller's buffer. Absent: NULL and 0. */
struct eng_mqtt_connect {
    const uint8_t *client_id, *user_name, *password, *will_topic, *will_payload;
    size_t client_id_len, user_name_len, password_len, will_topic_len, will_payload_len;
    uint32_t session_expiry_interval, maximum_packet_size; /* maximum_packet_size 0: none given */
    uint16_t keep_alive, receive_maximum, topic_alias_maximum;
    uint8_t protocol_version; /* 3, 4, 5 */
    uint8_t clean_start, has_will, will_qos, will_retain, request_response_information, request_problem_information;
};

/* body: what stands behind the Fixed Header. 0: well formed. Else the kind of fault: 1 malformed, 2 protocol violation,
 * 3 unsupported version, 4 unknown authentication method; then only protocol_version is set: the version in which the
 * refusal is worded, 0 for none. */
int eng_mqtt_connect_read(const uint8_t *body, size_t body_len, struct eng_mqtt_connect *connect);
