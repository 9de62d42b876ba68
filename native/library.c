#include "library.h"

#include <openssl/crypto.h>

const char *eng_library_version(void) { return OpenSSL_version(OPENSSL_VERSION); }

#ifdef OPENSSL_IS_AWSLC

SSL_CTX *eng_library_server(void) { return SSL_CTX_new(TLS_server_method()); }

X509 *eng_library_certificate(const uint8_t **at, size_t der_len) { return d2i_X509(NULL, at, (long)der_len); }

#else

#include "library_context.h"

SSL_CTX *eng_library_server(void) { return SSL_CTX_new_ex(eng_library_context(), NULL, TLS_server_method()); }

static X509 *read_certificate(OSSL_LIB_CTX *context, const uint8_t **at, size_t der_len)
{
    X509 *certificate = X509_new_ex(context, NULL);

    /* Where it cannot be read, d2i_X509 frees it and leaves NULL. */
    return certificate != NULL && d2i_X509(&certificate, at, (long)der_len) != NULL ? certificate : NULL;
}

X509 *eng_library_certificate(const uint8_t **at, size_t der_len)
{
    const uint8_t *start = *at;
    X509 *certificate = read_certificate(eng_library_context(), at, der_len);

    /* With a key of a kind that this context does not read, it is for OpenSSL's own to read. */
    if (certificate == NULL || X509_get0_pubkey(certificate) != NULL)
        return certificate;
    X509_free(certificate);
    *at = start;
    return read_certificate(NULL, at, der_len);
}

#endif
