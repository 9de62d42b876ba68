import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.listeners.peer import is_within, peer_at, peer_of, ranges_of

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_prefix_is_the_ipv4_address_or_the_64_of_ipv6(address: str, prefix: str) -> None:
    assert peer_of(address, 1, ()).prefix == prefix


def test_peer_of_a_configured_network_is_exempt() -> None:
    assert peer_of("127.9.9.9", 1, LOOPBACK).exempt
    assert peer_of("::ffff:127.0.0.1", 1, LOOPBACK).exempt
    assert peer_of("2001:db8::1", 1, LOOPBACK).exempt
    assert not peer_of("192.0.2.7", 1, LOOPBACK).exempt


def test_an_address_is_within_networks_as_the_ipv4_address_that_it_is() -> None:
    assert is_within("::ffff:127.0.0.1", LOOPBACK)
    assert not is_within("192.0.2.7", LOOPBACK)
    assert not is_within("127.0.0.1", ())


WORDS = st.sampled_from([b"\0\0", b"\0\1", b"\xff\xff", b"\x20\x01", b"\x0d\xb8", b"\x7f\0"])


@given(st.lists(WORDS, min_size=8, max_size=8).map(b"".join), st.sampled_from([(), LOOPBACK]))
@example(bytes(10) + b"\xff\xff\x7f\0\0\1", LOOPBACK)
@example(bytes(12) + b"\1\2\3\4", LOOPBACK)
@example(bytes(15) + b"\1", ())
def test_address_as_c_tells_it_is_the_same_peer(
    address: bytes, exempt: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> None:
    assert peer_at(address, 1, ranges_of(exempt)) == peer_of(str(ipaddress.IPv6Address(address)), 1, exempt)
