#include "tls_fault.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

enum eng_tls_fault eng_tls_fault_of_alert(int description)
{
    switch (description) {
    case SSL_AD_BAD_CERTIFICATE:
        return ENG_FAULT_BAD_CERTIFICATE;
    case SSL_AD_CERTIFICATE_EXPIRED:
        return ENG_FAULT_CERTIFICATE_EXPIRED;
    case SSL_AD_CERTIFICATE_REVOKED:
        return ENG_FAULT_CERTIFICATE_REVOKED;
    case SSL_AD_DECRYPT_ERROR:
        return ENG_FAULT_DECRYPT_ERROR;
    case SSL_AD_HANDSHAKE_FAILURE:
        return ENG_FAULT_HANDSHAKE_FAILURE;
    case SSL_AD_PROTOCOL_VERSION:
        return ENG_FAULT_PROTOCOL_VERSION;
    case SSL_AD_UNKNOWN_CA:
        return ENG_FAULT_UNKNOWN_CA;
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return ENG_FAULT_UNSUPPORTED_CERTIFICATE;
    default:
        return ENG_FAULT_OTHER;
    }
}

/* Only codes whose alert is the same in both: of what is not yet valid, and of most else, one says bad_certificate and the
 * other something of its own. The reference front's alerts are the measure. */
int eng_tls_verify_error(enum eng_chain_reason reason)
{
    switch (reason) {
    case ENG_CHAIN_GOOD:
        return X509_V_OK;
    case ENG_UNKNOWN_CA:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case ENG_NOT_A_CA:
        return X509_V_ERR_INVALID_CA;
    case ENG_PATH_LENGTH:
        return X509_V_ERR_PATH_LENGTH_EXCEEDED;
    case ENG_KEY_USAGE:
    case ENG_EXTENDED_KEY_USAGE:
        return X509_V_ERR_INVALID_PURPOSE;
    case ENG_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case ENG_BAD_SIGNATURE:
        return X509_V_ERR_CERT_SIGNATURE_FAILURE;
    case ENG_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    default:
        return X509_V_ERR_CERT_REJECTED;
    }
}
