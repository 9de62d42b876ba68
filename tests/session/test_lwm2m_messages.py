"""The message layer (RFC 7252 section 4) and its bounds: datagrams of the oracle in, its reading of the answers out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.session.exchanges import Endpoint
from engine.session.lwm2m import Answer, ClaimMade
from engine.verdict.outcome import Reason
from tests.helpers import coap_packets as packets
from tests.helpers.coap_packets import ACK, CON, NON, RST, coap, deregister, read_answer, register, update
from tests.helpers.lwm2m_server import PEER, Server

WELL_KNOWN = ((packets.URI_PATH, ".well-known"), (packets.URI_PATH, "core"))


def test_a_ping_is_reset_and_other_empty_messages_are_ignored() -> None:
    server = Server()
    assert server.send(coap(CON, packets.EMPTY, 0x1234)) == coap(RST, packets.EMPTY, 0x1234)
    for kind in (NON, ACK, RST):
        assert server.send(coap(kind, packets.EMPTY, 0x1234)) is None


def test_a_response_to_nothing_is_reset_if_it_is_confirmable() -> None:
    server = Server()
    assert server.send(coap(CON, 0x45, 7, payload=b"x")) == coap(RST, packets.EMPTY, 7)
    for kind in (NON, ACK, RST):
        assert server.send(coap(kind, 0x45, 7, payload=b"x")) is None


@pytest.mark.parametrize("kind", [ACK, RST])
def test_a_request_in_an_acknowledgement_or_reset_is_ignored(kind: int) -> None:
    assert Server().send(register(kind=kind)) is None


def test_a_message_format_error_is_reset_if_it_is_confirmable() -> None:
    server = Server()
    for tkl in (9, 13, 14, 15):
        assert server.send(coap(CON, packets.POST, 7, tkl=tkl)) == coap(RST, packets.EMPTY, 7)
        assert server.send(coap(NON, packets.POST, 7, tkl=tkl)) is None
    assert server.send(b"") is None
    assert server.send(coap(CON, packets.POST, 7, version=2)) is None


def test_an_unknown_critical_option_is_a_bad_option_or_silence() -> None:
    server = Server()
    assert server.exchange(register(more=((9, b"x"),))).code == "4.02"
    assert server.send(register(kind=NON, more=((9, b"x"),))) is None
    assert server.exchange(register(message_id=2, more=((packets.URI_PATH, b"\xff"),))).code == "4.02"


def test_a_non_confirmable_request_is_answered_so_with_a_message_id_of_ours() -> None:
    server = Server()
    first = server.exchange(register(kind=NON, message_id=5, token=b"t"))
    second = server.exchange(update(first.location, kind=NON, message_id=6, token=b"u"))
    assert [(one.type, one.code, one.token) for one in (first, second)] == [(NON, "2.01", b"t"), (NON, "2.04", b"u")]
    assert [one.message_id for one in (first, second)] == [0xFFFF, 0]


@pytest.mark.parametrize("kind", [CON, NON])
def test_whatever_is_sent_again_is_answered_by_the_same_bytes_and_not_done_again(kind: int) -> None:
    server = Server()
    first = register(kind=kind)
    answer = server.send(first)
    assert answer is not None
    location = read_answer(answer).location
    assert server.send(first) == answer
    changing = update(location, "lt=60", kind=kind)
    changed = server.send(changing)
    assert server.send(changing) == changed
    assert server.send(first) == answer, "also behind a later request"
    leaving = deregister(location, kind=kind)
    left = server.send(leaving)
    assert server.send(leaving) == left, "2.02 again, not 4.04"
    assert server.send(first) == answer
    assert len(server.lwm2m) == 0, "a Register that comes late raises nothing from the dead"
    assert len(server.claims) == 3


def test_a_register_that_was_replaced_and_comes_late_changes_nothing() -> None:
    server = Server()
    old = server.send(register(message_id=1))
    new = server.registered(message_id=2)
    assert server.send(register(message_id=1)) == old
    assert server.exchange(update(new, message_id=3)).code == "2.04"


def test_what_is_sent_again_while_its_verdict_is_awaited_is_ignored() -> None:
    server = Server()
    made = server.lwm2m.receive_datagram(register(), PEER, 0.0)
    assert isinstance(made, ClaimMade)
    assert server.lwm2m.receive_datagram(register(), PEER, 2.0) is None
    answer = server.judge(made)
    assert server.lwm2m.receive_datagram(register(), PEER, 4.0) == Answer(answer)


def test_a_message_id_may_be_used_anew_after_the_exchange_lifetime() -> None:
    server = Server(coap_exchange_seconds=247.0)
    old = server.registered("ep=pump&lt=3000")
    server.now = 247.0
    assert server.registered("ep=pump&lt=3000") != old


def test_what_is_remembered_of_peers_is_bounded() -> None:
    server = Server(coap_exchanges=100, coap_exchanges_per_peer=4, coap_transfers=10)
    server.verdict = Reason.UNKNOWN_DEVICE
    for number in range(1000):
        peer = Endpoint((f"192.0.2.{number % 250}", number))
        for message_id in range(6):
            server.send(register(f"ep=n{number}", message_id=message_id), peer)
        block = ((packets.BLOCK1, packets.block(0, True, 16)),)
        server.send(register(f"ep=n{number}", b"x" * 16, message_id=9, more=block), peer)
    assert len(server.lwm2m._exchanges) <= 100
    assert len(server.lwm2m._transfers) == 10
    assert len(server.lwm2m._asked) == 0


def test_no_answer_to_an_unknown_peer_is_larger_than_three_times_its_request() -> None:
    """RFC 7252 section 11.3: whose address is forged is not to be flooded through us."""
    server = Server()
    datagrams = [
        coap(CON, packets.GET, 1, WELL_KNOWN),
        coap(CON, packets.GET, 1, (*WELL_KNOWN, (packets.BLOCK2, packets.block(0, False, 1024)))),
        coap(CON, packets.EMPTY, 1),
        coap(CON, packets.GET, 1),
        coap(CON, packets.POST, 1, tkl=13),
        register("ep=x", None, token=b""),
    ]
    for verdict in (Reason.UNKNOWN_DEVICE, Reason.REGISTRY_UNAVAILABLE):
        server.verdict = verdict
        for number, datagram in enumerate(datagrams):
            answer = server.send(datagram, Endpoint(("192.0.2.2", number)))
            assert answer is not None
            assert len(answer) <= 3 * len(datagram)


def test_an_answer_that_would_be_larger_is_its_code_alone() -> None:
    server = Server(coap_amplification=1)
    answer = server.exchange(coap(CON, packets.GET, 1, WELL_KNOWN, token=b"t"))
    assert (answer.code, answer.token, answer.options, answer.payload) == ("2.05", b"t", [], b"")


seeds = st.sampled_from(
    [
        register(more=((packets.BLOCK1, packets.block(0, True, 16)),)),
        register("ep=pump&lt=60&lwm2m=1.1&b=UT&Q&sms=1", b'</>;rt="oma.lwm2m"'),
        update(["rd", "0" * 20], "lt=60"),
        deregister(["rd", "0" * 20], kind=NON),
        coap(CON, packets.GET, 1, (*WELL_KNOWN, (packets.BLOCK2, 0))),
    ]
)


@given(datagram=seeds, data=st.data(), is_accepted=st.booleans())
def test_any_datagram_is_answered_or_ignored_and_nothing_is_raised(
    datagram: bytes, data: st.DataObject, is_accepted: bool
) -> None:
    changed = bytearray(datagram)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    server = Server()
    server.verdict = Reason.ACCEPTED if is_accepted else Reason.UNKNOWN_DEVICE
    answer = server.send(bytes(changed))
    if answer is not None:
        assert len(answer) <= 3 * len(changed)
        assert read_answer(answer).type in (ACK, RST, NON)
