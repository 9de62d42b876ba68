"""The reference of `verify_secret`: the standard library alone, and the known answers that any twin must give."""

import binascii
import hmac
import importlib

from engine.gate.interface import KnownAnswer, Operation, VerifySecret

_HEX_DIGITS = b"0123456789abcdef"


def verify_secret(password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int:
    """Which of two secrets `password` proves, as a bit mask (gate.interface.VerifySecret).

    The password is decoded, not the MACs encoded: `hex` looks each half byte up in a table, and the password is the
    peer's own to know. A password that is no lower-case hex of the right length does the same work and proves nothing.
    """
    well_formed = len(password) == 64 and not password.strip(_HEX_DIGITS)
    presented = binascii.a2b_hex(password) if well_formed else bytes(32)
    proves_primary = hmac.compare_digest(hmac.digest(stamp, primary, "sha256"), presented)
    proves_secondary = hmac.compare_digest(hmac.digest(stamp, secondary, "sha256"), presented)
    return well_formed * (proves_primary | proves_secondary << 1)


def _native() -> VerifySecret:
    """The compiled twin. ImportError where the module was not built."""
    twin: VerifySecret = importlib.import_module("engine.gate.compiled").verify_secret
    return twin


_STAMP = b"2025041401"
# The vector that the service publishes (mqtt-device.md C.1).
_SECRET, _PASSWORD = b"12345678", b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"
_OTHER = b"87654321"
# RFC 4231 section 4.7, test case 6: a key longer than a block.
_LONG_KEY, _LONG_KEY_TEXT = b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"
_LONG_KEY_PASSWORD = b"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
# HMAC-SHA256 of nothing under nothing.
_EMPTY_PASSWORD = b"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"

VERIFY_SECRET: Operation[VerifySecret] = Operation(
    name="verify_secret",
    reference=verify_secret,
    native=_native,
    known_answers=(
        KnownAnswer((_PASSWORD, _STAMP, _SECRET, _OTHER), 1),
        KnownAnswer((_PASSWORD, _STAMP, _OTHER, _SECRET), 2),
        KnownAnswer((_PASSWORD, _STAMP, _SECRET, _SECRET), 3),
        KnownAnswer((_PASSWORD, _STAMP, _OTHER, _OTHER), 0),
        KnownAnswer((_PASSWORD, b"2025041402", _SECRET, _SECRET), 0),
        KnownAnswer((_PASSWORD, _SECRET, _STAMP, _STAMP), 0),
        KnownAnswer((_PASSWORD.upper(), _STAMP, _SECRET, _SECRET), 0),
        KnownAnswer((_PASSWORD[:-1], _STAMP, _SECRET, _SECRET), 0),
        KnownAnswer((_PASSWORD[:-1] + b"b", _STAMP, _SECRET, _SECRET), 0),
        KnownAnswer((_PASSWORD + b"0", _STAMP, _SECRET, _SECRET), 0),
        KnownAnswer((_PASSWORD, _STAMP, _SECRET + b"\0", _SECRET + b"\0"), 0),
        KnownAnswer((b"", _STAMP, _SECRET, _SECRET), 0),
        KnownAnswer((b"", b"", b"", b""), 0),
        KnownAnswer((_EMPTY_PASSWORD, b"", b"", b"\0"), 1),
        KnownAnswer((_LONG_KEY_PASSWORD, _LONG_KEY, _LONG_KEY_TEXT, _SECRET), 1),
    ),
)
