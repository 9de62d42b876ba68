/* For every public key that it reads, OpenSSL 3.0 goes through all decoders that its providers have, and through all
 * methods that anybody has fetched: 150 us for each certificate, twice what the verification of a signature takes. Here is
 * a context of its own with those alone that TLS and the certificates of devices need.
 *
 * It is made once and never changes: it is to this file what OpenSSL's default context is to OpenSSL. */
#include "library_context.h"

#ifndef OPENSSL_IS_AWSLC

#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

/* Those of the suites in tls_context.c. The random generators take theirs from the default context. */
static const char *const cipher_names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

/* The kinds of key that profile DEVICE takes; others are read in the default context (library.c). */
static const char *const key_names[] = {"EC", "RSA", "ED25519"};
static const char key_structure[] = "structure=SubjectPublicKeyInfo";

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Each list ends with an empty one. */
static struct {
    CRYPTO_ONCE once;
    OSSL_LIB_CTX *context;
    OSSL_PROVIDER *origin;
    OSSL_ALGORITHM ciphers[COUNT(cipher_names) + 1], decoders[COUNT(key_names) + 1];
} library = {.once = CRYPTO_ONCE_STATIC_INIT};

/* An algorithm has several names, with colons between; the first is the one in OpenSSL's manual. */
static int is_named(const OSSL_ALGORITHM *algorithm, const char *name)
{
    const char *names = algorithm->algorithm_names;
    size_t length = strlen(name);

    return strncmp(names, name, length) == 0 && (names[length] == ':' || names[length] == '\0');
}

/* Copies the algorithms of these names, where `property` is NULL or in their definition; 1 when each was found once. */
static int keep(int operation, const char *const *names, size_t names_count, const char *property,
                OSSL_ALGORITHM *kept)
{
    int no_cache = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(library.origin, operation, &no_cache);
    size_t count = 0;

    for (; all != NULL && all->algorithm_names != NULL; all++) {
        for (size_t i = 0; i < names_count; i++) {
            if (!is_named(all, names[i]) || (property != NULL && strstr(all->property_definition, property) == NULL))
                continue;
            if (count == names_count)
                return 0;
            kept[count++] = *all;
        }
    }
    return count == names_count;
}

static const OSSL_ALGORITHM *query_operation(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_CIPHER:
        return library.ciphers;
    case OSSL_OP_DECODER:
        return library.decoders;
    default:
        return OSSL_PROVIDER_query_operation(library.origin, operation, no_cache);
    }
}

/* Among them the groups of TLS. */
static int get_capabilities(void *provider, const char *capability, OSSL_CALLBACK *callback, void *argument)
{
    (void)provider;
    return OSSL_PROVIDER_get_capabilities(library.origin, capability, callback, argument);
}

/* The methods are the default provider's, and so is the context that they are called with. */
static int begin_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                          void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities},
        {0, NULL},
    };

    (void)handle, (void)in;
    *out = functions;
    *provider = OSSL_PROVIDER_get0_provider_ctx(library.origin);
    return 1;
}

static int count_others(OSSL_PROVIDER *provider, void *others)
{
    *(int *)others += strcmp(OSSL_PROVIDER_get0_name(provider), "default") != 0;
    return 1;
}

/* Who has configured OpenSSL otherwise has it so: OSSL_PROVIDER_do_all reads openssl.cnf first. Newer versions were
 * not measured, and in 3.6 the default provider's random generators do not start in another context. */
static int is_as_delivered(void)
{
    int others = 0;

    return OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2 &&
           OSSL_PROVIDER_do_all(NULL, count_others, &others) == 1 && others == 0 &&
           !EVP_default_properties_is_fips_enabled(NULL);
}

static int serves(OSSL_LIB_CTX *context)
{
    SSL_CTX *server = SSL_CTX_new_ex(context, NULL, TLS_server_method());

    SSL_CTX_free(server);
    return server != NULL;
}

static void open_library(void)
{
    OSSL_LIB_CTX *context;

    library.origin = is_as_delivered() ? OSSL_PROVIDER_load(NULL, "default") : NULL;
    if (library.origin == NULL ||
        !keep(OSSL_OP_CIPHER, cipher_names, COUNT(cipher_names), NULL, library.ciphers) ||
        !keep(OSSL_OP_DECODER, key_names, COUNT(key_names), key_structure, library.decoders))
        return;
    context = OSSL_LIB_CTX_new();
    if (context == NULL)
        return;
    if (OSSL_PROVIDER_add_builtin(context, "keyturn", begin_provider) == 1 &&
        OSSL_PROVIDER_load(context, "keyturn") != NULL && serves(context))
        library.context = context;
    else
        OSSL_LIB_CTX_free(context);
}

OSSL_LIB_CTX *eng_library_context(void)
{
    return CRYPTO_THREAD_run_once(&library.once, open_library) == 1 ? library.context : NULL;
}

#endif
