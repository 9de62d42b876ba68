#ifndef ENG_TLS_FAULT_H
#define ENG_TLS_FAULT_H

#include "chain.h"
#include "must_use.h"

/* engine.gate.compiled_tls.FAULTS, in its order: the values of engine.observe.handshake.HandshakeFault. */
enum eng_tls_fault {
    ENG_FAULT_NONE,
    ENG_FAULT_BAD_CERTIFICATE,
    ENG_FAULT_CERTIFICATE_EXPIRED,
    ENG_FAULT_CERTIFICATE_REVOKED,
    ENG_FAULT_DECRYPT_ERROR,
    ENG_FAULT_HANDSHAKE_FAILURE,
    ENG_FAULT_PROTOCOL_VERSION,
    ENG_FAULT_UNKNOWN_CA,
    ENG_FAULT_UNSUPPORTED_CERTIFICATE,
    ENG_FAULT_ALERT_RECEIVED,
    ENG_FAULT_CERTIFICATE_LIST_TOO_LARGE,
    ENG_FAULT_HANDSHAKE_TOO_LARGE,
    ENG_FAULT_NOT_TLS,
    ENG_FAULT_OTHER,
    ENG_FAULT_PEER_GONE,
    /* of a PROXY header, which goes before TLS */
    ENG_FAULT_FORBIDDEN_BY_BALANCER,
    ENG_FAULT_NOT_PROXIED,
    ENG_FAULT_UNTRUSTED_BALANCER
};

/* What the fatal alert that we sent stands for. */
enum eng_tls_fault eng_tls_fault_of_alert(int description);
ENG_MUST_USE(eng_tls_fault_of_alert);

/* The X509_V_ERR by which both libraries send the alert that this refusal of a chain deserves. */
int eng_tls_verify_error(enum eng_chain_reason reason);
ENG_MUST_USE(eng_tls_verify_error);

#endif
