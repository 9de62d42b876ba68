"""CoAP: datagram to message and back (RFC 7252, 7959, 6690). Bytes in, bytes out."""
