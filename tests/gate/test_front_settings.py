"""What a native front is told fits C's structures, or is refused before C sees it."""

import msgspec
import pytest

from engine.gate import _native
from engine.gate.front_settings import Balancers, Words, front_settings, protocol_list, proxy_settings
from engine.limits import Limits

WORDS = Words(b"\x20\x02\0\0", ((b"a", b"b", b"c"), (b"d", b"e", b"f" * 47)), (b"g", b"h", b"i"))
EVERYWHERE = (bytes(16), 0)


def test_settings_are_those_of_the_structure() -> None:
    made = _native.ffi.new("struct eng_front_settings *", front_settings(7, Limits(), 9, 1.5, WORDS, bytes(range(16))))
    assert (made.number, made.connections, made.connect_ms, bytes(made.key)) == (7, 9, 1500, bytes(range(16)))
    last = made.connack5[1][2]
    assert bytes(last.bytes)[: last.len] == b"f" * 47
    assert made.proxy.balancers_count == 0


def test_word_that_does_not_fit_is_refused() -> None:
    words = msgspec.structs.replace(WORDS, connack=bytes(48))
    with pytest.raises(ValueError, match="47"):
        front_settings(1, Limits(), 1, 1.0, words, bytes(16))


def test_balancers_are_those_of_the_structure() -> None:
    limits = msgspec.structs.replace(Limits(), proxy_seconds=0.25, proxy_header_bytes=99)
    made = _native.ffi.new("struct eng_front_proxy *", proxy_settings(Balancers([EVERYWHERE], ("mqtt", "h2")), limits))
    assert (made.balancers_count, made.protocols_len, made.header_ms, made.header_bytes) == (1, 8, 250, 99)


def test_balancers_in_no_network_are_refused() -> None:
    """To C no network means that there is no balancer, and that anybody is heard without a header."""
    with pytest.raises(ValueError, match="network"):
        proxy_settings(Balancers([], ("mqtt",)), Limits())


def test_protocols_are_listed_as_in_tls() -> None:
    assert protocol_list(("mqtt", "x-amzn-mqtt-ca")) == b"\x04mqtt\x0ex-amzn-mqtt-ca"
    with pytest.raises(ValueError, match="range"):
        protocol_list(("a" * 256,))
