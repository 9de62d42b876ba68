"""The chains that `verify_chain` proves itself with at start, and what the gate measures with.

Made once with tests/helpers/chains.py (P-256, valid from 2026-01-01 to 2049-09-23); nobody has the keys.
"""

import base64
import hashlib

from engine.gate.interface import AcceptedChain, Anchor, AnchorSet, ChainProfile, ChainReason, KnownAnswer, RefusedChain

_ROOT = base64.b64decode(
    "MIIBQjCB6aADAgECAhQri/wpdK0OUqFYMrfZraH0C4iqrTAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARyb290MB4XDTI2MDEwMTAwMDAwMFoXDT"
    "Q5MDkyMzAwMDAwMFowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKCm8V6NwAEEW1GHGIawKnAJlWivtfh/l6g5"
    "GLFE5bjw8R5hrTsZ/dNe+8//UdX9V6qaCli13lFtiBH3JgoKsy+jIzAhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM"
    "49BAMCA0gAMEUCIAwxKRFIXh3RRPAazYvueQ9UJZ82hgHlV8XgOy36cnjlAiEA8b26Sw48/+2jCOLBOAap8MzBUJgH69DljWSSzLV4q+w="
)
_INTERMEDIATE = base64.b64decode(
    "MIIBSjCB8aADAgECAhR7xmfyzgxeoz8TQY5aXxoyHyT5SzAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARyb290MB4XDTI2MDEwMTAwMDAwMFoXDT"
    "Q5MDkyMzAwMDAwMFowFzEVMBMGA1UEAwwMaW50ZXJtZWRpYXRlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd7NTGc4MnUASONMVf91PCqum"
    "hKIF33Y7CKvZ7uCqX8wCEP04cleHJx8pekL+dX7m6dM/8rsMpzJRLyFLFYoRvKMjMCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQ"
    "YwCgYIKoZIzj0EAwIDSAAwRQIhAJl2bqNtaRjrDHWwEhG+xIstTrysZ/QMiE5pZ4Jw1KXFAiAwCauDQueW9MgD0sURCtYRaoVzB9YWhJVaUm5P"
    "pdQugg=="
)
_DEVICE = base64.b64decode(
    "MIIBUTCB96ADAgECAhRCBHgTr+2NNTw/lSkbkhxUfJRluzAKBggqhkjOPQQDAjAXMRUwEwYDVQQDDAxpbnRlcm1lZGlhdGUwHhcNMjYwMTAxMD"
    "AwMDAwWhcNNDkwOTIzMDAwMDAwWjARMQ8wDQYDVQQDDAZkZXZpY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATqhcoVonLxUHN+wNG5xpBO"
    "yN9+ZkztzZPI/fKYz6o+hjnZFPk0V4HkMKHYDFy0NkExF670MVwolfpV5zeUTqEboycwJTAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKw"
    "YBBQUHAwIwCgYIKoZIzj0EAwIDSQAwRgIhAN0CXr5W2LArRaKll+hYvskFLxljegvvCILJPZE23K17AiEAybkEs5CriTNMaosH4sFbZQChzfi4"
    "/fb2QVD8TaYtCVw="
)
_CRL_OF_NOTHING = base64.b64decode(
    "MIGeMEYCAQEwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMaW50ZXJtZWRpYXRlFw0yNjAxMDEwMDAwMDBaFw0yNzAxMDEwMDAwMDBaMAoGCCqGSM"
    "49BAMCA0gAMEUCIGNSNzi665eQ9hkZCKQAFJNgWogs8fjgxKEa+fXqlTxYAiEAhUr6BfrZs/xbPmizghEBe0b+8CgpJXnAsZkpevpqsgM="
)
_CRL_OF_DEVICE = base64.b64decode(
    "MIHHMG8CAQEwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMaW50ZXJtZWRpYXRlFw0yNjAxMDEwMDAwMDBaFw0yNzAxMDEwMDAwMDBaMCcwJQIUQg"
    "R4E6/tjTU8P5UpG5IcVHyUZbsXDTI2MDEwMTAwMDAwMFowCgYIKoZIzj0EAwIDSAAwRQIgazNUK59xJx3Zjr6MOvKrqc7Rxnwfvkcee1fROP0F"
    "GDICIQCtM59B+U2GLE1tXhKzoMZc7KO6Qax5Dj6xQruZWrohHQ=="
)

