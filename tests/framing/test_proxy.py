"""PROXY headers: every form the specification has, every bound, nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MalformedProxyHeader
from engine.framing.proxy import Endpoint, ProxiedTls, ProxyHeader, read_proxy_header
from tests.helpers.proxy_headers import (
    DESTINATION_6,
    LOCAL,
    SIGNATURE,
    SOURCE_6,
    UNIX_STREAM,
    VERIFIED,
    crc32c,
    tlv,
    v1,
    v2,
    with_crc32c,
)

MAXIMUM = 2048
FROM, TO = Endpoint("203.0.113.7", 40_000), Endpoint("192.0.2.1", 8883)
FROM_6, TO_6 = Endpoint("2001:db8::7", 40_000), Endpoint("2001:db8::1", 8883)


def read_three_ways(data: bytes) -> ProxyHeader:
    """Whole, byte by byte, and with trailing bytes, which stay unread."""
    for length in range(len(data)):
        assert read_proxy_header(data[:length], MAXIMUM) is None
    answers = [read_proxy_header(data + tail, MAXIMUM) for tail in (b"", b"\x10", b"\r\n", data, b"\xff" * 300)]
    header, consumed = answers[0] or (None, 0)
    assert header is not None
    assert all(answer == (header, consumed) for answer in answers)
    assert consumed == len(data)
    return header


def assert_malformed(data: bytes) -> None:
    with pytest.raises(MalformedProxyHeader):
        read_proxy_header(data, MAXIMUM)


def test_version_1_names_both_ends() -> None:
    assert read_three_ways(v1()) == ProxyHeader(source=FROM, destination=TO)
    assert read_three_ways(v1(SOURCE_6, DESTINATION_6)) == ProxyHeader(source=FROM_6, destination=TO_6)


def test_version_1_takes_what_inet_ntop_writes_of_a_mapped_address() -> None:
    """HAProxy bound to [::] writes it so."""
    header = read_three_ways(v1(("::ffff:203.0.113.7", 1), ("::ffff:192.0.2.1", 2)))
    assert header.source is not None
    assert header.source.address.startswith("::ffff:")


@pytest.mark.parametrize("rest", [b"", b" ", b" ffff:f...f:ffff ffff:f...f:ffff 65535 65535", b" \xff\x00"])
def test_version_1_unknown_ignores_what_follows(rest: bytes) -> None:
    assert read_three_ways(b"PROXY UNKNOWN" + rest + b"\r\n") == ProxyHeader()


def test_version_1_ends_within_107_bytes() -> None:
    longest = b"PROXY UNKNOWN " + b"x" * (107 - 16) + b"\r\n"
    assert len(longest) == 107
    assert read_three_ways(longest) == ProxyHeader()
    assert_malformed(longest.replace(b"x\r\n", b"xx\r\n"))
    assert read_proxy_header(b"PROXY " + b"x" * 100, MAXIMUM) is None
    assert_malformed(b"PROXY " + b"x" * 101)


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3",
        b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 123456",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 \xd9\xa1",
        b"PROXY TCP4 1.2.3.4 5.6.7.8  2",
        b"PROXY TCP4 1.2.3.04 5.6.7.8 1 2",
        b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2",
        b"PROXY TCP4 1.2.3 5.6.7.8 1 2",
        b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2",
        b"PROXY TCP4 ::1 ::2 1 2",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2",
        b"PROXY TCP6 ::1%eth0 ::2 1 2",
        b"PROXY TCP6 1::2::3 ::2 1 2",
        b"PROXY TCP6 :::1 ::2 1 2",
        b"PROXY TCP6 12345:: ::2 1 2",
        b"PROXY TCP4\t1.2.3.4 5.6.7.8 1 2",
        b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2",
        b"PROXY UNKNOWNS",
        b"PROXY ",
        b"proxy UNKNOWN",
    ],
)
def test_version_1_line_that_is_not_of_the_form_is_malformed(line: bytes) -> None:
    assert_malformed(line + b"\r\n")


@pytest.mark.parametrize(
    "data", [b"\x10", b"\x16\3\1", b"GET ", b"PROXZ", b"PROXY\r\n", b"\r\n\r\n\0\r\nQUIT\r", b"\n"]
)
def test_bytes_that_begin_no_header_are_refused_at_once(data: bytes) -> None:
    """A client that came past the balancer."""
    assert_malformed(data)


def test_version_2_names_both_ends() -> None:
    assert read_three_ways(v2()) == ProxyHeader(source=FROM, destination=TO)
    six = v2(source=SOURCE_6, destination=DESTINATION_6)
    assert read_three_ways(six) == ProxyHeader(source=FROM_6, destination=TO_6)


def test_version_2_of_the_specification_of_nlb_is_read_and_its_own_tlvs_are_skipped() -> None:
    """AWS adds its VPC endpoint (0xEA) and padding (0x04, PP2_TYPE_NOOP), any number of them."""
    data = v2(tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9"), tlv(4, bytes(40)), tlv(4, b""), tlv(0x30, b"ns"))
    assert read_three_ways(data) == ProxyHeader(source=FROM, destination=TO)


def test_version_2_tlvs_are_read() -> None:
    ssl = tlv(0x20, VERIFIED + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"meter-1") + tlv(0x23, b"ECDHE"))
    header = read_three_ways(v2(tlv(1, b"mqtt"), tlv(2, b"gate.example.com"), ssl))
    assert (header.alpn, header.authority) == (b"mqtt", b"gate.example.com")
    assert header.tls == ProxiedTls(client=5, verify=0, common_name=b"meter-1")


@pytest.mark.parametrize(("client", "has_certificate"), [(0, False), (1, False), (3, True), (5, True)])
def test_ssl_tlv_says_whether_there_was_a_certificate(client: int, has_certificate: bool) -> None:
    tls = read_three_ways(v2(tlv(0x20, bytes([client]) + b"\0\0\0\1"))).tls
    assert tls == ProxiedTls(client, 1, None)
    assert tls.has_certificate is has_certificate


def test_local_is_known_and_its_block_is_not_looked_at() -> None:
    for family, addresses in ((0, b""), (0x11, bytes(12)), (0xFF, b"\xff" * 30), (0x11, b"")):
        data = v2(command=LOCAL, family=family, addresses=addresses)
        assert read_three_ways(data) == ProxyHeader(is_local=True)


def test_family_that_is_not_of_ip_leaves_the_ends_open() -> None:
    assert read_three_ways(v2(family=UNIX_STREAM, addresses=bytes(216))) == ProxyHeader()
    assert read_three_ways(v2(family=0, addresses=b"\xff" * 7)) == ProxyHeader()
    assert read_three_ways(v2(tlv(2, b"a"), family=UNIX_STREAM, addresses=bytes(216))).authority == b"a"


@pytest.mark.parametrize("family", [0x01, 0x10, 0x13, 0x20, 0x30, 0x33, 0x41, 0xFF])
def test_family_or_transport_that_is_not_defined_is_malformed(family: int) -> None:
    assert_malformed(v2(family=family, addresses=bytes(216)))


@pytest.mark.parametrize("command", [0x00, 0x10, 0x11, 0x22, 0x2F, 0x31])
def test_version_or_command_that_is_not_defined_is_malformed(command: int) -> None:
    assert_malformed(v2(command=command))


@pytest.mark.parametrize(("family", "size"), [(0x11, 12), (0x12, 12), (0x21, 36), (0x22, 36), (0x31, 216)])
def test_length_too_short_for_the_addresses_is_malformed(family: int, size: int) -> None:
    assert_malformed(v2(family=family, addresses=bytes(size - 1)))
    read_three_ways(v2(family=family, addresses=bytes(size)))


def test_version_2_has_a_bound_that_counts_before_the_bytes_come() -> None:
    whole = v2(tlv(4, bytes(MAXIMUM - 16 - 12 - 3)))
    assert len(whole) == MAXIMUM
    assert read_proxy_header(whole, MAXIMUM) is not None
    assert_malformed(v2(tlv(4, bytes(MAXIMUM - 16 - 12 - 2)))[:16])
    assert_malformed(SIGNATURE + b"\x20\x00\xff\xff")


@pytest.mark.parametrize(
    "rest",
    [
        b"\x04",
        b"\x04\0",
        b"\x04\0\1",
        b"\x04\xff\xff",
        tlv(0x20, b"\1\0\0\0"),
        tlv(0x20, VERIFIED + b"\x22\0\2x"),
        tlv(0x20, VERIFIED + tlv(0x22, b"a") * 2),
        tlv(0x20, VERIFIED) * 2,
        tlv(1, b"mqtt") * 2,
        tlv(2, b"a") + tlv(2, b"b"),
        tlv(3, b""),
        tlv(3, bytes(3)),
        tlv(3, bytes(5)),
        tlv(3, bytes(4)),
    ],
)
def test_tlvs_that_are_not_of_the_form_are_malformed(rest: bytes) -> None:
    assert_malformed(v2(rest))


def test_checksum_is_verified_when_it_is_there() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    data = with_crc32c(tlv(2, b"gate.example.com"))
    assert read_three_ways(data).source == FROM
    for at in range(16, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        if at not in range(len(data) - 7, len(data) - 6):  # its own type: then there is no checksum
            assert_malformed(bytes(changed))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11", v2(), v1()]), st.binary())
def test_any_bytes_are_read_or_are_the_one_fault(beginning: bytes, rest: bytes) -> None:
    data = beginning + rest
    try:
        found = read_proxy_header(data, MAXIMUM)
    except MalformedProxyHeader:
        return
    assert found is None or found[1] <= min(len(data), MAXIMUM)
