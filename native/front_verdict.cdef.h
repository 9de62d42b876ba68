/* What the native front says to CONNECT of a device that is known good, before it touches a connection; read by C
 * (front_verdict.h) and by cffi (build.py).
 */

/* CONNACK lies in the settings. keep_alive_s: in force, 0 for none. client_maximum: Maximum Packet Size, 0 for none. */
struct eng_front_verdict {
    const struct eng_front_words *connack;
    uint32_t client_maximum;
    uint16_t keep_alive_s;
    uint8_t version;
};

/* CONNECT without certificates, from the Fixed Header on, and with the entry looked at once more: all that a front computes
 * for it. 1: accepted; 0: ask Python. For who measures and tests. */
int eng_front_verdict_of_packet(const struct eng_front_settings *settings, const struct eng_front_known *known,
                                const uint8_t *data, size_t data_len, int64_t now, struct eng_front_verdict *verdict);
