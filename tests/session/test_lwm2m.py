"""The LwM2M server without I/O: datagrams of the oracle in, its reading of the answers out."""

import pytest

from engine.claims.claim import NodeClaim, TransportSecurity
from engine.session.exchanges import Endpoint
from engine.session.lwm2m import ClaimMade, Refused
from engine.session.table import CloseReason, Session
from engine.verdict.outcome import Accepted, Reason
from tests.helpers import coap_packets as packets
from tests.helpers.coap_packets import ACK, CON, coap, deregister, read_answer, register, update
from tests.helpers.lwm2m_server import PEER, Server

ELSEWHERE = Endpoint(("198.51.100.1", 1))
SECURED = Endpoint(("192.0.2.1", 5683), TransportSecurity.PSK)


def test_a_device_registers_updates_and_deregisters() -> None:
    server = Server()
    answer = server.exchange(register(message_id=7, token=b"abcd"))
    assert (answer.type, answer.code, answer.message_id, answer.token) == (ACK, "2.01", 7, b"abcd")
    assert answer.location[0] == "rd"
    assert len(answer.location[1]) == 20
    assert len(server.lwm2m) == len(server.sessions) == 1
    changed = server.exchange(update(answer.location, "lt=60", message_id=8))
    assert (changed.type, changed.code, changed.message_id) == (ACK, "2.04", 8)
    gone = server.exchange(deregister(answer.location, message_id=9))
    assert (gone.type, gone.code, gone.message_id) == (ACK, "2.02", 9)
    assert len(server.lwm2m) == len(server.sessions) == 0


def test_what_a_register_says_is_stored_and_an_update_changes_it() -> None:
    server = Server()
    location = server.registered("ep=pump&lt=300&b=UQ&sms=436641", links=b"</1/0>")
    made = server.lwm2m.registration("pump")
    assert made is not None
    assert (made.device_id, made.lifetime_seconds, made.binding, made.has_queue_mode) == (
        "device-pump",
        300,
        "UQ",
        True,
    )
    assert (made.sms_number, [link.target for link in made.links]) == ("436641", ["/1/0"])
    server.exchange(update(location, "lt=60&b=U", b"</1/0>,</3/0>"), ELSEWHERE)
    assert (made.lifetime_seconds, made.binding, made.has_queue_mode, made.endpoint) == (60, "U", False, ELSEWHERE)
    assert len(made.links) == 2


def test_the_claim_is_the_name_and_how_it_came() -> None:
    server = Server()
    location = server.registered()
    server.exchange(update(location))
    server.exchange(deregister(location))
    assert server.claims == [NodeClaim("pump", TransportSecurity.NONE)] * 3


def test_the_endpoint_name_is_judged_again_on_every_operation() -> None:
    """A device that may no more is told so, and its registration is over."""
    for operation in (update, deregister):
        server = Server()
        location = server.registered()
        server.verdict = Reason.SECURE_ACCESS_REQUIRED
        assert server.exchange(operation(location)).code == "4.03"
        assert len(server.lwm2m) == len(server.sessions) == 0


@pytest.mark.parametrize("reason", [Reason.REGISTRY_UNAVAILABLE, Reason.SERVER_BUSY, Reason.RATE_EXCEEDED])
def test_an_outage_is_unavailable_with_max_age_and_ends_no_registration(reason: Reason) -> None:
    server = Server(unavailable_seconds=30)
    location = server.registered()
    server.verdict = reason
    for number, datagram in enumerate((register(message_id=5), update(location), deregister(location))):
        answer = server.exchange(datagram)
        assert (answer.code, answer.values(packets.MAX_AGE)) == ("5.03", [b"\x1e"]), number
    assert len(server.lwm2m) == len(server.sessions) == 1


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_DEVICE, Reason.SECURE_ACCESS_REQUIRED, Reason.DEVICE_FROZEN])
def test_every_refusal_is_the_same_to_the_byte(reason: Reason) -> None:
    """Nobody can tell a device that needs DTLS, or is frozen, from one that does not exist."""
    server = Server()
    server.verdict = reason
    assert server.send(register(message_id=7)) == b"\x62\x83\x00\x07tk"
    assert len(server.lwm2m) == 0


