import pytest

from engine.claims.claim import CertificateClaim, NoClaim, SecretClaim, SignType
from engine.claims.from_mqtt import claim_from_connect
from engine.framing.mqtt.connect import read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.limits import Limits
from tests.helpers.mqtt_packets import connect_packet

LIMITS = Limits()


def claim_of(client_id: str, user_name: str | None = "u", password: bytes | None = b"p") -> SecretClaim | NoClaim:
    packet = connect_packet(client_id=client_id, user_name=user_name, password=password)
    frame = read_packet(packet, 0, 65536)
    assert frame is not None
    return claim_from_connect(read_connect(packet, frame[1], frame[2]), LIMITS)


def test_the_parts_of_the_client_identifier_are_read() -> None:
    assert claim_of("pump_0_1_2026112222", "pump", b"\x00binary\xff") == SecretClaim(
        "pump", "pump", b"\x00binary\xff", SignType.STAMP_JUDGED, b"2026112222"
    )


def test_device_id_with_underscores_is_split_from_the_right() -> None:
    claim = claim_of("a_0_1_2025010101_0_0_2026112222")
    assert isinstance(claim, SecretClaim)
    assert claim.device_id == "a_0_1_2025010101"
    assert claim.sign_type is SignType.STAMP_NOT_JUDGED


def test_absent_user_name_and_password_still_make_a_claim() -> None:
    """They are refused by the verdict with the same bytes as a wrong password, not by the form."""
    claim = claim_of("pump_0_0_2026112222", None, None)
    assert isinstance(claim, SecretClaim)
    assert (claim.user_name, claim.password) == (None, None)


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "pump",
        "pump_0_0",
        "pump_0_2_2026112222",
        "pump_1_0_2026112222",
        "pump_2_0_2026112222",
        "pump_0_0_202611222",
        "pump_0_0_20261122222",
        "pump_0_0_202611222x",
        "pump_0_0_２０２６１１２２２２",
        "pump_0_0_2026112222\n",
        "_0_0_2026112222",
        "pu mp_0_0_2026112222",
        "a" * 129 + "_0_0_2026112222",
    ],
)
def test_other_forms_make_no_claim(client_id: str) -> None:
    assert claim_of(client_id) == NoClaim()


@pytest.mark.parametrize("character", list("#+/$\r\n.*()[]\\^|?{} é设"))
def test_cve_2017_7650_and_cve_2026_44838_ids_with_pattern_characters_make_no_claim(character: str) -> None:
    """A Client Identifier that means something in a topic filter or a regex never gets as far as a look-up."""
    assert claim_of(f"pu{character}mp_0_0_2026112222") == NoClaim()


def test_longest_device_id_makes_a_claim() -> None:
    assert isinstance(claim_of("a" * 128 + "_0_0_2026112222"), SecretClaim)


@pytest.mark.parametrize(("user_name", "password"), [("u" * 257, b"p"), ("u", b"p" * 257)])
def test_fields_over_their_length_make_no_claim(user_name: str, password: bytes) -> None:
    assert claim_of("pump_0_0_2026112222", user_name, password) == NoClaim()
    assert isinstance(claim_of("pump_0_0_2026112222", user_name[:256], password[:256]), SecretClaim)


def test_certificate_is_claimed_where_there_is_one_and_no_password() -> None:
    packet = connect_packet("pump_0_1_2026112222", "pump")
    frame = read_packet(packet, 0, 65536)
    assert frame is not None
    claim = claim_from_connect(read_connect(packet, frame[1], frame[2]), LIMITS, (b"leaf", b"issuer"))
    assert claim == CertificateClaim("pump", "pump", SignType.STAMP_JUDGED, b"2026112222", b"leaf", (b"issuer",))


def test_password_is_what_a_peer_with_a_certificate_is_judged_by() -> None:
    """A SECRET device may show a certificate; it must not pass by it, nor fail because of it."""
    packet = connect_packet("pump_0_1_2026112222", "pump", b"x")
    frame = read_packet(packet, 0, 65536)
    assert frame is not None
    claim = claim_from_connect(read_connect(packet, frame[1], frame[2]), LIMITS, (b"leaf",))
    assert isinstance(claim, SecretClaim)
