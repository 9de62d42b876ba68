import pytest

from engine.claims.claim import SignType
from engine.verdict.policy import VerdictPolicy, hour_of_stamp, is_expired, is_sign_type_allowed, is_stamp_in_window
from tests.helpers.records import STAMP, STAMP_AT, credential_row

HOUR = 3600.0


def test_stamp_is_an_hour_since_the_epoch() -> None:
    assert hour_of_stamp(b"1970010100") == 0
    assert hour_of_stamp(b"1970010123") == 23
    assert hour_of_stamp(b"2024030100") == (hour_of_stamp(b"2024022923") or 0) + 1
    assert hour_of_stamp(STAMP) == STAMP_AT // HOUR


@pytest.mark.parametrize(
    "stamp",
    [
        b"2026022900",
        b"2026130100",
        b"2026000100",
        b"2026010024",
        b"2026013200",
        b"0000000000",
        b"1969123123",
        b"9999999999",
    ],
)
def test_stamp_that_is_no_date_is_in_no_window(stamp: bytes) -> None:
    assert hour_of_stamp(stamp) is None
    assert not is_stamp_in_window(stamp, STAMP_AT, VerdictPolicy())


@pytest.mark.parametrize(
    ("offset", "is_in"),
    [(-HOUR - 0.1, False), (-HOUR, True), (-0.1, True), (0, True), (HOUR * 2 - 0.1, True), (HOUR * 2, False)],
)
def test_window_is_this_hour_the_previous_and_the_next(offset: float, is_in: bool) -> None:
    assert is_stamp_in_window(STAMP, STAMP_AT + offset, VerdictPolicy(stamp_window_hours=1)) is is_in


def test_window_of_zero_hours_is_this_hour_only() -> None:
    policy = VerdictPolicy(stamp_window_hours=0)
    assert is_stamp_in_window(STAMP, STAMP_AT + HOUR - 1, policy)
    assert not is_stamp_in_window(STAMP, STAMP_AT + HOUR, policy)
    assert not is_stamp_in_window(STAMP, STAMP_AT - 1, policy)


@pytest.mark.parametrize(
    ("sign_types", "seen", "type_0_allowed"),
    [("both", True, True), ("sticky", False, True), ("sticky", True, False), ("checked-only", False, False)],
)
def test_sign_type_0_is_allowed_as_policy_says_and_type_1_always(
    sign_types: str, seen: bool, type_0_allowed: bool
) -> None:
    policy = VerdictPolicy(sign_types=sign_types)  # type: ignore[arg-type]  # parametrised over the literals
    row = credential_row(checked_stamp_seen=seen)
    assert is_sign_type_allowed(SignType.STAMP_NOT_JUDGED, row, policy) is type_0_allowed
    assert is_sign_type_allowed(SignType.STAMP_JUDGED, row, policy)


def test_a_device_past_its_timeout_is_gone_unless_it_was_activated() -> None:
    assert is_expired(credential_row(activated=False, timeout_at=100), 100.0)
    assert not is_expired(credential_row(activated=False, timeout_at=100), 99.9)
    assert not is_expired(credential_row(activated=True, timeout_at=100), 100.0)
    assert not is_expired(credential_row(activated=False, timeout_at=None), 100.0)
