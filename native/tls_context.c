/* The server's side of TLS: versions, suites, groups, the server's certificate, ALPN, and what is left out. */
#include "tls_context.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "library.h"
#include "tls_internal.h"

/* engine/listeners/platform_tls.py says why these and no others. AWS-LC has no security levels; what is too weak in a
 * device's certificate eng_chain_verify says on both. */
#ifdef OPENSSL_IS_AWSLC
#define SECURITY_LEVEL
#else
#define SECURITY_LEVEL "@SECLEVEL=2:"
#endif
static const char suites_of_1_2[] = SECURITY_LEVEL
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char suites_of_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* The last two are for their certificates: in TLS 1.2 OpenSSL refuses an ECDSA key on a curve that is no group. */
static const char groups[] = "X25519:P-256:P-384:P-521";

/* The keys of profile DEVICE, with the hashes of its floor. */
static const char signatures[] =
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";

/* In our order. */
static const uint8_t protocols[] = "\x04mqtt\x0ex-amzn-mqtt-ca";

static const uint8_t session_context[] = "keyturn";

/* No pass phrase: libcrypto would ask at the terminal. `was_asked` is how an encrypted key is told from nonsense. */
static int ask_nobody(char *phrase, int phrase_len, int is_new, void *was_asked)
{
    (void)phrase, (void)phrase_len, (void)is_new;
    *(int *)was_asked = 1;
    return -1;
}

static enum eng_tls_refusal use_key(SSL_CTX *library, BIO *pem)
{
    int was_asked = 0;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, ask_nobody, &was_asked);
    enum eng_tls_refusal refusal = ENG_TLS_OPENED;

    if (key == NULL)
        return was_asked ? ENG_TLS_KEY_ENCRYPTED : ENG_TLS_NO_KEY;
    if (SSL_CTX_use_PrivateKey(library, key) != 1 || SSL_CTX_check_private_key(library) != 1)
        refusal = ENG_TLS_OTHER_KEY;
    EVP_PKEY_free(key);
    return refusal;
}

/* The server's certificate, and behind it all that follows in the file. */
static enum eng_tls_refusal use_certificates(SSL_CTX *library, BIO *pem)
{
    X509 *certificate;
    int count = 0, used = 1;

