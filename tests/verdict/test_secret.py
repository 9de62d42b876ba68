from typing import Any

import pytest

from engine.claims.claim import SecretClaim, SignType
from engine.gate.interface import VerifySecret
from engine.gate.reference.chain import VERIFY_CHAIN
from engine.gate.reference.secret import verify_secret
from engine.registry.record import AuthType, Credential, DeviceProtocol
from engine.verdict.judge import Judge
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from engine.verdict.policy import VerdictPolicy
from tests.helpers.records import PUBLISHED_PASSWORD, SECRET, STAMP, STAMP_AT, credential, password_for


def claim(
    *,
    device_id: str = "pump_1",
    user_name: str | None = "pump_1",
    password: bytes | None = PUBLISHED_PASSWORD,
    sign_type: SignType = SignType.STAMP_JUDGED,
    stamp: bytes = STAMP,
) -> SecretClaim:
    return SecretClaim(device_id, user_name, password, sign_type, stamp)


def judge(
    asserted: SecretClaim,
    against: Credential,
    *,
    now: float = STAMP_AT,
    operation: VerifySecret = verify_secret,
    **policy: Any,
) -> Outcome:
    return Judge(VerdictPolicy(**policy), operation, VERIFY_CHAIN.reference).judge_secret(asserted, against, now)


def reason_of(asserted: SecretClaim, against: Credential, **more: Any) -> Reason:
    return judge(asserted, against, **more).reason


def test_published_vector_is_accepted() -> None:
    assert judge(claim(), credential(record_id="r", generation=7)) == Accepted(
        device_id="pump_1", record_id="r", generation=7, first=False, checked_stamp=True
    )


def test_stamp_is_the_key_and_the_secret_the_message() -> None:
    """The other order gives something else (mqtt-device.md C.1)."""
    swapped = password_for(STAMP, SECRET)
    assert reason_of(claim(password=swapped), credential()) is Reason.WRONG_SECRET


def test_sign_type_0_does_not_judge_the_stamp() -> None:
    late = STAMP_AT + 365 * 86400
    assert reason_of(claim(sign_type=SignType.STAMP_NOT_JUDGED), credential(), now=late) is Reason.ACCEPTED
    assert reason_of(claim(), credential(), now=late) is Reason.STAMP_OUTSIDE_WINDOW


def test_stamp_that_is_no_date_is_accepted_with_sign_type_0_only() -> None:
    stamp = b"0000000000"
    asserted = claim(stamp=stamp, password=password_for(SECRET, stamp), sign_type=SignType.STAMP_NOT_JUDGED)
    assert reason_of(asserted, credential()) is Reason.ACCEPTED


def test_secondary_secret_is_as_good_as_the_primary() -> None:
    both = credential(secondary=b"87654321")
    assert reason_of(claim(password=password_for(b"87654321")), both) is Reason.ACCEPTED
    assert reason_of(claim(), both) is Reason.ACCEPTED
    assert reason_of(claim(), credential(primary=None, secondary=SECRET)) is Reason.ACCEPTED


@pytest.mark.parametrize("dummy", [b"dummy-1", b"dummy-2"])
def test_bytes_in_the_place_of_an_absent_secret_never_count(dummy: bytes) -> None:
    assert reason_of(claim(password=password_for(dummy)), credential(primary=None)) is Reason.WRONG_SECRET


