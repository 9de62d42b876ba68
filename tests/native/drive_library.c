/* Says which library context is in use, "own" or "default"; then for each certificate (DER file) that is an argument the
 * bits of its key, 0 where the key cannot be read, and "unread" where the file is no certificate. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "library.h"
#include "library_context.h"

#ifdef OPENSSL_IS_AWSLC
static const char *context(void) { return "default"; }
#else
static int has_cipher(OSSL_LIB_CTX *context, const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(context, name, NULL);

    EVP_CIPHER_free(cipher);
    return cipher != NULL;
}

static const char *context(void)
{
    OSSL_LIB_CTX *own = eng_library_context();

    if (own != NULL && (!has_cipher(own, "AES-128-GCM") || has_cipher(own, "CAMELLIA-128-CBC")))
        exit(2);
    return own == NULL ? "default" : "own";
}
#endif

static void read_certificate(const char *path)
{
    static uint8_t data[1 << 16];
    const uint8_t *at = data;
    FILE *file = fopen(path, "rb");
    X509 *certificate;
    size_t length;

    if (file == NULL)
        exit(3);
    length = fread(data, 1, sizeof data, file);
    fclose(file);
    certificate = eng_library_certificate(&at, length);
    if (certificate == NULL)
        printf("unread\n");
    else
        printf("%d\n", X509_get0_pubkey(certificate) == NULL ? 0 : EVP_PKEY_bits(X509_get0_pubkey(certificate)));
    if (certificate != NULL && at != data + length)
        exit(4);
    X509_free(certificate);
    ERR_clear_error();
}

int main(int argc, char **argv)
{
    SSL_CTX *server;

    printf("%s\n", context());
    server = eng_library_server();
    if (server == NULL)
        printf("no server\n");
    SSL_CTX_free(server);
    ERR_clear_error();
    for (int i = 1; i < argc; i++)
        read_certificate(argv[i]);
    return 0;
}
