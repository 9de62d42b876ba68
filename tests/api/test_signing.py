"""Signatures, against the SDK's own signer (iotda-rest.md B.1, B.2)."""

import hashlib
from typing import Any
from urllib.parse import parse_qsl

import pytest

from engine.api.signing import (
    UNSIGNED_PAYLOAD,
    SignatureClaim,
    SignedRequest,
    body_hash,
    claim_from_headers,
    expected_signature,
    has_one_reading,
)
from tests.helpers.signed import ACCESS_KEY, SECRET_KEY, SignedCall, sign

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
REGIONS = [pytest.param(None, id="ak-sk"), pytest.param("cn-north-4", id="derived")]


def claim_of(call: SignedCall, now: float = NOW, region: str = "") -> SignatureClaim | None:
    return claim_from_headers(call.raw_headers(), now, region)


def is_proved(call: SignedCall, secret_key: str = SECRET_KEY, payload_hash: bytes | None = None) -> bool:
    """Whether the signature of a call is the one that it must have; asserts that its claim is whole."""
    claim = claim_of(call)
    assert claim is not None
    request = SignedRequest(
        method=call.method,
        raw_path=call.path.encode(),
        query=parse_qsl(call.query, keep_blank_values=True),
        headers=call.raw_headers(),
    )
    hashed = payload_hash or body_hash(call.body)
    return expected_signature(claim, request, hashed, secret_key.encode()) == claim.signature


