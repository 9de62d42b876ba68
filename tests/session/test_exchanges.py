import msgspec

from engine.claims.claim import TransportSecurity
from engine.limits import Limits
from engine.session.exchanges import Endpoint, Exchange, Exchanges

PEER = Endpoint(("192.0.2.1", 5683))


def exchanges(**bounds: float) -> Exchanges:
    return Exchanges(msgspec.structs.replace(Limits(), **bounds))


def test_an_exchange_is_under_way_and_then_has_its_answer() -> None:
    memory = exchanges()
    assert memory.find(PEER, 1, 0.0) is None
    memory.remember(PEER, 1, 0.0)
    assert memory.find(PEER, 1, 5.0) == Exchange(0.0, None)
    memory.finish(PEER, 1, b"answer")
    assert memory.find(PEER, 1, 5.0) == Exchange(0.0, b"answer")


def test_message_ids_are_each_endpoints_own() -> None:
    """The same address inside of a DTLS association is another endpoint (RFC 7252 section 9.1.1)."""
    memory = exchanges()
    memory.remember(PEER, 1, 0.0, b"answer")
    assert memory.find(Endpoint(("192.0.2.1", 5684)), 1, 0.0) is None
    assert memory.find(Endpoint(PEER.address, TransportSecurity.PSK), 1, 0.0) is None
    assert memory.find(PEER, 2, 0.0) is None


def test_a_message_id_means_another_message_after_the_exchange_lifetime() -> None:
    memory = exchanges(coap_exchange_seconds=247.0)
    memory.remember(PEER, 1, 0.0, b"answer")
    assert memory.find(PEER, 1, 246.9) is not None
    assert memory.find(PEER, 1, 247.0) is None
    memory.expire(246.9)
    assert len(memory) == 1
    memory.expire(247.0)
    assert len(memory) == 0


def test_a_peer_has_so_many_and_its_oldest_goes_first() -> None:
    memory = exchanges(coap_exchanges_per_peer=3)
    for message_id in range(5):
        memory.remember(PEER, message_id, 0.0, b"")
    assert [message_id for message_id in range(5) if memory.find(PEER, message_id, 0.0)] == [2, 3, 4]
    assert len(memory) == 3


def test_all_peers_together_have_so_many_and_the_most_silent_goes_first() -> None:
    memory = exchanges(coap_exchanges=10)
    peers = [Endpoint((f"192.0.2.{number}", 5683)) for number in range(12)]
    for number, peer in enumerate(peers):
        memory.remember(peer, number, float(number), b"")
        memory.remember(peers[0], 100, float(number), b"")
    assert len(memory) == 10
    assert memory.find(peers[0], 100, 11.0) is not None
    assert memory.find(peers[1], 1, 11.0) is None


def test_what_another_remembers_is_forgotten() -> None:
    memory = exchanges()
    memory.remember(PEER, 1, 0.0)
    memory.forget(PEER, 1)
    memory.forget(PEER, 1)
    memory.finish(PEER, 1, b"late")
    assert memory.find(PEER, 1, 0.0) is None
    assert len(memory) == 0
