import pytest

from engine.framing.coap.link_format import Link
from engine.framing.lwm2m.registration import Register, Update
from engine.session.exchanges import Endpoint
from engine.session.registrations import Registration, Registrations, new_registration, read_location, write_location

PEER = Endpoint(("192.0.2.1", 5683))


def registration(table: Registrations, name: str = "pump", lifetime_seconds: int = 300) -> Registration:
    register = Register(name, "1.0", lifetime_seconds, "UQ", True, None, (Link("/1/0"),))
    return new_registration(table.new_number(name), f"device-{name}", register, PEER, 1, b"answer", 0.0)


def test_a_registration_is_found_by_number_and_by_name() -> None:
    table = Registrations(b"k")
    made = registration(table)
    table.add(made, 0.0)
    assert table.find(made.number) is made
    assert table.of_name("pump") is made
    assert (len(table), list(table)) == (1, [made])
    table.remove(made)
    assert (table.find(made.number), table.of_name("pump"), len(table)) == (None, None, 0)


def test_numbers_are_of_80_bits_and_cannot_be_guessed() -> None:
    """Without the key the next location cannot be told from those before; each differs from all others."""
    table, other = Registrations(b"k"), Registrations(b"another key")
    numbers = [table.new_number("pump") for _ in range(1000)]
    assert len(set(numbers)) == 1000
    assert all(0 <= number < 1 << 80 for number in numbers)
    assert max(numbers) > 1 << 79 > min(numbers)
    assert other.new_number("pump") not in numbers


def test_locations_round_trip_and_nothing_else_is_one() -> None:
    assert read_location(write_location(0x1F)) == 0x1F
    assert write_location(0x1F) == "0000000000000000001f"
    for text in ("", "1f", "0000000000000000001F", "+000000000000000001f", "0_00000000000000001f", "x" * 20, "٠" * 20):
        assert read_location(text) is None
    assert read_location(write_location(0x1F) + "\n") is None


def test_a_registration_expires_when_its_lifetime_is_over_and_not_before() -> None:
    table = Registrations(b"k")
    made = registration(table)
    table.add(made, 10.5)
    assert table.expired(310.4) == []
    assert table.expired(311.0) == [made]


def test_an_update_begins_the_lifetime_anew() -> None:
    table = Registrations(b"k")
    made = registration(table)
    table.add(made, 0.0)
    for now in (200.0, 400.0):
        table.renew(made, now)
    assert table.expired(699.0) == []
    made.lifetime_seconds = 10
    table.renew(made, 500.0)
    assert table.expired(510.0) == [made]


def test_a_registration_without_expiry_stays() -> None:
    table = Registrations(b"k")
    made = registration(table, lifetime_seconds=0)
    table.add(made, 0.0)
    assert table.expired(1e12) == []
    table.remove(made)
    assert len(table) == 0


def test_expired_ones_come_in_the_order_in_which_they_ended() -> None:
    table = Registrations(b"k")
    late, early = registration(table, "late", 20), registration(table, "early", 10)
    for made in (late, early):
        table.add(made, 0.0)
    assert table.expired(30.0) == [early, late]


@pytest.mark.parametrize(
    ("update", "binding", "has_queue_mode"),
    [
        (Update(60, None, False, None, None), "UQ", True),
        (Update(None, "U", False, None, None), "U", False),
        (Update(None, "UT", True, None, None), "UT", True),
        (Update(None, None, True, None, None), "UQ", True),
    ],
)
def test_what_an_update_leaves_out_stays(update: Update, binding: str, has_queue_mode: bool) -> None:
    made = registration(Registrations(b"k"))
    elsewhere = Endpoint(("198.51.100.1", 1))
    made.apply(update, elsewhere)
    assert (made.binding, made.has_queue_mode, made.endpoint) == (binding, has_queue_mode, elsewhere)
    assert made.lifetime_seconds == (update.lifetime_seconds or 300)
    assert (made.links, made.sms_number, made.registered_from) == ((Link("/1/0"),), None, PEER)


def test_an_update_may_change_links_and_number() -> None:
    made = registration(Registrations(b"k"))
    made.apply(Update(None, None, False, "43664", ()), PEER)
    assert (made.links, made.sms_number) == ((), "43664")
