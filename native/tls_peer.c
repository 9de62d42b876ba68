/* The peer's certificates: judged in the handshake, kept until CONNECT is judged, and found again in a ticket. */
#include "tls_peer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "tls_internal.h"

/* Before each certificate of the list (RFC 5246 section 7.4.2). */
#define PREFIX_BYTES 3

/* Appends one certificate; `list` is `most` octets. 0 where it does not fit, or memory is short. */
static int append(X509 *certificate, uint8_t *list, size_t *list_len, size_t most)
{
    int der_len = i2d_X509(certificate, NULL);
    uint8_t *at = list + *list_len + PREFIX_BYTES;

    if (der_len <= 0 || most - *list_len < PREFIX_BYTES || most - *list_len - PREFIX_BYTES < (size_t)der_len)
        return 0;
    at[-3] = (uint8_t)(der_len >> 16);
    at[-2] = (uint8_t)(der_len >> 8);
    at[-1] = (uint8_t)der_len;
    *list_len += PREFIX_BYTES + (size_t)der_len;
    return i2d_X509(certificate, &at) == der_len;
}

/* All of `certificates` from the one at `first` on, which may be NULL. */
static int append_all(STACK_OF(X509) *certificates, size_t first, uint8_t *list, size_t *list_len, size_t most)
{
    size_t count = certificates == NULL ? 0 : (size_t)sk_X509_num(certificates);

    for (size_t i = first; i < count; i++)
        if (!append(sk_X509_value(certificates, (int)i), list, list_len, most))
            return 0;
    return 1;
}

/* A copy of its own size, which is kept. */
static int keep_list(struct eng_tls_peer *peer, const uint8_t *list, size_t list_len)
{
    free(peer->list);
    peer->list = malloc(list_len);
    if (peer->list == NULL)
        return 0;
    memcpy(peer->list, list, list_len);
    peer->list_len = list_len;
    return 1;
}

/* OpenSSL's tickets carry the leaf alone: what was sent behind it is put beside it. AWS-LC's carry the whole list. */
static int put_into_tickets(SSL *ssl, const uint8_t *list, size_t list_len)
{
#ifdef OPENSSL_IS_AWSLC
    (void)ssl, (void)list, (void)list_len;
    return 1;
#else
    size_t leaf = PREFIX_BYTES + ((size_t)list[0] << 16 | (size_t)list[1] << 8 | list[2]);
    SSL_SESSION *session = SSL_get_session(ssl);

    return session != NULL && SSL_SESSION_set1_ticket_appdata(session, list + leaf, list_len - leaf);
#endif
}

/* What is behind the leaf, out of the ticket; the opposite of put_into_tickets. */
static int take_from_ticket(const SSL *ssl, uint8_t *list, size_t *list_len, size_t most)
{
#ifdef OPENSSL_IS_AWSLC
    return append_all(SSL_get_peer_cert_chain(ssl), 0, list, list_len, most); /* without the leaf, in a server */
#else
    void *behind = NULL;
    size_t behind_len = 0;

    if (!SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &behind, &behind_len) ||
        behind_len > most - *list_len)
        return 0;
    if (behind_len > 0)
        memcpy(list + *list_len, behind, behind_len);
    *list_len += behind_len;
    return 1;
#endif
}

/* Judges the list. The X509_V_ERR of its refusal, X509_V_OK when all that a ticket needs is kept as well. */
static int judge(struct eng_tls_connection *connection, const uint8_t *list, size_t list_len)
{
    struct eng_tls_context *context = connection->context;
    struct eng_chain_verdict verdict;

    if (context->anchors == NULL || !eng_chain_verify(context->chain, context->anchors, list, list_len,
                                                      connection->now, ENG_DEVICE, &verdict))
        return X509_V_ERR_OUT_OF_MEM;
    if (verdict.reason == ENG_TOO_LARGE || verdict.reason == ENG_TOO_MANY_CERTIFICATES)
        connection->fault = ENG_FAULT_CERTIFICATE_LIST_TOO_LARGE;
    if (verdict.reason != ENG_CHAIN_GOOD)
        return eng_tls_verify_error((enum eng_chain_reason)verdict.reason);
    memcpy(connection->peer.anchor, context->anchors->all[verdict.anchor].identity, ENG_DIGEST_BYTES);
    connection->peer.until = verdict.until;
    if (!keep_list(&connection->peer, list, list_len) || !put_into_tickets(connection->ssl, list, list_len))
        return X509_V_ERR_OUT_OF_MEM;
    return X509_V_OK;
}

int eng_tls_peer_verify(X509_STORE_CTX *store, void *unused)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct eng_tls_connection *connection = eng_tls_connection_of(ssl);
    uint8_t *list;
    size_t list_len = 0;
    int error = X509_V_ERR_OUT_OF_MEM;

    (void)unused;
    list = connection == NULL ? NULL : malloc(connection->context->certificate_list_bytes);
    if (list != NULL) {
        if (append_all(X509_STORE_CTX_get0_untrusted(store), 0, list, &list_len,
                       connection->context->certificate_list_bytes)) {
            error = judge(connection, list, list_len);
        } else {
            error = X509_V_ERR_CERT_REJECTED;
            connection->fault = ENG_FAULT_CERTIFICATE_LIST_TOO_LARGE;
        }
    }
    free(list);
    X509_STORE_CTX_set_error(store, error);
    return error == X509_V_OK;
}

int eng_tls_peer_resume(const SSL *ssl, struct eng_tls_peer *peer, size_t most)
{
    X509 *leaf = SSL_get_peer_certificate(ssl);
    uint8_t *list;
    size_t list_len = 0;
    int done;

    if (leaf == NULL)
        return 1;
    list = malloc(most);
    done = list != NULL && append(leaf, list, &list_len, most) && take_from_ticket(ssl, list, &list_len, most) &&
           keep_list(peer, list, list_len);
    free(list);
    X509_free(leaf);
    return done;
}
