#include "chain_certificate.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "chain_der.h"
#include "chain_extensions.h"
#include "chain_names.h"
#include "library.h"

/* 20 octets of a positive INTEGER hold 159 bits (RFC 5280 section 4.1.2.2). */
static int is_serial_number(const ASN1_INTEGER *serial)
{
    const uint8_t *data = ASN1_STRING_get0_data(serial);
    int length = ASN1_STRING_length(serial);

    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || length == 0 || (length == 1 && data[0] == 0))
        return 0;
    return length < 20 || (length == 20 && data[0] < 0x80);
}

/* A key is whole octets. */
static int is_known_key(const X509 *x509)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x509);

    return X509_get0_pubkey(x509) != NULL && bits != NULL && (bits->flags & 7) == 0;
}

/* RSA of 2048 to 8192 bits, P-256, P-384, P-521, Ed25519. The curve is read where it is written, because asking the key
 * for it takes functions that one library has and another has not. */
static int is_strong_key(const X509 *x509)
{
    X509_PUBKEY *info = X509_get_X509_PUBKEY(x509);
    EVP_PKEY *key = X509_PUBKEY_get0(info);
    ASN1_OBJECT *kind;
    X509_ALGOR *algorithm;
    const ASN1_OBJECT *curve;
    const void *parameter;
    int type;

    if (key == NULL || X509_PUBKEY_get0_param(&kind, NULL, NULL, &algorithm, info) != 1)
        return 0;
    switch (OBJ_obj2nid(kind)) {
    case NID_rsaEncryption:
        return EVP_PKEY_bits(key) >= 2048 && EVP_PKEY_bits(key) <= 8192;
    case NID_X9_62_id_ecPublicKey:
        X509_ALGOR_get0(NULL, &type, &parameter, algorithm);
        curve = parameter;
        return type == V_ASN1_OBJECT && (OBJ_obj2nid(curve) == NID_X9_62_prime256v1 ||
                                         OBJ_obj2nid(curve) == NID_secp384r1 || OBJ_obj2nid(curve) == NID_secp521r1);
    case NID_ED25519:
        return 1;
    default:
        return 0;
    }
}

int eng_certificate_is_strong(int signature_nid)
{
    switch (signature_nid) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_ED25519:
        return 1;
    default:
        return 0;
    }
}

/* What may be critical. Policies are off (CVE-2023-0464), so nothing that demands one is here; nor is a proxy
 * certificate's extension, critical or not. */
static int is_evaluated(int nid, int critical)
{
    switch (nid) {
    case NID_key_usage:
    case NID_ext_key_usage:
    case NID_basic_constraints:
    case NID_name_constraints:
    case NID_subject_alt_name:
        return 1;
    case NID_proxyCertInfo:
        return 0;
    default:
        return !critical;
    }
}

/* Is there a critical extension that nobody here evaluates? */
static unsigned int extension_faults(X509 *x509)
{
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);

        if (!is_evaluated(OBJ_obj2nid(X509_EXTENSION_get_object(extension)), X509_EXTENSION_get_critical(extension)))
            return ENG_UNEVALUATED_CRITICAL;
    }
    return 0;
}

int eng_certificate_may_issue(const struct eng_certificate *issuer, const struct eng_certificate *subject)
{
    switch (X509_check_issued(issuer->x509, subject->x509)) {
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
        return 0;
    default:
        return 1;
    }
}

