#ifndef ENG_TICKETS_H
#define ENG_TICKETS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "must_use.h"

#define ENG_TICKET_ROOT_BYTES 32

/* The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1), all of one root.
 *
 * A ticket is enciphered under a key of its own kind: of the hour, the listener, the name that was asked for, and the
 * anchor that the peer's certificates chain to. What that was stands, masked, in the ticket's key name. So a ticket of
 * another listener, of another name, of an anchor (or CRL of it) that the context no longer has, older than 24 hours or past the
 * end of its chain is one without a key, and a full handshake follows. A verdict on a chain is a function of the chain,
 * the anchor with its CRLs and the time (docs/chains.md): while these stand, it would be the same. */
struct eng_tickets;

/* NULL where memory is short. */
struct eng_tickets *eng_tickets_open(const uint8_t root[ENG_TICKET_ROOT_BYTES], const uint8_t *listener,
                                     size_t listener_len);
ENG_MUST_USE(eng_tickets_open);

/* Wipes and frees. NULL is allowed. */
void eng_tickets_close(struct eng_tickets *tickets);

/* Lets the library issue and take tickets. */
int eng_tickets_serve(SSL_CTX *library);
ENG_MUST_USE(eng_tickets_serve);

#endif
