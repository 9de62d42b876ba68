/* The PROXY protocol, versions 1 and 2: whom a balancer speaks for; read by C (proxy_header.h) and by cffi (build.py), so
 * nothing but declarations. The definition is engine/framing/proxy.py. */

/* Pointers lie in the caller's buffer; NULL and 0: absent. What is_local or family leave unread is zero. */
struct eng_proxy_header {
    size_t length;                    /* bytes of the whole header */
    uint8_t is_local;                 /* the balancer speaks for itself (a health check) */
    uint8_t family;                   /* 4, 6; 0: no IP addresses, the connection's own are meant */
    uint8_t source[16], destination[16]; /* of IPv4 the first 4 bytes */
    uint16_t source_port, destination_port;
    uint8_t has_ssl, ssl_client;      /* PP2_TYPE_SSL and its client flags */
    uint32_t ssl_verify;              /* 0: the client's certificate was verified */
    const uint8_t *common_name, *authority, *alpn;
    size_t common_name_len, authority_len, alpn_len;
};

/* The header that data begins with. maximum: bytes of one of version 2. 0: more bytes are needed. 1: whole. 2: malformed, as
 * soon as the bytes can be the beginning of no header that is allowed here. header is written for 1 only. */
int eng_proxy_header_read(const uint8_t *data, size_t data_len, size_t maximum, struct eng_proxy_header *header);
