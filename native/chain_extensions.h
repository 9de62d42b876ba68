#ifndef ENG_CHAIN_EXTENSIONS_H
#define ENG_CHAIN_EXTENSIONS_H

#include <openssl/x509.h>

#include "must_use.h"

/* 1 where an extension is one that libcrypto does not know, or can be read, exactly. */
int eng_extensions_is_readable(X509_EXTENSION *extension);
ENG_MUST_USE(eng_extensions_is_readable);

/* 1 where every extension that libcrypto knows can be read, stands there once, and holds what it should. */
int eng_extensions_are_readable(X509 *x509);
ENG_MUST_USE(eng_extensions_are_readable);

#endif
