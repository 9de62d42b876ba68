#ifndef ENG_TLS_CONTEXT_H
#define ENG_TLS_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "chain.h"
#include "must_use.h"
#include "tls_context.cdef.h"

ENG_MUST_USE(eng_tls_context_open);
ENG_MUST_USE(eng_tls_context_connections);

/* Why a context was not opened; engine.gate.compiled_tls._REFUSALS has the words. */
enum eng_tls_refusal {
    ENG_TLS_OPENED,
    ENG_TLS_NO_MEMORY,
    ENG_TLS_NO_CERTIFICATE, /* no PEM certificate, or one that the library refuses */
    ENG_TLS_NO_KEY,         /* no PEM private key */
    ENG_TLS_KEY_ENCRYPTED,
    ENG_TLS_OTHER_KEY       /* the key is not the certificate's */
};

#endif