CALLS: dict[str, dict[str, Any]] = {
    "get": {},
    "trailing slash": {"path": "/v5/iot/p/devices/"},
    "root": {"path": "/"},
    "unreserved path": {"path": "/v5/iot/p~1/de-vi_ces/a.b"},
    "body": {"method": "POST", "body": '{"node_id": "泵"}'},
    "put": {"method": "PUT", "body": "{}"},
    "empty object": {"method": "POST", "body": "{}"},
    "query out of order": {"query": [("offset", 1), ("limit", 50), ("app_id", "x")]},
    "query that needs encoding": {"query": [("device_name", "a b&c=d/e?泵+~%"), ("start", "")]},
    "booleans": {"query": [("is_cascade_query", True), ("other", False)]},
    "repeated parameters": {"query": [("tag", "b"), ("tag", "a"), ("tag", "a")]},
    "project and instance": {"headers": {"X-Project-Id": "p", "Instance-Id": "i-1"}},
    "header of many bytes": {"headers": {"X-Name": "  泵, pump  "}},
    "host with port": {"host": "127.0.0.1:18480"},
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("parts", CALLS.values(), ids=CALLS)
def test_what_the_sdk_signs_is_proved(parts: dict[str, Any], region: str | None):
    call = sign(at=NOW, region=region, **parts)

    assert is_proved(call)
    assert not is_proved(call, SECRET_KEY + "x")


@pytest.mark.parametrize("region", REGIONS)
def test_signature_covers_every_part_of_the_request(region: str | None):
    call = sign(
        "POST", at=NOW, query=[("limit", 1)], body="{}", headers={"X-Project-Id": "p", "X-B": "1"}, region=region
    )

    assert is_proved(call)
    for changed in (
        call._replace(method="PUT"),
        call._replace(path="/v5/iot/q/devices"),
        call._replace(query="limit=2"),
        call._replace(query="limit=1&offset=0"),
        call._replace(query=""),
        call._replace(body=b"{ }"),
        call._replace(body=b""),
        call.changed(host="127.0.0.2"),
        call.changed(x_project_id="q"),
        call.changed(content_type="text/plain"),
        call.changed(x_sdk_date="20231114T221321Z"),
    ):
        assert not is_proved(changed), changed


def test_published_hash_of_nothing_is_ours():
    """The SDK's own constant, for requests without a body."""
    assert body_hash(b"") == b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_unsigned_payload_is_signed_as_the_words():
    call = sign(
        "POST", "/v5/iot/p/batchtask-files", at=NOW, body="--x--", headers={"Content-Type": "multipart/form-data"}
    )

    claim = claim_of(call)
    assert claim is not None
    assert claim.content_hash == UNSIGNED_PAYLOAD
    assert is_proved(call, payload_hash=UNSIGNED_PAYLOAD)
    assert not is_proved(call)


def test_claim_is_read_whole():
    plain, derived = claim_of(sign(at=NOW)), claim_of(sign(at=NOW, region="eu-1"))

    assert plain is not None
    assert derived is not None
    assert (plain.access_key, plain.scope, plain.date) == (ACCESS_KEY, None, b"20231114T221320Z")
    assert (derived.access_key, derived.scope) == (ACCESS_KEY, b"20231114/eu-1/iotdm")
    assert list(plain.signed_headers) == [b"content-type", b"host", b"x-sdk-date"]


@pytest.mark.parametrize("skew", [0, -900, 900])
def test_date_up_to_fifteen_minutes_off_is_taken(skew: int):
    assert claim_of(sign(at=NOW + skew)) is not None


@pytest.mark.parametrize("skew", [-901, 901, -86400, 10**8])
def test_date_further_off_is_not(skew: int):
    assert claim_of(sign(at=NOW + skew)) is None


@pytest.mark.parametrize(
    "date",
    [
        "",
        "20231114T221320",
        "20231314T221320Z",
        "2023-11-14T22:13:20Z",
        "20231114T221320Zx",
        "\u00b20231114T221320Z",
        "now",
    ],
)
def test_date_of_another_form_is_not_taken(date: str):
    assert claim_of(sign(at=NOW).changed(x_sdk_date=date)) is None


def test_host_and_date_have_to_be_signed():
    for name in ("host", "x-sdk-date"):
        call = sign(at=NOW)
        names = call.headers["Authorization"].replace(f"{name};", "").replace(f";{name}", "")
        assert names != call.headers["Authorization"]
        assert claim_of(call.changed(authorization=names)) is None


def test_content_hash_has_to_be_signed_when_it_is_there():
    call = sign("POST", at=NOW, body="{}")
    hashed = hashlib.sha256(b"{}").hexdigest()

    assert claim_of(call.changed(x_sdk_content_sha256=hashed)) is None
    assert claim_of(call.changed(x_sdk_content_sha256="UNSIGNED-PAYLOAD")) is None
    signed = claim_of(sign("POST", at=NOW, body="{}", headers={"X-Sdk-Content-Sha256": hashed}))
    assert signed is not None
    assert signed.content_hash == hashed.encode()


def test_signed_header_that_is_missing_or_stands_twice_is_not_taken():
    call = sign(at=NOW, headers={"X-A": "1"})
    headers = call.raw_headers()

    assert claim_from_headers([pair for pair in headers if pair[0] != b"x-a"], NOW, "") is None
    for name in (b"x-a", b"host", b"content-type", b"authorization"):
        assert claim_from_headers([*headers, (name, dict(headers)[name])], NOW, "") is None


def test_unsigned_header_changes_nothing():
    call = sign(at=NOW)
    extra = call.changed(x_project_id="other", instance_id="other", x_http_method_override="DELETE")

    assert claim_of(extra) == claim_of(call)
    assert is_proved(extra)


def test_temporary_keys_are_not_supported():
    """They come from a service that issues them, which a node does not have."""
    assert claim_of(sign(at=NOW, headers={"X-Security-Token": "t"})) is None
    assert claim_of(sign(at=NOW).changed(x_security_token="t")) is None


def test_derived_key_is_for_its_day_region_and_service():
    assert claim_of(sign(at=NOW, region="cn-north-4"), region="cn-north-4") is not None
    assert claim_of(sign(at=NOW, region="cn-north-4"), region="eu-west-1") is None
    assert claim_of(sign(at=NOW, region="cn-north-4", service="iotda")) is None
    assert claim_of(sign(at=NOW, region="no_region")) is None
    call = sign(at=NOW, region="cn-north-4")
    yesterday = call.headers["Authorization"].replace("/20231114/", "/20231113/")
    assert claim_of(call.changed(authorization=yesterday)) is None


def test_plain_signature_is_taken_whatever_the_region():
    """SDK-HMAC-SHA256 names none."""
    assert claim_of(sign(at=NOW), region="cn-north-4") is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "none",
        lambda text: text.replace("SDK-HMAC-SHA256", "SDK-HMAC-SM3"),
        lambda text: text.replace("SDK-HMAC-SHA256", "V11-HMAC-SHA256"),
        lambda text: text.replace("Access=", "Credential="),
        lambda text: text.replace("Access=", "Access=/"),
        lambda text: text.replace(ACCESS_KEY, ""),
        lambda text: text.replace(ACCESS_KEY, "A" * 129),
        lambda text: text.replace(ACCESS_KEY, "AK\u00e9"),
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text[:-64] + text[-64:].upper() + "A",
        lambda text: text.partition(", SignedHeaders")[0],
        lambda text: text.replace("SignedHeaders=", "SignedHeaders=;"),
        lambda text: text.replace("host;", "Host;"),
        lambda text: text.replace(", Signature", ";, Signature"),
        lambda text: text + ", Extra=1",
        lambda text: " " + text,
    ],
)
def test_authorization_of_another_form_is_not_taken(change: Any):
    call = sign(at=NOW)

    assert claim_of(call.changed(authorization=change(call.headers["Authorization"]))) is None


def test_nothing_at_all_is_no_claim():
    assert claim_from_headers([], NOW, "") is None


def test_repeated_parameters_have_one_reading_in_the_order_in_which_they_are_signed():
    """The canonical query is sorted: any other order would be signed alike, and read differently."""
    assert has_one_reading([("a", "1"), ("b", "0"), ("a", "2"), ("a", "2")])
    assert not has_one_reading([("a", "2"), ("b", "0"), ("a", "1")])
    assert has_one_reading([])


def test_plus_in_the_query_is_signed_as_the_handler_reads_it():
    """A space for the handler, so a space under the signature: else %2B could be swapped for it."""
    call = sign(at=NOW, query=[("name", "a+b")])

    assert call.query == "name=a%2Bb"
    assert is_proved(call)
    assert not is_proved(call._replace(query="name=a+b"))
    assert is_proved(sign(at=NOW, query=[("name", "a b")])._replace(query="name=a+b"))


def test_no_secret_key_in_the_claim():
    assert SECRET_KEY not in repr(claim_of(sign(at=NOW)))
