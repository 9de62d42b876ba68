"""Signed requests: SDK-HMAC-SHA256 and V11-HMAC-SHA256 (iotda-rest.md B.1, B.2), as pure functions.

A request claims to come from an access key (claim_from_headers). What its signature must be follows from the claim, the
request and the secret key (expected_signature). Nothing here reads a clock, a store or a body.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import msgspec

UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"
"""What X-Sdk-Content-Sha256 says when the signature does not cover the body."""

_CLOCK_SKEW_SECONDS = 15 * 60
"""iotda-rest.md B.1: the reference gateway refuses a date further away."""
_SERVICE = b"iotdm"
_HAVE_TO_BE_SIGNED = frozenset({b"host", b"x-sdk-date"})
_ACCESS_KEY = rb"(?P<access_key>[A-Za-z0-9_-]{1,128})"
_REST = rb", *SignedHeaders=(?P<names>[^,; ]+(?:;[^,; ]+)*), *Signature=(?P<signature>[0-9a-f]{64})"
_SCOPE = rb"(?P<scope>(?P<day>[0-9]{8})/(?P<region>[a-z0-9-]{1,64})/(?P<service>[a-z0-9-]+))"
_AUTHORIZATION = re.compile(
    rb"(?:SDK-HMAC-SHA256 Access=" + _ACCESS_KEY + rb"|"
    rb"V11-HMAC-SHA256 Credential="
    + _ACCESS_KEY.replace(b"access_key", b"derived_access_key")
    + rb"/"
    + _SCOPE
    + rb")"
    + _REST
)
_DATE = re.compile(rb"[0-9]{8}T[0-9]{6}Z")

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, values as they were sent."""


class SignatureClaim(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request says it is from, and with what signature; nothing of it is proved.

    `scope` (yyyyMMdd/region/service) is that of V11-HMAC-SHA256, None with SDK-HMAC-SHA256. `content_hash` is
    X-Sdk-Content-Sha256, None when the header is not there.
    """

    access_key: str
    scope: bytes | None
    date: bytes
    signed_headers: Sequence[bytes]
    content_hash: bytes | None
    signature: bytes


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature covers, but for the body. `query`: decoded, as the handler reads it."""

    method: str
    raw_path: bytes
    query: Sequence[tuple[str, str]]
    headers: Headers


def claim_from_headers(headers: Headers, now: float, region: str) -> SignatureClaim | None:
    """The claim, when it is whole and may be made at this time; None for everything else.

    host, x-sdk-date and, when it is there, x-sdk-content-sha256 are signed; every signed header stands exactly once.
    `region`: which one a derived key must be for, empty for any.
    """
    values = dict(headers)
    match = _AUTHORIZATION.fullmatch(values.get(b"authorization", b""))
    if match is None or b"x-security-token" in values:
        return None
    names = match["names"].split(b";")
    have_to_be_signed = _HAVE_TO_BE_SIGNED | ({b"x-sdk-content-sha256"} & values.keys())
    given = [name for name, _ in headers if name in names or name == b"authorization"]
    if not have_to_be_signed.issubset(names) or sorted(given) != sorted({*names, b"authorization"}):
        return None
    date = values[b"x-sdk-date"]
    if not _is_near(date, now) or not _is_in_scope(match, date, region):
        return None
    return SignatureClaim(
        access_key=(match["access_key"] or match["derived_access_key"]).decode(),
        scope=match["scope"],
        date=date,
        signed_headers=names,
        content_hash=values.get(b"x-sdk-content-sha256"),
        signature=match["signature"],
    )


def expected_signature(claim: SignatureClaim, request: SignedRequest, payload_hash: bytes, secret_key: bytes) -> bytes:
    """The signature that proves the claim. payload_hash: SHA-256 of the body in hex, or UNSIGNED_PAYLOAD."""
    canonical_hash = _hex_sha256(_canonical_request(claim, request, payload_hash))
    if claim.scope is None:
        return _hex_hmac(secret_key, b"\n".join((b"SDK-HMAC-SHA256", claim.date, canonical_hash)))
    key = _derived_key(claim.access_key.encode(), secret_key, claim.scope)
    return _hex_hmac(key, b"\n".join((b"V11-HMAC-SHA256", claim.date, claim.scope, canonical_hash)))


def body_hash(body: bytes) -> bytes:
    """SHA-256 in hex, as X-Sdk-Content-Sha256 and the canonical request have it."""
    return _hex_sha256(body)


def has_one_reading(query: Sequence[tuple[str, str]]) -> bool:
    """Whether parameters that are repeated come in the order in which they are signed.

    The canonical query is sorted: without this, swapping two of them would change what a handler reads under the same
    signature.
    """
    by_name: dict[str, str] = {}
    for name, value in query:
        if by_name.setdefault(name, value) > value:
            return False
        by_name[name] = value
    return True


def _is_near(date: bytes, now: float) -> bool:
    if not _DATE.fullmatch(date):
        return False
    try:
        at = datetime.strptime(date.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(at.timestamp() - now) <= _CLOCK_SKEW_SECONDS


def _is_in_scope(match: re.Match[bytes], date: bytes, region: str) -> bool:
    """Whether the scope of a derived key, when there is one, is of this day, region and service."""
    if match["scope"] is None:
        return True
    is_here = not region or match["region"] == region.encode()
    return is_here and match["day"] == date[:8] and match["service"] == _SERVICE


def _canonical_request(claim: SignatureClaim, request: SignedRequest, payload_hash: bytes) -> bytes:
    path = quote(unquote(request.raw_path.decode("latin-1")), safe="/~")
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(request.query))
    values = dict(request.headers)
    return b"\n".join(
        (
            request.method.upper().encode(),
            (path if path.endswith("/") else f"{path}/").encode(),
            query.encode(),
            b"".join(b"%b:%b\n" % (name, values[name].strip()) for name in claim.signed_headers),
            b";".join(claim.signed_headers),
            payload_hash,
        )
    )


def _derived_key(access_key: bytes, secret_key: bytes, scope: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869), salt the access key, one block long; used as the ASCII of its hex digits."""
    extracted = hmac.digest(access_key, secret_key, "sha256")
    return _hex_hmac(extracted, scope + b"\x01")


def _hex_hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256").hex().encode()


def _hex_sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
