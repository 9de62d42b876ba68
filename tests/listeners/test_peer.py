import ipaddress

import pytest

from engine.listeners.peer import is_within, peer_of

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
