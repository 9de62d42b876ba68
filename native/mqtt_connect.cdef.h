/* A well-formed CONNECT; pointers lie in the caller's buffer. Absent: NULL and 0. */
struct eng_mqtt_connect {
    const uint8_t *client_id, *user_name, *password, *will_topic, *will_payload;
    size_t client_id_len, user_name_len, password_len, will_topic_len, will_payload_len;
    uint32_t session_expiry_interval, maximum_packet_size; /* maximum_packet_size 0: none given */
    uint16_t keep_alive, receive_maximum, topic_alias_maximum;
    uint8_t protocol_version; /* 3, 4, 5 */
    uint8_t clean_start, has_will, will_qos, will_retain, request_response_information, request_problem_information;
};