/* 0 where what libcrypto made of the extensions makes no sense. */
static int read_flags(struct eng_certificate *certificate)
{
    X509 *x509 = certificate->x509;
    uint32_t flags = X509_get_extension_flags(x509), usage = X509_get_key_usage(x509);
    unsigned int faults = 0;

    certificate->path_length = X509_get_pathlen(x509);
    if ((flags & EXFLAG_INVALID) != 0 || (certificate->path_length >= 0 && (flags & EXFLAG_CA) == 0))
        return 0;
    faults |= (flags & EXFLAG_CA) == 0 ? ENG_CA_FALSE : 0U;
    faults |= (flags & EXFLAG_SI) != 0 ? ENG_SELF_ISSUED : 0U;
    faults |= eng_certificate_may_issue(certificate, certificate) ? ENG_SELF_SIGNED : 0U;
    /* Absent usages read as all ones. */
    faults |= (usage & KU_KEY_CERT_SIGN) == 0 ? ENG_NO_KEY_CERT_SIGN : 0U;
    faults |= (usage & KU_CRL_SIGN) == 0 ? ENG_NO_CRL_SIGN : 0U;
    faults |= (usage & KU_DIGITAL_SIGNATURE) == 0 ? ENG_NO_DIGITAL_SIGNATURE : 0U;
    faults |= (flags & EXFLAG_XKUSAGE) == 0 ? ENG_NO_EXTENDED_KEY_USAGE : 0U;
    faults |= (X509_get_extended_key_usage(x509) & XKU_SSL_CLIENT) == 0 ? ENG_NO_CLIENT_AUTH : 0U;
    certificate->faults |= faults;
    return 1;
}

/* 0 where it is no certificate that we read: version 1 or 3 (0 or 2 on the wire), times, extensions. */
static int read_fields(struct eng_certificate *certificate)
{
    X509 *x509 = certificate->x509;
    long version = X509_get_version(x509);

    if (version != 0 && version != 2)
        return 0;
    certificate->faults |= version != 2 ? ENG_NOT_V3 : 0U;
    certificate->faults |= !is_serial_number(X509_get0_serialNumber(x509)) ? ENG_SERIAL : 0U;
    certificate->faults |= X509_NAME_entry_count(X509_get_subject_name(x509)) == 0 ? ENG_NO_SUBJECT : 0U;
    certificate->faults |= !is_known_key(x509) ? ENG_KEY_UNKNOWN : 0U;
    certificate->faults |= !is_strong_key(x509) ? ENG_KEY_TOO_WEAK : 0U;
    certificate->faults |= !eng_certificate_is_strong(X509_get_signature_nid(x509)) ? ENG_SIGNATURE_TOO_WEAK : 0U;
    certificate->faults |= extension_faults(x509);
    return eng_certificate_seconds(X509_get0_notBefore(x509), &certificate->not_before) &&
           eng_certificate_seconds(X509_get0_notAfter(x509), &certificate->not_after) &&
           eng_extensions_are_readable(x509) && read_flags(certificate) && eng_names_read(certificate);
}

int eng_certificate_seconds(const ASN1_TIME *time, int64_t *seconds)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days, rest, done;

    done = epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, time) == 1;
    if (done)
        *seconds = (int64_t)days * 86400 + rest;
    ASN1_TIME_free(epoch);
    return done;
}

/* [0] INTEGER 0: version 1, which DER leaves out. */
static const uint8_t VERSION_1[] = {0xa0, 3, 2, 1, 0};

enum eng_read eng_certificate_read(const uint8_t *der, size_t der_len, const uint8_t sha256[ENG_DIGEST_BYTES],
                                   struct eng_certificate **certificate)
{
    const uint8_t *at = der;
    struct eng_certificate *read;

    if (!eng_der_check(der, der_len) || eng_der_body_begins(der, der_len, VERSION_1, sizeof VERSION_1))
        return ENG_NOT_READ;
    read = calloc(1, sizeof *read);
    if (read == NULL)
        return ENG_NO_MEMORY;
    read->references = 1;
    memcpy(read->sha256, sha256, ENG_DIGEST_BYTES);
    read->x509 = eng_library_certificate(&at, der_len);
    if (read->x509 == NULL || at != der + der_len || !read_fields(read)) {
        eng_certificate_release(read);
        return ENG_NOT_READ;
    }
    *certificate = read;
    return ENG_READ;
}

struct eng_certificate *eng_certificate_share(struct eng_certificate *certificate)
{
    certificate->references++;
    return certificate;
}

void eng_certificate_release(struct eng_certificate *certificate)
{
    if (certificate == NULL || --certificate->references > 0)
        return;
    X509_free(certificate->x509);
    free(certificate);
}
