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

/* body: what stands behind the Fixed Header, on a connection of which C may decide; list: the peer's certificates, or
 * NULL. 1: accepted, and `good` says who, as long as eng_known_good_still holds. 0: ask Python; of `good` there is device_id,
 * as eng_known_good leaves it. */
int eng_front_verdict(const struct eng_front_settings *settings, const struct eng_front_known *known,
                      const uint8_t *body, size_t body_len, const uint8_t *list, size_t list_len, int64_t now,
                      struct eng_known_good *good, struct eng_front_verdict *verdict);

/* The same without certificates, from the Fixed Header on, and with the entry looked at once more: all that a front
 * computes for CONNECT. For who measures and tests. */
int eng_front_verdict_of_packet(const struct eng_front_settings *settings, const struct eng_front_known *known,
                                const uint8_t *data, size_t data_len, int64_t now, struct eng_front_verdict *verdict);
