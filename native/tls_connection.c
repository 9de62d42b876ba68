/* One TLS connection: the handshake, its end or its fault, and what passes afterwards. */
#include "tls_connection.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "tls_internal.h"

struct eng_tls_connection *eng_tls_connection_of(const SSL *ssl) { return ssl == NULL ? NULL : SSL_get_app_data(ssl); }

/* 1 when done; what is half done, close undoes. */
static int attach(struct eng_tls_connection *connection)
{
    BIO *bio = BIO_new(connection->context->socket_method);

    connection->ssl = SSL_new(connection->context->library);
    if (bio == NULL || connection->ssl == NULL || SSL_set_app_data(connection->ssl, connection) != 1) {
        BIO_free(bio);
        return 0;
    }
    BIO_set_data(bio, &connection->socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(connection->ssl, bio, bio);
    SSL_set_accept_state(connection->ssl);
    return 1;
}

struct eng_tls_connection *eng_tls_connection_open(struct eng_tls_context *context, int descriptor)
{
    struct eng_tls_connection *connection = calloc(1, sizeof *connection);

    if (connection == NULL)
        return NULL;
    connection->context = context;
    connection->socket = (struct eng_tls_socket){.descriptor = descriptor, .budget = context->handshake_bytes};
    connection->peer.until = INT64_MAX;
    connection->alert_sent = connection->alert_received = -1;
    connection->is_shaking = 1;
    eng_tls_context_begin(context);
    if (attach(connection))
        return connection;
    eng_tls_connection_close(connection);
    return NULL;
}

static void end_handshake(struct eng_tls_connection *connection)
{
    if (!connection->is_shaking)
        return;
    connection->is_shaking = 0;
    connection->socket.budget = SIZE_MAX;
    eng_tls_context_end_handshake(connection->context);
}

void eng_tls_connection_forget(struct eng_tls_connection *connection)
{
    free(connection->peer.list);
    connection->peer.list = NULL;
    connection->peer.list_len = 0;
}

void eng_tls_connection_close(struct eng_tls_connection *connection)
{
    if (connection == NULL)
        return;
    end_handshake(connection);
    eng_tls_connection_forget(connection);
    SSL_free(connection->ssl);
    eng_tls_socket_close(&connection->socket);
    eng_tls_context_end(connection->context);
    free(connection);
    ERR_clear_error();
}

/* What a call of libssl that did not answer a count means. */
static int answer_of(struct eng_tls_connection *connection, int result)
{
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return ENG_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return ENG_TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return ENG_TLS_CLOSED;
    default:
        return connection->socket.is_gone ? ENG_TLS_CLOSED : ENG_TLS_FAILED;
    }
}

static int is_among(int reason, const int *reasons, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (reason == reasons[i])
            return 1;
    return 0;
}

/* While libcrypto's queue still says why. */
static enum eng_tls_fault fault_of(const struct eng_tls_connection *connection)
{
    static const int not_tls[] = {SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER};
    int reason = ERR_GET_REASON(ERR_peek_error());

    if (connection->fault != ENG_FAULT_NONE)
        return connection->fault;
    if (connection->socket.is_over_budget)
        return ENG_FAULT_HANDSHAKE_TOO_LARGE;
    if (connection->alert_received >= 0)
        return ENG_FAULT_ALERT_RECEIVED;
    if (is_among(reason, not_tls, sizeof not_tls / sizeof *not_tls))
        return ENG_FAULT_NOT_TLS;
    /* What announces more than it may: ClientHello, or the certificates, for which the peer has to wait for our answer. */
    if (reason == SSL_R_EXCESSIVE_MESSAGE_SIZE)
        return connection->socket.has_answered ? ENG_FAULT_CERTIFICATE_LIST_TOO_LARGE : ENG_FAULT_HANDSHAKE_TOO_LARGE;
    if (connection->alert_sent >= 0)
        return eng_tls_fault_of_alert(connection->alert_sent);
    return connection->socket.is_gone ? ENG_FAULT_PEER_GONE : ENG_FAULT_OTHER;
}

static int fail(struct eng_tls_connection *connection, enum eng_tls_fault fault)
{
    connection->fault = fault;
    end_handshake(connection);
    ERR_clear_error();
    return ENG_TLS_FAILED;
}

int eng_tls_connection_handshake(struct eng_tls_connection *connection, int64_t now)
{
    int result, answer;

    connection->now = now;
    ERR_clear_error();
    result = SSL_do_handshake(connection->ssl);
    if (result != 1) {
        answer = answer_of(connection, result);
        if (answer == ENG_TLS_WANT_READ || answer == ENG_TLS_WANT_WRITE)
            return answer;
        return fail(connection, fault_of(connection));
    }
    if (eng_tls_connection_is_resumed(connection) &&
        !eng_tls_peer_resume(connection->ssl, &connection->peer, connection->context->certificate_list_bytes))
        return fail(connection, ENG_FAULT_OTHER);
    end_handshake(connection);
    return 1;
}

/* A count, or the answer; nothing is left in the queue, where only a failure puts something. */
static int answer(struct eng_tls_connection *connection, int result)
{
    if (result > 0)
        return result;
    result = answer_of(connection, result);
    ERR_clear_error();
    return result;
}

static int clamp(size_t length) { return length > INT32_MAX ? INT32_MAX : (int)length; }

int eng_tls_connection_read(struct eng_tls_connection *connection, uint8_t *data, size_t data_len)
{
    ERR_clear_error();
    return answer(connection, SSL_read(connection->ssl, data, clamp(data_len)));
}

int eng_tls_connection_has_more(const struct eng_tls_connection *connection)
{
    return connection->socket.ahead_len > 0 || SSL_has_pending(connection->ssl);
}

int eng_tls_connection_write(struct eng_tls_connection *connection, const uint8_t *data, size_t data_len)
{
    ERR_clear_error();
    return answer(connection, SSL_write(connection->ssl, data, clamp(data_len)));
}

int eng_tls_connection_shutdown(struct eng_tls_connection *connection)
{
    int result;

    if (connection->is_shaking || connection->fault != ENG_FAULT_NONE || connection->socket.is_gone)
        return ENG_TLS_CLOSED;
    ERR_clear_error();
    result = SSL_shutdown(connection->ssl); /* the peer's close_notify is not waited for */
    result = result >= 0 ? ENG_TLS_CLOSED : answer_of(connection, result);
    ERR_clear_error();
    return result == ENG_TLS_WANT_WRITE ? ENG_TLS_WANT_WRITE : ENG_TLS_CLOSED;
}

int eng_tls_connection_fault(const struct eng_tls_connection *connection) { return (int)connection->fault; }

int eng_tls_connection_is_resumed(const struct eng_tls_connection *connection)
{
    return SSL_session_reused(connection->ssl);
}

const char *eng_tls_connection_server_name(const struct eng_tls_connection *connection)
{
    return SSL_get_servername(connection->ssl, TLSEXT_NAMETYPE_host_name);
}

const uint8_t *eng_tls_connection_peer(const struct eng_tls_connection *connection, size_t *list_len)
{
    *list_len = connection->peer.list_len;
    return connection->peer.list;
}
