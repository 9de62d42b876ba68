"""`verify_secret`: one test class runs on the reference and on the native twin, and both get the same bytes."""

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.gate import compiled
from engine.gate.interface import VerifySecret
from engine.gate.reference import secret as reference

PUBLISHED = b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"
STAMP, SECRET = b"2025041401", b"12345678"


def password_of(secret: bytes, stamp: bytes = STAMP) -> bytes:
    return hmac.new(stamp, secret, hashlib.sha256).hexdigest().encode()


@pytest.fixture(params=[reference.verify_secret, compiled.verify_secret], ids=["reference", "native"])
def verify_secret(request: pytest.FixtureRequest) -> VerifySecret:
    return request.param


class TestVerifySecret:
    def test_published_vector_is_proved(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED, STAMP, SECRET, b"other") == 1

    def test_secondary_secret_is_told_from_the_primary(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED, STAMP, b"other", SECRET) == 2

    def test_equal_secrets_are_both_proved(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED, STAMP, SECRET, SECRET) == 3

    def test_wrong_secret_proves_nothing(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED, STAMP, b"12345679", b"02345678") == 0

    def test_another_stamp_proves_nothing(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED, b"2025041402", SECRET, SECRET) == 0

    def test_key_and_message_are_not_interchangeable(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(password_of(STAMP, SECRET), STAMP, SECRET, SECRET) == 0

    def test_upper_case_hex_is_refused(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(PUBLISHED.upper(), STAMP, SECRET, SECRET) == 0

    @pytest.mark.parametrize("position", range(64))
    def test_every_digit_of_the_password_counts(self, verify_secret: VerifySecret, position: int) -> None:
        other = b"1" if PUBLISHED[position : position + 1] == b"0" else b"0"
        changed = PUBLISHED[:position] + other + PUBLISHED[position + 1 :]
        assert verify_secret(changed, STAMP, SECRET, SECRET) == 0

    @pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128, 256])
    def test_password_of_another_length_is_refused(self, verify_secret: VerifySecret, length: int) -> None:
        assert verify_secret((PUBLISHED * 4)[:length], STAMP, SECRET, SECRET) == 0

    @pytest.mark.parametrize(
        "padded", [b" " + PUBLISHED[:-1], PUBLISHED[:-1] + b"\n", PUBLISHED[:32] + b" " + PUBLISHED[32:-1], b"\0" * 64]
    )
    def test_password_with_other_bytes_than_hex_is_refused(self, verify_secret: VerifySecret, padded: bytes) -> None:
        assert verify_secret(padded, STAMP, SECRET, SECRET) == 0

    def test_raw_mac_is_refused(self, verify_secret: VerifySecret) -> None:
        assert verify_secret(bytes.fromhex(PUBLISHED.decode()), STAMP, SECRET, SECRET) == 0

    def test_bytes_after_a_nul_count(self, verify_secret: VerifySecret) -> None:
        """A secret and a password are binary, never C strings (mosquitto 2.1.3 lost the length)."""
        assert verify_secret(password_of(b"a\0b"), STAMP, b"a\0b", b"a\0c") == 1
        assert verify_secret(PUBLISHED[:40] + b"\0" + PUBLISHED[41:], STAMP, SECRET, SECRET) == 0

    @pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 256, 1000])
    def test_secret_of_every_block_length_is_hashed_whole(self, verify_secret: VerifySecret, length: int) -> None:
        secret = bytes(range(256))[:length] if length <= 256 else b"s" * length
        assert verify_secret(password_of(secret), STAMP, secret, secret + b"\0") == 1

    @pytest.mark.parametrize("length", [0, 63, 64, 65, 131])
    def test_key_longer_than_a_block_is_hashed_first(self, verify_secret: VerifySecret, length: int) -> None:
        """RFC 2104 section 2; keys up to a block are padded with zeros."""
        stamp = b"\xaa" * length
        assert verify_secret(password_of(SECRET, stamp), stamp, SECRET, b"") == 1

    def test_known_answers_are_what_hmac_says(self, verify_secret: VerifySecret) -> None:
        for known in reference.VERIFY_SECRET.known_answers:
            password, stamp, primary, secondary = known.arguments
            expected = (password_of(primary, stamp) == password) + 2 * (password_of(secondary, stamp) == password)
            assert verify_secret(password, stamp, primary, secondary) == known.answer == expected


blobs = st.binary(max_size=300)
hex_like = st.text("0123456789abcdefABCDEF g\0", min_size=60, max_size=68).map(str.encode)


@given(password=blobs | hex_like, stamp=blobs, primary=blobs, secondary=blobs)
@example(password=PUBLISHED, stamp=STAMP, primary=SECRET, secondary=b"")
def test_twins_agree_on_any_bytes(password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> None:
    arguments = (password, stamp, primary, secondary)
    assert compiled.verify_secret(*arguments) == reference.verify_secret(*arguments)


@given(data=st.data(), stamp=blobs, primary=blobs, secondary=blobs)
def test_twins_agree_near_a_right_password(data: st.DataObject, stamp: bytes, primary: bytes, secondary: bytes) -> None:
    """A right password, or one that is one change away from it."""
    right = bytearray(password_of(data.draw(st.sampled_from([primary, secondary])), stamp))
    if data.draw(st.booleans()):
        right[data.draw(st.integers(0, 63))] = data.draw(st.integers(0, 255))
    arguments = (bytes(right), stamp, primary, secondary)
    assert compiled.verify_secret(*arguments) == reference.verify_secret(*arguments)
