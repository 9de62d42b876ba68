/* Extensions that no verdict depends on. libcrypto leaves them alone; the reference's parser reads all that it knows, and a
 * certificate whose extensions are broken is not one that we read. */
#include "chain_extensions.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include "chain_der.h"
#include "chain_names.h"

/* What was read, written again: libcrypto reads more ways to write it than DER has. */
static int is_written_alike(const void *read, const ASN1_ITEM *kind, const ASN1_OCTET_STRING *value)
{
    uint8_t *written = NULL;
    int length = ASN1_item_i2d((ASN1_VALUE *)read, &written, kind), alike;

    alike = length == ASN1_STRING_length(value) && memcmp(written, ASN1_STRING_get0_data(value), (size_t)length) == 0;
    OPENSSL_free(written);
    return alike;
}

int eng_extensions_is_readable(X509_EXTENSION *extension)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const X509V3_EXT_METHOD *method = X509V3_EXT_get(extension);
    void *read;
    int good;

    if (method == NULL)
        return 1;
    read = eng_der_check(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)) ? X509V3_EXT_d2i(extension)
                                                                                        : NULL;
    if (read == NULL)
        return 0;
    if (method->it == NULL) {
        method->ext_free(read);
        return 1;
    }
    good = is_written_alike(read, ASN1_ITEM_ptr(method->it), value);
    ASN1_item_free(read, ASN1_ITEM_ptr(method->it));
    return good;
}

static int are_names(const GENERAL_NAMES *names)
{
    for (int i = 0; names != NULL && i < (int)sk_GENERAL_NAME_num(names); i++)
        if (!eng_names_is_well_formed(sk_GENERAL_NAME_value(names, i), 0))
            return 0;
    return 1;
}

/* RFC 5280 section 4.2.1.4 knows two qualifiers; so does the reference's parser. */
static int are_policies(const CERTIFICATEPOLICIES *policies)
{
    for (int i = 0; policies != NULL && i < (int)sk_POLICYINFO_num(policies); i++) {
        const STACK_OF(POLICYQUALINFO) *qualifiers = sk_POLICYINFO_value(policies, i)->qualifiers;

        for (int j = 0; qualifiers != NULL && j < (int)sk_POLICYQUALINFO_num(qualifiers); j++) {
            int kind = OBJ_obj2nid(sk_POLICYQUALINFO_value(qualifiers, j)->pqualid);

            if (kind != NID_id_qt_cps && kind != NID_id_qt_unotice)
                return 0;
        }
    }
    return 1;
}

static int are_access_descriptions(const AUTHORITY_INFO_ACCESS *descriptions)
{
    for (int i = 0; descriptions != NULL && i < (int)sk_ACCESS_DESCRIPTION_num(descriptions); i++)
        if (!eng_names_is_well_formed(sk_ACCESS_DESCRIPTION_value(descriptions, i)->location, 0))
            return 0;
    return 1;
}

static int are_distribution_points(const CRL_DIST_POINTS *points)
{
    for (int i = 0; points != NULL && i < (int)sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);

        if (!are_names(point->CRLissuer))
            return 0;
        if (point->distpoint != NULL && point->distpoint->type == 0 && !are_names(point->distpoint->name.fullname))
            return 0;
    }
    return 1;
}

static int have_good_content(const X509 *x509)
{
    CERTIFICATEPOLICIES *policies = X509_get_ext_d2i(x509, NID_certificate_policies, NULL, NULL);
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
    CRL_DIST_POINTS *points = X509_get_ext_d2i(x509, NID_crl_distribution_points, NULL, NULL);
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_issuer_alt_name, NULL, NULL);
    AUTHORITY_KEYID *identifier = X509_get_ext_d2i(x509, NID_authority_key_identifier, NULL, NULL);
    int good;

    good = are_policies(policies) && are_access_descriptions(access) && are_distribution_points(points) &&
           are_names(names) && (identifier == NULL || are_names(identifier->issuer));
    CERTIFICATEPOLICIES_free(policies);
    AUTHORITY_INFO_ACCESS_free(access);
    CRL_DIST_POINTS_free(points);
    GENERAL_NAMES_free(names);
    AUTHORITY_KEYID_free(identifier);
    return good;
}

int eng_extensions_are_readable(X509 *x509)
{
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);

        if (X509_get_ext_by_OBJ(x509, X509_EXTENSION_get_object(extension), i) >= 0 || !eng_extensions_is_readable(extension))
            return 0;
    }
    return eng_names_are_text(X509_get_subject_name(x509)) && eng_names_are_text(X509_get_issuer_name(x509)) &&
           have_good_content(x509);
}
