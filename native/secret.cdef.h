/* Which of two secrets a password proves; read by C (secret.h) and by cffi (build.py), so nothing but declarations.
 *
 * A password is right for a secret when it equals hex(HMAC-SHA256(key = stamp, message = secret)) in lower case
 * (mqtt-device.md C.1). Both secrets are always computed and compared; no branch and no address depends on a secret, on
 * the password's bytes or on the MACs. Answers a bit mask: 1 the primary, 2 the secondary. Never fails: what cannot be
 * computed is not proved. Any length is allowed, 0 included; no pointer may be NULL.
 */
unsigned int eng_secret_verify(const uint8_t *password, size_t password_len, const uint8_t *stamp, size_t stamp_len,
                               const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                               size_t secondary_len);
