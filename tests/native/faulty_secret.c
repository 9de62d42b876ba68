/* eng_secret_verify as it must not be written. Without a macro it is slow but careful; each macro is a fault that the tests must catch:
 * EARLY_EXIT compares byte by byte and stops; SHORTCUT leaves the secondary out when the primary is proved; HEX_TABLE
 * looks the MAC's half bytes up; OVER_READ looks at a password's last digit before its length. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "secret.h"

static char hex_digit(unsigned int digit)
{
#ifdef HEX_TABLE
    return "0123456789abcdef"[digit];
#else
    return (char)('0' + digit + (((9U - digit) >> 8) & 39));
#endif
}

static int differ(const char *hex, const uint8_t *password)
{
#ifdef EARLY_EXIT
    for (size_t i = 0; i < 64; i++)
        if ((uint8_t)hex[i] != password[i])
            return 1;
    return 0;
#else
    return CRYPTO_memcmp(hex, password, 64);
#endif
}

static unsigned int proves(const uint8_t *password, const uint8_t *stamp, size_t stamp_len, const uint8_t *secret,
                           size_t secret_len)
{
    uint8_t mac[32];
    char hex[64];

    HMAC(EVP_sha256(), stamp, (int)stamp_len, secret, secret_len, mac, NULL);
    for (size_t i = 0; i < sizeof mac; i++) {
        hex[2 * i] = hex_digit(mac[i] >> 4);
        hex[2 * i + 1] = hex_digit(mac[i] & 15);
    }
    return differ(hex, password) == 0;
}

unsigned int eng_secret_verify(const uint8_t *password, size_t password_len, const uint8_t *stamp, size_t stamp_len,
                               const uint8_t *primary, size_t primary_len, const uint8_t *secondary,
                               size_t secondary_len)
{
    unsigned int proved;

#ifdef OVER_READ
    if (password[63] == '\n')
        return 0;
#endif
    if (password_len != 64)
        return 0;
    proved = proves(password, stamp, stamp_len, primary, primary_len);
#ifdef SHORTCUT
    if (proved)
        return proved;
#endif
    return proved | proves(password, stamp, stamp_len, secondary, secondary_len) << 1;
}