@pytest.mark.parametrize("datagram", [update(["rd", "0" * 20]), deregister(["rd", "0" * 20]), update(["rd", "pump"])])
def test_an_unknown_location_is_not_found(datagram: bytes) -> None:
    """Also for who knows the name: the reference service's location is the name itself."""
    server = Server()
    server.registered()
    assert server.exchange(datagram).code == "4.04"
    assert len(server.claims) == 1


def test_a_new_register_of_the_name_replaces_the_old_one() -> None:
    server = Server()
    old = server.registered(message_id=1)
    new = server.registered(message_id=2)
    assert old != new
    assert len(server.lwm2m) == len(server.sessions) == 1
    assert server.exchange(update(old, message_id=3)).code == "4.04"
    assert server.exchange(update(new, message_id=4)).code == "2.04"


def test_an_operation_over_another_transport_than_the_registers_is_refused_unjudged() -> None:
    server = Server()
    location = server.registered()
    for datagram in (update(location), deregister(location)):
        event = server.lwm2m.receive_datagram(datagram, SECURED, 0.0)
        assert isinstance(event, Refused)
        assert (event.reason, event.asserted) == (Reason.TRANSPORT_DIFFERS, "device-pump")
        assert event.datagram is not None
        assert read_answer(event.datagram).code == "4.03"
    assert len(server.lwm2m) == 1


def test_a_registration_ends_with_its_lifetime() -> None:
    server = Server()
    location = server.registered("ep=pump&lt=60")
    server.now = 59.0
    assert server.lwm2m.expire(server.now) == 0
    assert server.exchange(update(location)).code == "2.04"
    server.now = 119.0
    assert server.lwm2m.expire(server.now) == 1
    assert len(server.lwm2m) == len(server.sessions) == 0
    assert server.exchange(update(location, message_id=9)).code == "4.04"


def test_a_registration_ends_from_within_and_its_location_is_gone() -> None:
    """DeleteDevice and freeze close the session over the bus; CoAP has no word for that but 4.04."""
    server = Server()
    location = server.registered()
    session = server.sessions.find("device-pump")
    assert session is not None
    assert session.front.close(session.connection, CloseReason.ADMINISTRATIVE)
    assert not session.front.close(session.connection, CloseReason.ADMINISTRATIVE)
    assert len(server.lwm2m) == len(server.sessions) == 0
    assert server.exchange(update(location)).code == "4.04"


def test_a_register_closed_before_its_answer_stands_for_nothing() -> None:
    """Frozen between the commit of its verdict and the answer: the device tries again, and is judged anew."""
    server = Server()
    made = server.lwm2m.receive_datagram(register(), PEER, 0.0)
    assert isinstance(made, ClaimMade)
    server.sessions.attach("device-pump", Session(server.lwm2m, made.connection, 0.0))
    assert server.lwm2m.close(made.connection, CloseReason.ADMINISTRATIVE)
    answer = server.lwm2m.receive_verdict(made, Accepted("device-pump", "r", 1, first=False, checked_stamp=False))
    assert read_answer(answer).code == "5.03"
    assert len(server.lwm2m) == len(server.sessions) == 0


def test_an_update_whose_registration_ends_meanwhile_is_not_found() -> None:
    server = Server()
    location = server.registered()
    made = server.lwm2m.receive_datagram(update(location), PEER, 0.0)
    assert isinstance(made, ClaimMade)
    server.lwm2m.close_all()
    answer = server.lwm2m.receive_verdict(made, Accepted("device-pump", "r", 1, first=False, checked_stamp=False))
    assert read_answer(answer).code == "4.04"
    assert len(server.lwm2m) == len(server.sessions) == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("ep=pump&lwm2m=2.0&lt=60", "4.12"),
        ("ep=pump&lwm2m=1.1", "4.00"),
        ("lt=60", "4.00"),
        ("lwm2m=1.1&lt=60", "4.00"),
        ("ep=pump&ep=pump", "4.00"),
        (f"ep={'x' * 65}", "4.00"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_unjudged(query: str, code: str) -> None:
    """Also a 1.1 Register without a name: plain CoAP has no credential that could give it."""
    server = Server()
    assert server.exchange(register(query)).code == code
    assert server.claims == []


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [
        ("rd", packets.GET, "4.05"),
        ("rd", packets.PUT, "4.05"),
        (".well-known/core", packets.POST, "4.05"),
        ("bs", packets.POST, "4.04"),
        ("", packets.GET, "4.04"),
        ("rd/x/y", packets.POST, "4.04"),
        ("rd/", packets.POST, "4.04"),
        ("other/core", packets.GET, "4.04"),
    ],
)
def test_other_resources_and_methods_are_told_so(path: str, method: int, code: str) -> None:
    options = tuple((packets.URI_PATH, segment) for segment in path.split("/")) if path else ()
    assert Server().exchange(coap(CON, method, 1, options)).code == code


