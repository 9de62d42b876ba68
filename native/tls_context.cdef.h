/* The server's side of TLS for the MQTT fronts; read by C (tls_context.h) and by cffi (build.py), so nothing but
 * declarations. What engine/listeners/platform_tls.py says is the definition; docs/operations.md names the differences.
 *
 * A context is used by one thread at a time, with its chain tables and its connections.
 */

/* certificate: the server's and its intermediates, key: its private key, both PEM. listener: its name, which tickets are
 * bound to. ticket_root: 32 octets that never change, or NULL for no tickets at all. The bounds are those of
 * engine/limits.py. Nothing of this is needed after the call, but for `chain`, which must outlive context and
 * connections. */
struct eng_tls_settings {
    const uint8_t *certificate, *key, *listener, *ticket_root;
    size_t certificate_len, key_len, listener_len;
    size_t certificate_list_bytes, handshake_bytes;
    struct eng_chain *chain;
};

struct eng_tls_context;

/* 0 when opened, else why not (enum eng_tls_refusal), and *context is NULL. `anchors`: the verified device CAs of all
 * projects, sealed. They are the context's from then on, when it was opened, and are closed by it. */
int eng_tls_context_open(const struct eng_tls_settings *settings, struct eng_anchors *anchors,
                         struct eng_tls_context **context);

/* The owner needs it no more: no new connection. Those that are open go on; the last one to close frees it. */
void eng_tls_context_close(struct eng_tls_context *context);

/* Connections that are open on it. */
size_t eng_tls_context_connections(const struct eng_tls_context *context);
