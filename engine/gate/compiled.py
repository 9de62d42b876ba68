"""The boundary to native/: check lengths, call, map what comes back. The only module that imports engine.gate._native.

Types are checked by cffi itself: a `const uint8_t *` takes bytes and refuses str, bytearray, int and None (TypeError).
Lengths come from the same object as the pointer, so that they cannot disagree.
"""

import hashlib
from pathlib import Path

from engine.gate import _native

try:
    _eng_secret_verify = _native.lib.eng_secret_verify
except AttributeError as fault:
    raise ImportError(f"the native module is older than its sources: {fault}") from None


def verify_secret(password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int:
    """The native twin of reference/secret.py (gate.interface.VerifySecret)."""
    return _eng_secret_verify(
        password, len(password), stamp, len(stamp), primary, len(primary), secondary, len(secondary)
    )


def library_version() -> str:
    """The OpenSSL-compatible library linked, in its own words: "OpenSSL 3.0.19 27 Jan 2026"."""
    return _native.ffi.string(_native.lib.eng_library_version()).decode("ascii", "replace")


def module_digest() -> str:
    """SHA-256 of the module's file, 64 hex digits: which build this is."""
    return hashlib.sha256(Path(_native.__file__).read_bytes()).hexdigest()