_BEGIN, _END, _CRL_END = 1_767_225_600.0, 2_515_968_000.0, 1_798_761_600.0
_NOW = _BEGIN + 86_400.0
_LATER = _CRL_END + 86_400.0


def _broken(der: bytes) -> bytes:
    """The last octet of the signature is another."""
    return der[:-1] + bytes([der[-1] ^ 1])


def _accepted(anchor: bytes, until: float = _END, place: int = 0) -> AcceptedChain:
    return AcceptedChain(place, hashlib.sha256(anchor).digest(), _BEGIN, until)


def _refused(reason: ChainReason) -> RefusedChain:
    return RefusedChain(reason)


def _case(
    answer: object,
    leaf: bytes,
    *intermediates: bytes,
    anchors: AnchorSet | None = None,
    now: float = _NOW,
    profile: ChainProfile = ChainProfile.DEVICE,
) -> KnownAnswer:
    return KnownAnswer((leaf, intermediates, anchors or _TRUSTED, now, profile), answer)


_TRUSTED = AnchorSet([Anchor(_ROOT)])
_TRUSTS_BOTH = AnchorSet([Anchor(_ROOT), Anchor(_INTERMEDIATE, (_CRL_OF_NOTHING,))])
_TRUSTS_NOBODY = AnchorSet([])
_REVOKES = AnchorSet([Anchor(_ROOT, (_CRL_OF_DEVICE,))])

KNOWN_ANSWERS = (
    _case(_accepted(_ROOT), _DEVICE, _INTERMEDIATE),
    _case(_accepted(_ROOT), _DEVICE, _INTERMEDIATE, profile=ChainProfile.PATH),
    _case(_accepted(_INTERMEDIATE, _CRL_END, 1), _DEVICE, anchors=_TRUSTS_BOTH),
    _case(_refused(ChainReason.CRL_EXPIRED), _DEVICE, anchors=_TRUSTS_BOTH, now=_LATER),
    _case(_refused(ChainReason.REVOKED), _DEVICE, _INTERMEDIATE, anchors=_REVOKES),
    _case(_refused(ChainReason.UNKNOWN_CA), _DEVICE),
    _case(_refused(ChainReason.UNKNOWN_CA), _DEVICE, _INTERMEDIATE, anchors=_TRUSTS_NOBODY),
    _case(_refused(ChainReason.NOT_YET_VALID), _DEVICE, _INTERMEDIATE, now=_BEGIN - 1),
    _case(_refused(ChainReason.EXPIRED), _DEVICE, _INTERMEDIATE, now=_END),
    _case(_refused(ChainReason.BAD_SIGNATURE), _broken(_DEVICE), _INTERMEDIATE),
    _case(_refused(ChainReason.BAD_SIGNATURE), _DEVICE, _broken(_INTERMEDIATE)),
    _case(_refused(ChainReason.LEAF_IS_CA), _INTERMEDIATE),
    _case(_refused(ChainReason.MALFORMED), _DEVICE + b"\0", _INTERMEDIATE),
    _case(_refused(ChainReason.MALFORMED), _DEVICE[:-1], _INTERMEDIATE),
    _case(_refused(ChainReason.MALFORMED), b""),
    _case(_refused(ChainReason.TOO_MANY_CERTIFICATES), _DEVICE, *[_INTERMEDIATE] * 8),
    _case(_refused(ChainReason.TOO_LARGE), bytes(16 * 1024)),
)
"""The first one is the everyday case: a path of three."""
