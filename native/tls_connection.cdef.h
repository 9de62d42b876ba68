/* One TLS connection on a non-blocking descriptor; read by C (tls_connection.h) and by cffi (build.py), so nothing but
 * declarations.
 *
 * A step answers a count over 0, or one of enum eng_tls_answer: 0 closed, -1 want read, -2 want write, -3 failed. A
 * connection reads ahead: after a read, nothing may be left in the socket that wakes anybody, so read on while there is
 * more. After closed or failed only shutdown and close are allowed. No call leaves anything in libcrypto's error queue.
 */

struct eng_tls_connection;

/* NULL where memory is short. The descriptor stays the caller's, and must outlive the connection. */
struct eng_tls_connection *eng_tls_connection_open(struct eng_tls_context *context, int descriptor);

/* Wipes and frees; says nothing to the peer. NULL is allowed. */
void eng_tls_connection_close(struct eng_tls_connection *connection);

/* 1 when the handshake is done. now: seconds since 1970. When it has failed the peer has been sent its alert. A peer
 * that leaves, in whatever way, is a failed handshake. */
int eng_tls_connection_handshake(struct eng_tls_connection *connection, int64_t now);

/* Octets read into `data`, at most data_len (over 0). closed: the peer has ended, with close_notify or without. */
int eng_tls_connection_read(struct eng_tls_connection *connection, uint8_t *data, size_t data_len);

/* 1 where something was read ahead, be it less than a record. */
int eng_tls_connection_has_more(const struct eng_tls_connection *connection);

/* Octets taken of `data`, perhaps fewer than data_len (over 0). After want_write the same octets must be given again. */
int eng_tls_connection_write(struct eng_tls_connection *connection, const uint8_t *data, size_t data_len);

/* Says close_notify, where the handshake is done and nothing failed. closed: nothing more is to be sent. */
int eng_tls_connection_shutdown(struct eng_tls_connection *connection);

/* Why the handshake failed: enum eng_tls_fault. */
int eng_tls_connection_fault(const struct eng_tls_connection *connection);

/* After the handshake: 1 where it resumed a session by ticket. */
int eng_tls_connection_is_resumed(const struct eng_tls_connection *connection);

/* The name that the peer asked for (SNI, ASCII), or NULL. Valid until close. */
const char *eng_tls_connection_server_name(const struct eng_tls_connection *connection);

/* After the handshake: the certificates that the peer sent, as eng_chain_verify takes them, the leaf first; of a resumed
 * session, what it sent in the full handshake. They chain to an anchor of the context, and the peer has the leaf's key.
 * NULL where it has sent none. Valid until eng_tls_connection_forget or close. */
const uint8_t *eng_tls_connection_peer(const struct eng_tls_connection *connection, size_t *list_len);

/* Frees the list of peer: CONNECT is judged. */
void eng_tls_connection_forget(struct eng_tls_connection *connection);
