/* Does a certificate chain to an anchor; read by C (chain.h) and by cffi (build.py), so nothing but declarations.
 *
 * The rules are docs/chains.md's and the reference's (engine/gate/reference/chain.py); the reasons are the numbers of
 * engine.gate.interface.ChainReason. Nothing here is shared between threads: a chain and its anchors are used by one
 * thread at a time.
 */

/* What may be remembered and tried; the fields of engine/limits.py. */
struct eng_chain_limits {
    size_t certificate_list_bytes, certificates, chain_signatures, certificates_remembered, chains_remembered;
};

/* reason 0: accepted, and the rest says by what and when; else the rest is zero. */
struct eng_chain_verdict {
    int reason;
    size_t anchor;
    uint8_t anchor_sha256[32];
    int64_t since, until;
};

struct eng_chain;
struct eng_anchors;

/* The tables of parsed certificates and of verified chains. NULL where memory is short. Close it with eng_chain_close;
 * anchors outlive it. */
struct eng_chain *eng_chain_open(const struct eng_chain_limits *limits);
void eng_chain_close(struct eng_chain *chain);

/* How many of them are remembered now. */
size_t eng_chain_certificates_remembered(const struct eng_chain *chain);
size_t eng_chain_chains_remembered(const struct eng_chain *chain);

/* A set of anchors: opened, filled in order, sealed, then only asked. A certificate that cannot be read is no anchor,
 * but keeps its place; a CRL (of the anchor added last) that cannot be read makes the anchor useless. 1 when done, 0
 * where memory is short. */
struct eng_anchors *eng_anchors_open(size_t count);
void eng_anchors_close(struct eng_anchors *anchors);
int eng_anchors_add(struct eng_anchors *anchors, struct eng_chain *chain, const uint8_t *der, size_t der_len);
int eng_anchors_add_crl(struct eng_anchors *anchors, const uint8_t *der, size_t der_len);
int eng_anchors_seal(struct eng_anchors *anchors);

/* list: certificates as TLS carries them (RFC 5246 section 7.4.2), 3 octets of length and DER, the leaf first. now:
 * seconds since 1970. profile: 0 PATH, 1 DEVICE. 1 when judged, 0 where memory is short: nothing was decided. */
int eng_chain_verify(struct eng_chain *chain, const struct eng_anchors *anchors, const uint8_t *list, size_t list_len,
                     int64_t now, int profile, struct eng_chain_verdict *verdict);
