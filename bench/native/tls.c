#include "tls.h"

#include "fatal.h"

static SSL_CTX *context_of(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);

    if (context == NULL || SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1)
        fatal("no TLS context");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

SSL_CTX *tls_client(int version, const char *ca)
{
    SSL_CTX *context = context_of(TLS_client_method());

    if (SSL_CTX_set_min_proto_version(context, (uint16_t)version) != 1 ||
        SSL_CTX_set_max_proto_version(context, (uint16_t)version) != 1)
        fatal("this libssl does not speak that version of TLS");
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    /* OpenSSL 3 would else call a close without close_notify an error of TLS; AWS-LC never does. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    if (ca == NULL)
        return context;
    if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
        fatal(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

SSL_CTX *tls_server(const char *certificate, const char *key, const char *client_ca, bool tickets)
{
    SSL_CTX *context = context_of(TLS_server_method());

    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        fatal(certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fatal(key);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"floor", 5);
    if (tickets)
        SSL_CTX_set_num_tickets(context, 1);
    if (!tickets) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    }
    if (client_ca == NULL)
        return context;
    if (SSL_CTX_load_verify_locations(context, client_ca, NULL) != 1)
        fatal(client_ca);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(client_ca));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return context;
}

enum tls_step tls_step(SSL *ssl, int returned)
{
    int error = SSL_get_error(ssl, returned);

    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? TLS_WAIT : TLS_FAILED;
}