@pytest.mark.parametrize(
    ("asserted", "against", "reason"),
    [
        (claim(password=b"0" * 64), credential(), Reason.WRONG_SECRET),
        (claim(password=b""), credential(), Reason.WRONG_SECRET),
        (claim(password=PUBLISHED_PASSWORD.upper()), credential(), Reason.WRONG_SECRET),
        (claim(password=PUBLISHED_PASSWORD + b"\0"), credential(), Reason.WRONG_SECRET),
        (claim(password=b"\0" + PUBLISHED_PASSWORD), credential(), Reason.WRONG_SECRET),
        (claim(password=PUBLISHED_PASSWORD[:-1]), credential(), Reason.WRONG_SECRET),
        (claim(password=None), credential(), Reason.MISSING_SECRET),
        (claim(user_name=None), credential(), Reason.USER_NAME_DIFFERS),
        (claim(user_name="pump_2"), credential(), Reason.USER_NAME_DIFFERS),
        (claim(user_name="PUMP_1"), credential(), Reason.USER_NAME_DIFFERS),
        (claim(), credential(known=False), Reason.UNKNOWN_DEVICE),
        (claim(), credential(auth_type=AuthType.CERTIFICATES), Reason.WRONG_CREDENTIAL_KIND),
        (claim(), credential(frozen=True), Reason.DEVICE_FROZEN),
        (claim(), credential(protocol=DeviceProtocol.COAP), Reason.PROTOCOL_NOT_ALLOWED),
        (claim(password=b"0" * 64), credential(frozen=True), Reason.WRONG_SECRET),
        (claim(password=b"0" * 64), credential(protocol=DeviceProtocol.COAP), Reason.WRONG_SECRET),
    ],
)
def test_refused_for_the_exact_reason(asserted: SecretClaim, against: Credential, reason: Reason) -> None:
    assert judge(asserted, against) == Rejected(reason)


def test_cve_2016_9877_name_without_password_is_refused() -> None:
    """RabbitMQ let a known name in without a password: name only, empty password, password only."""
    for asserted in (
        claim(password=None),
        claim(password=b""),
        claim(user_name=None),
        claim(user_name=None, password=b""),
    ):
        assert isinstance(judge(asserted, credential(primary=b"")), Rejected)


def test_time_stamp_is_judged_before_the_secret() -> None:
    wrong = claim(password=b"0" * 64)
    assert reason_of(wrong, credential(), now=STAMP_AT + 86400) is Reason.STAMP_OUTSIDE_WINDOW


def test_device_past_its_timeout_is_gone_before_the_reaper_comes() -> None:
    due = credential(activated=False, timeout_at=int(STAMP_AT))
    assert reason_of(claim(), due, now=STAMP_AT - 1) is Reason.ACCEPTED
    assert reason_of(claim(), due, now=STAMP_AT) is Reason.UNKNOWN_DEVICE
    assert reason_of(claim(), credential(activated=True, timeout_at=int(STAMP_AT))) is Reason.ACCEPTED


def test_sticky_policy_refuses_type_0_after_type_1() -> None:
    type_0 = claim(sign_type=SignType.STAMP_NOT_JUDGED)
    assert reason_of(type_0, credential(), sign_types="sticky") is Reason.ACCEPTED
    assert reason_of(type_0, credential(checked_stamp_seen=True), sign_types="sticky") is Reason.SIGN_TYPE_NOT_ALLOWED
    assert reason_of(type_0, credential(), sign_types="checked-only") is Reason.SIGN_TYPE_NOT_ALLOWED


def test_accepted_says_what_must_be_durable() -> None:
    first = judge(claim(), credential(activated=False))
    again = judge(claim(), credential(checked_stamp_seen=True))
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert (first.first, first.checked_stamp) == (True, True)
    assert (again.first, again.checked_stamp) == (False, False)


EVERY_WAY = [
    (claim(), credential()),
    (claim(password=b"0" * 64), credential()),
    (claim(password=None), credential()),
    (claim(user_name=None), credential()),
    (claim(), credential(known=False)),
    (claim(), credential(primary=None)),
    (claim(), credential(frozen=True)),
    (claim(), credential(auth_type=AuthType.CERTIFICATES)),
    (claim(stamp=b"0000000000"), credential()),
]


@pytest.mark.parametrize(("asserted", "against"), EVERY_WAY)
def test_every_claim_costs_one_evaluation_of_both_secrets(asserted: SecretClaim, against: Credential) -> None:
    """Unknown device and wrong secret: equal work (THREATS promise 8), counted, not timed."""
    calls: list[tuple[bytes, ...]] = []

    def counting(password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int:
        calls.append((password, stamp, primary, secondary))
        return verify_secret(password, stamp, primary, secondary)

    judge(asserted, against, operation=counting)
    assert len(calls) == 1
    assert len(calls[0][0]) == 64
    assert calls[0][2:] == (against.primary, against.secondary)
