import hashlib
from typing import Any

import pytest

from engine.claims.claim import CertificateClaim, SignType
from engine.gate.interface import AcceptedChain, ChainReason, ChainVerdict, RefusedChain
from engine.registry.record import AuthType, Credential, DeviceProtocol
from engine.verdict.certificate import Evidence, judge_certificate
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from engine.verdict.policy import VerdictPolicy
from tests.helpers.records import STAMP, STAMP_AT, credential

LEAF = b"the DER of a certificate"
SHA_1 = hashlib.sha1(LEAF).hexdigest()
SHA_256 = hashlib.sha256(LEAF).hexdigest()
OTHER = "0" * 64
CHAINED = AcceptedChain(anchor=0, anchor_sha256=b"", since=0.0, until=2.0**40)


def claim(**changes: Any) -> CertificateClaim:
    fields = {"device_id": "pump_1", "user_name": "pump_1", "sign_type": SignType.STAMP_JUDGED, "stamp": STAMP}
    return CertificateClaim(**{**fields, "leaf": LEAF, "intermediates": (), **changes})


def device(**changes: Any) -> Credential:
    fields = {"primary": None, "auth_type": AuthType.CERTIFICATES, "fingerprint": SHA_256}
    return credential(**{**fields, **changes})


def judge(
    against: Credential,
    asserted: CertificateClaim | None = None,
    *,
    chain: ChainVerdict = CHAINED,
    is_inactive: bool = False,
    now: float = STAMP_AT,
) -> Outcome:
    return judge_certificate(asserted or claim(), Evidence(chain, is_inactive), against, now, VerdictPolicy())


@pytest.mark.parametrize("stored", [SHA_1, SHA_256, SHA_1.upper(), SHA_256.upper()])
def test_fingerprint_is_sha_1_or_sha_256_by_its_length_in_any_case(stored: str) -> None:
    outcome = judge(device(fingerprint=stored))
    assert isinstance(outcome, Accepted)
    assert outcome.pin is None


def test_secondary_fingerprint_is_as_good_as_the_primary() -> None:
    assert judge(device(fingerprint=OTHER, secondary_fingerprint=SHA_1)).reason is Reason.ACCEPTED
    assert judge(device(fingerprint=OTHER, secondary_fingerprint="1" * 40)).reason is Reason.WRONG_CERTIFICATE


def test_first_certificate_of_a_device_without_a_fingerprint_is_to_be_pinned() -> None:
    outcome = judge(device(fingerprint=None, activated=False))
    assert isinstance(outcome, Accepted)
    assert outcome.pin == SHA_256
    assert outcome.first


def test_emptied_primary_pins_the_next_certificate_unless_the_secondary_is_its() -> None:
    kept = judge(device(fingerprint=None, secondary_fingerprint=SHA_256))
    pinned = judge(device(fingerprint=None, secondary_fingerprint=OTHER))
    assert isinstance(kept, Accepted)
    assert isinstance(pinned, Accepted)
    assert (kept.pin, pinned.pin) == (None, SHA_256)


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (ChainReason.UNKNOWN_CA, Reason.UNTRUSTED_CERTIFICATE),
        (ChainReason.BAD_SIGNATURE, Reason.UNTRUSTED_CERTIFICATE),
        (ChainReason.WEAK_KEY, Reason.UNTRUSTED_CERTIFICATE),
        (ChainReason.EXPIRED, Reason.EXPIRED_CERTIFICATE),
        (ChainReason.NOT_YET_VALID, Reason.EXPIRED_CERTIFICATE),
        (ChainReason.REVOKED, Reason.REVOKED_CERTIFICATE),
        (ChainReason.CRL_EXPIRED, Reason.REVOKED_CERTIFICATE),
    ],
)
def test_refused_chain_is_refused_even_with_the_right_fingerprint(chain: ChainReason, reason: Reason) -> None:
    assert judge(device(), chain=RefusedChain(chain)) == Rejected(reason)


@pytest.mark.parametrize("chain", list(ChainReason))
def test_no_refused_chain_pins_anything(chain: ChainReason) -> None:
    assert isinstance(judge(device(fingerprint=None), chain=RefusedChain(chain)), Rejected)


@pytest.mark.parametrize(
    ("against", "changes", "reason"),
    [
        (device(known=False), {}, Reason.UNKNOWN_DEVICE),
        (device(known=False, fingerprint=None), {}, Reason.UNKNOWN_DEVICE),
        (device(auth_type=AuthType.SECRET, primary=b"12345678"), {}, Reason.WRONG_CREDENTIAL_KIND),
        (device(auth_type=AuthType.SECRET, fingerprint=None), {}, Reason.WRONG_CREDENTIAL_KIND),
        (device(), {"user_name": None}, Reason.USER_NAME_DIFFERS),
        (device(), {"user_name": "pump_2"}, Reason.USER_NAME_DIFFERS),
        (device(), {"stamp": b"2020010100"}, Reason.STAMP_OUTSIDE_WINDOW),
        (device(fingerprint=OTHER), {}, Reason.WRONG_CERTIFICATE),
        (device(fingerprint=OTHER, frozen=True), {}, Reason.WRONG_CERTIFICATE),
        (device(frozen=True), {}, Reason.DEVICE_FROZEN),
        (device(protocol=DeviceProtocol.COAP), {}, Reason.PROTOCOL_NOT_ALLOWED),
        (device(activated=False, timeout_at=int(STAMP_AT)), {}, Reason.UNKNOWN_DEVICE),
    ],
)
def test_refused_for_the_exact_reason(against: Credential, changes: dict[str, Any], reason: Reason) -> None:
    assert judge(against, claim(**changes)) == Rejected(reason)


def test_inactive_certificate_is_told_only_to_the_device_whose_it_is() -> None:
    assert judge(device(), is_inactive=True) == Rejected(Reason.CERTIFICATE_INACTIVE)
    assert judge(device(fingerprint=OTHER), is_inactive=True) == Rejected(Reason.WRONG_CERTIFICATE)


def test_stamp_is_not_judged_with_sign_type_0() -> None:
    asserted = claim(stamp=b"2020010100", sign_type=SignType.STAMP_NOT_JUDGED)
    assert judge(device(), asserted).reason is Reason.ACCEPTED
