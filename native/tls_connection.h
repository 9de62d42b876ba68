#ifndef ENG_TLS_CONNECTION_H
#define ENG_TLS_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "tls_context.h"

#include "tls_connection.cdef.h"

ENG_MUST_USE(eng_tls_connection_open);
ENG_MUST_USE(eng_tls_connection_handshake);
ENG_MUST_USE(eng_tls_connection_read);
ENG_MUST_USE(eng_tls_connection_has_more);
ENG_MUST_USE(eng_tls_connection_write);
ENG_MUST_USE(eng_tls_connection_shutdown);
ENG_MUST_USE(eng_tls_connection_fault);
ENG_MUST_USE(eng_tls_connection_is_resumed);
ENG_MUST_USE(eng_tls_connection_server_name);
ENG_MUST_USE(eng_tls_connection_peer);

enum eng_tls_answer { ENG_TLS_CLOSED = 0, ENG_TLS_WANT_READ = -1, ENG_TLS_WANT_WRITE = -2, ENG_TLS_FAILED = -3 };

#endif
