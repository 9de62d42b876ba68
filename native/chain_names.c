/* The names of a certificate, before libcrypto compares them with name constraints: what it would take for something
 * else than it is, and what we refuse in a device's certificate. */
#include "chain_names.h"

#include <string.h>

#include <openssl/x509v3.h>

static int is_ascii(const ASN1_STRING *string)
{
    const uint8_t *data = ASN1_STRING_get0_data(string);

    for (int i = 0; i < ASN1_STRING_length(string); i++)
        if (data[i] > 0x7f)
            return 0;
    return 1;
}

static const uint8_t *find(const ASN1_STRING *string, uint8_t octet)
{
    size_t length = (size_t)ASN1_STRING_length(string);

    return length == 0 ? NULL : memchr(ASN1_STRING_get0_data(string), octet, length);
}

static int is_of_label(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* Labels of 1 to 63 letters, digits, - and _, with no - at an end; 253 in all (RFC 1034 section 3.5, RFC 2181 section 11). */
static int is_dns_name(const uint8_t *data, size_t length)
{
    size_t label = 0;

    for (size_t i = 0; i <= length; i++) {
        if (i == length || data[i] == '.') {
            if (label == 0 || label > 63 || data[i - 1] == '-')
                return 0;
            label = 0;
            continue;
        }
        if (!is_of_label(data[i]) || (label == 0 && data[i] == '-'))
            return 0;
        label++;
    }
    return length <= 253;
}

/* A constraint may also be empty, or begin with a dot. */
static int is_dns_constraint(const ASN1_STRING *base)
{
    const uint8_t *data = ASN1_STRING_get0_data(base);
    size_t length = (size_t)ASN1_STRING_length(base), dot = length > 0 && data[0] == '.';

    return length == 0 || is_dns_name(data + dot, length - dot);
}


/* scheme://host or scheme://host/path, and no further colon: beside a user or a port, or without a path, OpenSSL takes
 * more than the host for the host. */
static int is_plain_uri(const ASN1_STRING *uri)
{
    const uint8_t *at = ASN1_STRING_get0_data(uri), *end = at + ASN1_STRING_length(uri), *host;
    const uint8_t *colon = find(uri, ':'), *slash = find(uri, '/');

    if (colon == NULL || colon == at || (slash != NULL && slash < colon) || end - colon < 4 ||
        memcmp(colon, "://", 3) != 0)
        return 0;
    host = at = colon + 3;
    while (at < end && *at != '/')
        at++;
    return is_dns_name(host, (size_t)(at - host)) && (at == end || (*at == '/' && memchr(at, ':', (size_t)(end - at)) == NULL));
}

/* An address and a mask of ones, then zeros, where the address has zeros too. */
static int is_network(const uint8_t *address, size_t length)
{
    const uint8_t *mask = address + length / 2;
    int ended = 0;

    if (length != 8 && length != 32)
        return 0;
    for (size_t i = 0; i < 4 * length; i++) {
        int one = mask[i / 8] >> (7 - i % 8) & 1;

        if ((one && ended) || (!one && (address[i / 8] >> (7 - i % 8) & 1)))
            return 0;
        ended |= !one;
    }
    return 1;
}

int eng_names_are_text(const X509_NAME *name)
{
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        switch (ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)))) {
        case V_ASN1_UTF8STRING:
        case V_ASN1_NUMERICSTRING:
        case V_ASN1_PRINTABLESTRING:
        case V_ASN1_T61STRING:
        case V_ASN1_IA5STRING:
        case V_ASN1_VISIBLESTRING:
        case V_ASN1_UNIVERSALSTRING:
        case V_ASN1_BMPSTRING:
            break;
        default:
            return 0;
        }
    }
    return 1;
}

int eng_names_is_well_formed(const GENERAL_NAME *name, int in_constraint)
{
    const uint8_t *address;
    size_t length;

    switch (name->type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI:
        return is_ascii(name->d.ia5);
    case GEN_DIRNAME:
        return eng_names_are_text(name->d.directoryName);
    case GEN_IPADD:
        length = (size_t)ASN1_STRING_length(name->d.iPAddress);
        address = ASN1_STRING_get0_data(name->d.iPAddress);
        return in_constraint ? is_network(address, length) : length == 4 || length == 16;
    case GEN_X400:
    case GEN_EDIPARTY:
        return 0;
    default:
        return 1;
    }
}

static int read_name(const GENERAL_NAME *name, struct eng_certificate *certificate)
{
    if (!eng_names_is_well_formed(name, 0))
        return 0;
    if (name->type == GEN_DNS && find(name->d.dNSName, '*') != NULL)
        certificate->faults |= ENG_WILDCARD;
    /* A wildcard is no name of a host either (CVE-2025-61727). */
    if (name->type == GEN_DNS &&
        !is_dns_name(ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName)))
        certificate->unclear |= 1U << GEN_DNS;
    if (name->type == GEN_URI && !is_plain_uri(name->d.uniformResourceIdentifier))
        certificate->unclear |= 1U << GEN_URI;
    return 1;
}

static int read_subtrees(const STACK_OF(GENERAL_SUBTREE) *subtrees, struct eng_certificate *certificate)
{
    for (int i = 0; i < (int)sk_GENERAL_SUBTREE_num(subtrees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(subtrees, i)->base;

        if (!eng_names_is_well_formed(base, 1) || (base->type == GEN_DNS && find(base->d.dNSName, '*') != NULL))
            return 0;
        certificate->constrained |= 1U << base->type;
        if (base->type == GEN_DNS && !is_dns_constraint(base->d.dNSName))
            certificate->faults |= ENG_UNEVALUATED_CONSTRAINTS;
    }
    return 1;
}

/* The kinds that libcrypto and the reference both evaluate. */
#define EVALUATED (1U << GEN_DNS | 1U << GEN_EMAIL | 1U << GEN_URI | 1U << GEN_DIRNAME | 1U << GEN_IPADD)

int eng_names_read(struct eng_certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->x509, NID_subject_alt_name, NULL, NULL);
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(certificate->x509, NID_name_constraints, NULL, NULL);
    int good = 1;

    for (int i = 0; good && names != NULL && i < (int)sk_GENERAL_NAME_num(names); i++)
        good = read_name(sk_GENERAL_NAME_value(names, i), certificate);
    if (constraints != NULL) {
        certificate->faults |= ENG_HAS_NAME_CONSTRAINTS;
        /* A stack that is absent is NULL, and has -1 elements. */
        good = good && (constraints->permittedSubtrees != NULL || constraints->excludedSubtrees != NULL) &&
               read_subtrees(constraints->permittedSubtrees, certificate) &&
               read_subtrees(constraints->excludedSubtrees, certificate);
        if ((certificate->constrained & ~EVALUATED) != 0)
            certificate->faults |= ENG_UNEVALUATED_CONSTRAINTS;
    }
    GENERAL_NAMES_free(names);
    NAME_CONSTRAINTS_free(constraints);
    return good;
}
