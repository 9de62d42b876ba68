"""RFC 7252 section 3, on the same bytes as an oracle that shares no code with the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MessageFormatError
from engine.framing.coap.datagram import Code, Message, Type, code_of, read_message, write_message, write_reset
from tests.helpers import coap_packets as packets
from tests.helpers.coap_packets import ACK, CON, NON, POST, RST, coap

# Values around every border of the extended Option Delta and Length.
BORDERS = [0, 1, 12, 13, 14, 268, 269, 270, 1000]


def fault(datagram: bytes) -> MessageFormatError:
    with pytest.raises(MessageFormatError) as caught:
        read_message(datagram)
    return caught.value


def test_the_standards_own_request_is_read() -> None:
    """RFC 7252 appendix A, figure 16: GET /temperature, Message ID 0x7d34."""
    assert read_message(b"\x40\x01\x7d\x34\xbbtemperature") == Message(
        Type.CON, Code.GET, 0x7D34, b"", ((11, b"temperature"),), b""
    )


def test_the_standards_own_answer_is_read() -> None:
    """Figure 17: 2.05 with a token and the payload "22.3 C"."""
    answer = b"\x61\x45\x7d\x35\x20\xff22.3 C"
    assert read_message(answer) == Message(Type.ACK, Code.CONTENT, 0x7D35, b"\x20", (), b"22.3 C")
    assert write_message(Type.ACK, Code.CONTENT, 0x7D35, b"\x20", (), b"22.3 C") == answer


@pytest.mark.parametrize("delta", BORDERS)
@pytest.mark.parametrize("length", BORDERS)
def test_option_deltas_and_lengths_are_read_and_written_at_every_border(delta: int, length: int) -> None:
    value = b"v" * length
    datagram = coap(CON, POST, 7, ((delta, value), (delta + 1, b"x")), b"p", token=b"t")
    options = ((delta, value), (delta + 1, b"x"))
    assert read_message(datagram) == Message(Type.CON, POST, 7, b"t", options, b"p")
    assert write_message(Type.CON, POST, 7, b"t", options, b"p") == datagram


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_datagram_cut_inside_an_option_is_a_message_format_error(cut: int) -> None:
    """Also inside the extended delta and length: nothing is read behind the end."""
    datagram = coap(CON, POST, 7, ((1000, b"v" * 8),))
    assert str(fault(datagram[:-cut])).endswith("cut short")


@pytest.mark.parametrize("datagram", [b"", b"\x40", b"\x40\x01\x7d"])
def test_less_than_a_header_is_ignored(datagram: bytes) -> None:
    assert fault(datagram).message_id is None


@pytest.mark.parametrize("version", [0, 2, 3])
def test_another_version_is_ignored_silently(version: int) -> None:
    """ "Messages with unknown version numbers MUST be silently ignored": there is nothing to reset."""
    assert fault(coap(CON, POST, 7, version=version)).message_id is None


@pytest.mark.parametrize("tkl", range(9, 16))
@pytest.mark.parametrize("more", [b"", b"x" * 8, b"x" * 1000])
def test_ghsa_p9hp_2jxm_6rqp_and_qgj4_9jff_93cj_token_length_over_8_is_a_message_format_error(
    tkl: int, more: bytes
) -> None:
    """RIOT read extended token lengths (13 and 14) before it had the bytes, and wrote past the buffer."""
    found = fault(coap(CON, POST, 7, tkl=tkl) + more)
    assert (str(found), found.message_id) == ("reserved Token Length", 7)


@pytest.mark.parametrize("tkl", range(1, 9))
def test_a_token_cut_short_is_a_message_format_error(tkl: int) -> None:
    assert fault(coap(CON, POST, 7, tkl=tkl) + b"x" * (tkl - 1)).message_id == 7
    assert read_message(coap(CON, POST, 7, token=b"x" * tkl)).token == b"x" * tkl


@pytest.mark.parametrize("code_class", [1, 6, 7])
def test_a_reserved_code_class_is_a_message_format_error(code_class: int) -> None:
    assert fault(coap(CON, code_class << 5 | 1, 7)).message_id == 7


def test_a_payload_marker_without_payload_is_a_message_format_error() -> None:
    assert fault(coap(CON, POST, 7, payload=b"")).message_id == 7
    assert fault(coap(CON, POST, 7, ((11, "rd"),), b"")).message_id == 7


@pytest.mark.parametrize("byte", [0xF0, 0xF1, 0x0F, 0x1F, 0xFE, 0xEF])
def test_the_reserved_nibble_15_is_a_message_format_error(byte: int) -> None:
    assert "15" in str(fault(coap(CON, POST, 7) + bytes([byte]) + b"x" * 40))


@pytest.mark.parametrize("datagram", [coap(CON, 0, 7, token=b"t"), coap(CON, 0, 7) + b"\xff", coap(CON, 0, 7) + b"\0"])
def test_an_empty_message_with_bytes_is_a_message_format_error(datagram: bytes) -> None:
    assert fault(datagram).message_id == 7


@pytest.mark.parametrize("kind", [NON, ACK, RST])
def test_a_fault_in_what_is_not_confirmable_asks_for_no_reset(kind: int) -> None:
    assert fault(coap(kind, POST, 7, payload=b"")).message_id is None


def test_an_option_number_over_16_bits_is_a_message_format_error() -> None:
    most = coap(CON, POST, 7, ((65_535, b""),))
    assert read_message(most).options == ((65_535, b""),)
    fault(most + packets.option(1, b""))
    fault(coap(CON, POST, 7) + packets.option(65_535, b"") + packets.option(65_535, b""))


def test_which_code_is_a_request() -> None:
    assert [code for code in (0x00, 0x01, 0x1F, 0x41, 0xA3) if read_message(coap(CON, code, 7)).is_request] == [1, 0x1F]


def test_codes_are_written_with_a_dot() -> None:
    assert (code_of("2.01"), code_of("4.03"), code_of("5.03")) == (
        Code.CREATED,
        Code.FORBIDDEN,
        Code.SERVICE_UNAVAILABLE,
    )


def test_a_reset_is_an_empty_message() -> None:
    assert write_reset(0x1234) == coap(RST, 0, 0x1234)


def test_options_out_of_order_are_not_written() -> None:
    with pytest.raises(ValueError, match="order"):
        write_message(Type.ACK, Code.CREATED, 1, options=((8, b"rd"), (3, b"h")))


messages = st.builds(
    Message,
    type=st.sampled_from(Type),
    code=st.integers(1, 31) | st.integers(0x40, 0xBF),
    message_id=st.integers(0, 0xFFFF),
    token=st.binary(max_size=8),
    options=st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=300)), max_size=6).map(
        lambda options: tuple(sorted(options, key=lambda option: option[0]))
    ),
    payload=st.binary(max_size=60),
)


@given(message=messages)
def test_every_well_formed_message_is_read_as_the_oracle_wrote_it(message: Message) -> None:
    datagram = coap(
        message.type, message.code, message.message_id, message.options, message.payload or None, token=message.token
    )
    assert read_message(datagram) == message
    written = write_message(
        message.type, message.code, message.message_id, message.token, message.options, message.payload
    )
    assert written == datagram


@given(message=messages, data=st.data())
def test_a_changed_message_is_read_or_is_a_message_format_error(message: Message, data: st.DataObject) -> None:
    changed = bytearray(coap(message.type, message.code, 1, message.options, message.payload, token=message.token))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3)) or b"\x00"
    try:
        again = read_message(bytes(changed))
    except MessageFormatError:
        return
    assert sum(len(value) for _, value in again.options) + len(again.payload) < len(changed)
