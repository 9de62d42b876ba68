"""The readable references of the cryptographic operations (stdlib and `cryptography`)."""
