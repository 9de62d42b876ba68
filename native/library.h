#ifndef ENG_LIBRARY_H
#define ENG_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "library.cdef.h"
#include "must_use.h"

/* What OpenSSL looks up for these comes from eng_library_context; elsewhere they are the library's own two functions. */

/* SSL_CTX_new for a server. */
SSL_CTX *eng_library_server(void);

/* d2i_X509: the certificate at *at, which is moved behind it, or NULL. */
X509 *eng_library_certificate(const uint8_t **at, size_t der_len);

ENG_MUST_USE(eng_library_version);
ENG_MUST_USE(eng_library_server);
ENG_MUST_USE(eng_library_certificate);

#endif
