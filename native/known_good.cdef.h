/* Is this CONNECT one that was accepted before and would be again; read by C (known_good.h) and by cffi (build.py), so
 * nothing but declarations.
 *
 * The only answers are "accepted" and "ask Python": no refusal comes from here. Whenever the answer is accepted, so is
 * the verdict (claims/from_mqtt.py, session/mqtt.py, verdict/secret.py on the device's record), with nothing to note but
 * that the device was seen. docs/known-good.md says of every input of the verdict where it is looked at.
 */

enum eng_sign_types { ENG_SIGN_TYPES_BOTH, ENG_SIGN_TYPES_STICKY, ENG_SIGN_TYPES_CHECKED_ONLY };

/* Fields of engine/limits.py and of verdict/policy.py, under their names. */
struct eng_known_good_policy {
    size_t client_id_bytes, user_name_bytes, password_bytes;
    uint32_t keep_alive_minimum_seconds, keep_alive_maximum_seconds;
    uint32_t stamp_window_hours;
    enum eng_sign_types sign_types;
};

/* Who was accepted. index: of the entry, stable while the entry lives. device_id lies in the CONNECT's client_id. version,
 * trust: for eng_known_good_still. proof: SHA-256 of the certificate that proved the device and of the device CA that
 * anchored it, where one did (trust is not 0). */
struct eng_known_good {
    const uint8_t *device_id;
    size_t device_id_len;
    uint64_t generation, version, trust;
    uint32_t index;
    uint8_t record_id[12];
    uint8_t sign_type; /* 0 or 1, of the Client Identifier */
    uint8_t proof[64];
};

/* connect: read as well-formed (mqtt_connect.h), on a connection that may be served at all: draining, overload, failed
 * attempts and the listener are the caller's to look at. list: the certificates that the peer sent, as TLS carries them,
 * the key of the first of which it has; NULL for none. now: seconds since 1970, the fraction cut off. 1: accepted, and
 * `result` says who. 0: ask Python; `result` says nothing but device_id: NULL, or that of a device of which the table has
 * nothing yet, and with whose secrets in it the answer might be another. */
int eng_known_good(const struct eng_credential_table *table, const struct eng_known_good_policy *policy,
                   const struct eng_mqtt_connect *connect, const uint8_t *list, size_t list_len, int64_t now,
                   struct eng_known_good *result);

/* Just before CONNACK is written: 1 when the entry is there and nothing was written to it since; 0: ask Python. */
int eng_known_good_still(const struct eng_credential_table *table, const struct eng_known_good *result);
