#include "library.h"

#include <openssl/crypto.h>

const char *eng_library_version(void) { return OpenSSL_version(OPENSSL_VERSION); }