    while (used && (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL) {
        used = count == 0 ? SSL_CTX_use_certificate(library, certificate) == 1
                          : SSL_CTX_add1_chain_cert(library, certificate) == 1;
        X509_free(certificate);
        count++;
    }
    /* Reading ends with an error: no more PEM, or something in it that is broken. */
    if (!used || count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return ENG_TLS_NO_CERTIFICATE;
    ERR_clear_error();
    return ENG_TLS_OPENED;
}

static enum eng_tls_refusal use_identity(SSL_CTX *library, const struct eng_tls_settings *settings)
{
    BIO *certificate = BIO_new_mem_buf(settings->certificate, (int)settings->certificate_len);
    BIO *key = BIO_new_mem_buf(settings->key, (int)settings->key_len);
    enum eng_tls_refusal refusal = ENG_TLS_NO_MEMORY;

    if (certificate != NULL && key != NULL) {
        refusal = use_certificates(library, certificate);
        if (refusal == ENG_TLS_OPENED)
            refusal = use_key(library, key);
    }
    BIO_free(certificate);
    BIO_free(key);
    return refusal;
}

/* The first of ours that the peer speaks; without one, none is named and the connection goes on. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                           const unsigned char *offered, unsigned int offered_len, void *unused)
{
    unsigned char *protocol;

    (void)ssl, (void)unused;
    if (SSL_select_next_proto(&protocol, chosen_len, protocols, sizeof protocols - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = protocol;
    return SSL_TLSEXT_ERR_OK;
}

/* One certificate answers every name. One that is not ASCII ends the handshake, as in the reference front. */
static int check_server_name(SSL *ssl, int *alert, void *unused)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)unused;
    for (; name != NULL && *name != '\0'; name++) {
        if ((uint8_t)*name > 0x7f) {
            *alert = SSL_AD_INTERNAL_ERROR;
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

/* Which alert ended it is what is counted; the error queues of the two libraries have no common words. */
static void note_alert(const SSL *ssl, int where, int alert)
{
    struct eng_tls_connection *connection;

    /* Each step of a handshake comes by here. */
    if ((where & SSL_CB_ALERT) == 0 || alert >> 8 != SSL3_AL_FATAL)
        return;
    connection = eng_tls_connection_of(ssl);
    if (connection == NULL)
        return;
    if (where & SSL_CB_READ)
        connection->alert_received = alert & 0xff;
    else
        connection->alert_sent = alert & 0xff;
}

static int set_options(SSL_CTX *library, const struct eng_tls_settings *settings)
{
    SSL_CTX_set_options(library, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(library, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(library, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(library, settings->certificate_list_bytes);
    /* Asked for, not required: devices with a secret use the same port. No list of CA names is sent: a fleet's would not
     * fit, and would tell anybody who asks which CAs there are. */
    SSL_CTX_set_verify(library, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(library, eng_tls_peer_verify, NULL);
    SSL_CTX_set_alpn_select_cb(library, choose_protocol, NULL);
    SSL_CTX_set_info_callback(library, note_alert);
    return SSL_CTX_set_min_proto_version(library, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_tlsext_servername_callback(library, check_server_name) == 1 &&
           SSL_CTX_set_session_id_context(library, session_context, sizeof session_context - 1) == 1 &&
           SSL_CTX_set_cipher_list(library, suites_of_1_2) == 1 &&
           SSL_CTX_set_ciphersuites(library, suites_of_1_3) == 1 && SSL_CTX_set1_groups_list(library, groups) == 1 &&
           SSL_CTX_set1_sigalgs_list(library, signatures) == 1;
}

static int set_tickets(struct eng_tls_context *context, const struct eng_tls_settings *settings)
{
    if (settings->ticket_root == NULL) {
        SSL_CTX_set_options(context->library, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(context->library, 0) == 1;
    }
    context->tickets = eng_tickets_open(settings->ticket_root, settings->listener, settings->listener_len);
    return context->tickets != NULL && eng_tickets_serve(context->library);
}

static void release_trust(struct eng_tls_context *context)
{
    eng_anchors_close(context->anchors);
    eng_tickets_close(context->tickets);
    context->anchors = NULL;
    context->tickets = NULL;
}

static void release(struct eng_tls_context *context)
{
    release_trust(context);
    SSL_CTX_free(context->library);
    BIO_meth_free(context->socket_method);
    free(context);
}

static enum eng_tls_refusal furnish(struct eng_tls_context *context, const struct eng_tls_settings *settings)
{
    context->library = eng_library_server();
    context->socket_method = eng_tls_socket_method();
    if (context->library == NULL || context->socket_method == NULL || !set_options(context->library, settings) ||
        !set_tickets(context, settings))
        return ENG_TLS_NO_MEMORY;
    return use_identity(context->library, settings);
}

int eng_tls_context_open(const struct eng_tls_settings *settings, struct eng_anchors *anchors,
                         struct eng_tls_context **context)
{
    enum eng_tls_refusal refusal;

    *context = calloc(1, sizeof **context);
    if (*context == NULL)
        return ENG_TLS_NO_MEMORY;
    (*context)->chain = settings->chain;
    (*context)->certificate_list_bytes = settings->certificate_list_bytes;
    (*context)->handshake_bytes = settings->handshake_bytes;
    ERR_clear_error();
    refusal = furnish(*context, settings);
    ERR_clear_error();
    if (refusal == ENG_TLS_OPENED) {
        (*context)->anchors = anchors;
        return ENG_TLS_OPENED;
    }
    release(*context);
    *context = NULL;
    return (int)refusal;
}

void eng_tls_context_close(struct eng_tls_context *context)
{
    if (context == NULL)
        return;
    context->is_closed = 1;
    if (context->shaking == 0)
        release_trust(context);
    if (context->connections == 0)
        release(context);
}

size_t eng_tls_context_connections(const struct eng_tls_context *context) { return context->connections; }

void eng_tls_context_begin(struct eng_tls_context *context)
{
    context->connections++;
    context->shaking++;
}

void eng_tls_context_end_handshake(struct eng_tls_context *context)
{
    context->shaking--;
    if (context->is_closed && context->shaking == 0)
        release_trust(context);
}

void eng_tls_context_end(struct eng_tls_context *context)
{
    context->connections--;
    if (context->is_closed && context->connections == 0)
        release(context);
}
