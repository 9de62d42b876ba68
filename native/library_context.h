#ifndef ENG_LIBRARY_CONTEXT_H
#define ENG_LIBRARY_CONTEXT_H

#include <openssl/crypto.h>

#include "must_use.h"

#ifndef OPENSSL_IS_AWSLC

/* OpenSSL's default provider with fewer ciphers and decoders, one for the process: for TLS and the certificates of
 * devices. NULL, which is OpenSSL's own context, in versions other than 3.0 and 3.1, and where another provider is at
 * work than the default one, FIPS is asked for, or a method of ours is missing. */
OSSL_LIB_CTX *eng_library_context(void);

ENG_MUST_USE(eng_library_context);

#endif

#endif