def test_a_location_takes_post_and_delete_alone() -> None:
    server = Server()
    location = server.registered()
    options = tuple((packets.URI_PATH, segment) for segment in location)
    assert server.exchange(coap(CON, packets.GET, 2, options)).code == "4.05"


@pytest.mark.parametrize("number", [35, 39])
def test_a_forward_proxy_is_not_what_we_are(number: int) -> None:
    assert Server().exchange(coap(CON, packets.GET, 1, ((number, "coap://elsewhere"),))).code == "5.05"


def test_a_datagram_over_its_bound_is_too_large() -> None:
    answer = Server(coap_datagram_bytes=200).exchange(register(links=b"</1/0>" + b" " * 200))
    assert answer.code == "4.13"


WELL_KNOWN = ((packets.URI_PATH, ".well-known"), (packets.URI_PATH, "core"))


def test_well_known_core_names_the_registration_interface() -> None:
    server = Server()
    answer = server.exchange(coap(CON, packets.GET, 1, (*WELL_KNOWN, (packets.OBSERVE, 0))))
    assert (answer.code, answer.payload) == ("2.05", b'</rd>;rt="oma.lwm2m";ct=40')
    assert answer.options == [(packets.CONTENT_FORMAT, b"\x28")]
    assert server.exchange(coap(CON, packets.GET, 1, (*WELL_KNOWN, (packets.ACCEPT, 40)))).code == "2.05"
    assert server.exchange(coap(CON, packets.GET, 1, (*WELL_KNOWN, (packets.ACCEPT, 50)))).code == "4.06"


def test_well_known_core_comes_in_blocks_where_that_is_asked_for() -> None:
    server, payload = Server(), b""
    for number, has_more in ((0, True), (1, False)):
        asked = (*WELL_KNOWN, (packets.BLOCK2, packets.block(number, False, 16)))
        answer = server.exchange(coap(CON, packets.GET, number, asked))
        assert answer.values(packets.BLOCK2) == [packets.number_bytes(packets.block(number, has_more, 16))]
        payload += answer.payload
    assert payload == b'</rd>;rt="oma.lwm2m";ct=40'
    beyond = (*WELL_KNOWN, (packets.BLOCK2, packets.block(2, False, 16)))
    assert server.exchange(coap(CON, packets.GET, 3, beyond)).code == "4.02"


def test_a_long_link_list_comes_in_blocks() -> None:
    server = Server()
    links = b",".join(b"</3/%d>" % number for number in range(300))
    blocks = [links[at : at + 1024] for at in range(0, len(links), 1024)]
    for number, payload in enumerate(blocks):
        has_more = number + 1 < len(blocks)
        block = packets.number_bytes(packets.block(number, has_more, 1024))
        datagram = register(links=payload, message_id=number, more=((packets.BLOCK1, block),))
        answer = server.exchange(datagram)
        assert (answer.code, answer.values(packets.BLOCK1)) == ("2.31" if has_more else "2.01", [block])
        assert server.send(datagram) == server.send(datagram), "the last one too"
    registration = server.lwm2m.registration("pump")
    assert registration is not None
    assert len(registration.links) == 300
    assert len(server.claims) == 1


def test_blocks_that_do_not_fit_together_are_told_so() -> None:
    server = Server(coap_body_bytes=100)
    late = register(message_id=1, links=b"x" * 64, more=((packets.BLOCK1, packets.block(1, True, 64)),))
    assert server.exchange(late).code == "4.08"
    first = register(message_id=2, links=b"x" * 64, more=((packets.BLOCK1, packets.block(0, True, 64)),))
    assert server.exchange(first).code == "2.31"
    second = register(message_id=3, links=b"x" * 64, more=((packets.BLOCK1, packets.block(1, True, 64)),))
    assert server.exchange(second).code == "4.13"
    reserved = register(message_id=4, more=((packets.BLOCK1, 7),))
    assert server.exchange(reserved).code == "4.00"
