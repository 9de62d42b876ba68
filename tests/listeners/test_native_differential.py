"""For any bytes, in any pieces, the native front sends what the reference conversation sends, and counts the same.

The conversation (engine/session/mqtt.py) is the oracle; the bytes go over real sockets, several connections at a time.
Half of the CONNECTs are of devices that C knows, half are Python's to judge.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.limits import Limits
from engine.session.mqtt import Broken, ClaimMade, Discarded, MqttConversation, Refused, State
from tests.helpers import mqtt_packets as packets
from tests.helpers.mqtt_fronts import Served, serving, verdict_on
from tests.helpers.mqtt_streams import seeds
from tests.helpers.native_front import known_connect

CONNECTIONS = 6
LIMITS = {"packet_bytes": 3000, "connect_packet_bytes": 1000, "subscriptions": 2}
"""Small, so that what is over the bounds is soon generated."""


class Expected(NamedTuple):
    """What the oracle says of a stream."""

    answer: bytes
    is_over: bool
    is_live: bool
    counted: Counter[str]


def expected_of(pieces: Sequence[bytes]) -> Expected:
    limits = Limits(**LIMITS)  # type: ignore[arg-type]
    conversation, answer, counted = MqttConversation(limits), b"", Counter[str]()
    for piece in pieces:
        conversation.receive_data(piece)
        while (event := conversation.next_event()) is not None:
            if isinstance(event, ClaimMade):
                outcome = verdict_on(event.claim)
                counted[f"verdicts {outcome.reason.value}"] += 1
                conversation.receive_verdict(outcome)
            elif isinstance(event, Refused):
                counted[f"verdicts {event.reason.value}"] += 1
            elif isinstance(event, Broken):
                counted[f"sessions_broken {event.reason.value}"] += 1
            elif isinstance(event, Discarded):
                counted["publishes_discarded"] += 1
                counted["publish_bytes_discarded"] += event.payload_bytes
        answer += conversation.data_to_send()
    return Expected(answer, conversation.is_over, conversation.state is State.CONNECTED, +counted)


def counted_by(served: Served) -> Counter[str]:
    """The same words, of /metrics."""
    counted = Counter[str]()
    for name, value in served.told().items():
        kind, _, labels = name.removeprefix("keyturn_").partition("_total")
        reason = labels.partition('reason="')[2].partition('"')[0]
        if kind in ("verdicts", "sessions_broken", "publishes_discarded", "publish_bytes_discarded"):
            counted[f"{kind} {reason}".strip()] += int(value)
    return counted


async def heard_from(served: Served, pieces: Sequence[bytes], expected: Expected) -> bytes:
    """What the front answers until it closes; who is not thrown out leaves in the middle of everything."""
    host, port = served.address.rsplit(":", 1)
    heard = b""
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        with suppress(trio.BrokenResourceError):  # the end came in the middle of our bytes
            for piece in pieces:
                await stream.send_all(piece)
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
            if not expected.is_over:
                await stream.send_eof()
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some(65536):
                heard += data
    return heard


async def compare(kind: str, streams: Sequence[Sequence[bytes]]) -> None:
    expected = [expected_of(pieces) for pieces in streams]
    heard = [b""] * len(streams)
    with trio.fail_after(30):
        async with serving(kind, [f"d{number}" for number in range(CONNECTIONS)], **LIMITS) as served:

            async def talk(number: int) -> None:
                heard[number] = await heard_from(served, streams[number], expected[number])

            async with trio.open_nursery() as nursery:
                for number in range(len(streams)):
                    nursery.start_soon(talk, number)
            assert heard == [each.answer for each in expected]
            assert counted_by(served) == sum((each.counted for each in expected), Counter())
            while len(served.front):  # who said DISCONNECT is closed at the next turn
                await trio.lowlevel.checkpoint()
            assert len(served.sessions) == 0


# Streams

VERSIONS = st.sampled_from([3, 4, 5])
TOPICS = st.sampled_from(
    ["t", "", "a/#", "$oc/devices/d0/sys/commands/#", "$oc/devices/d1/sys/messages/down", "x" * 200]
)
KEEP_ALIVES = st.sampled_from([30, 60, 1200, 0, 29, 1201, 65535])
PROPERTIES = st.sampled_from(
    [
        b"",
        b"\x27\0\0\0\1",
        b"\x27\0\0\0\x05",
        b"\x27\0\0\0\x20",
        b"\x11\0\0\0\x05",
        b"\x21\0\0",
        b"\x17\2",
        b"\x15\0\1m",
    ]
)
WILLS = st.none() | st.builds(packets.WillMessage, TOPICS, st.binary(max_size=20), st.integers(0, 3), st.booleans())


@st.composite
def connects(draw: st.DrawFn, number: int, version: int) -> bytes:
    """Mostly with one oddity, so that what follows is read as well."""
    name = draw(st.sampled_from([f"d{number}"] * 4 + [f"stranger{number}"]))
    oddities: dict[str, st.SearchStrategy[object]] = {
        "keep_alive": KEEP_ALIVES,
        "properties": PROPERTIES,
        "will": WILLS,
        "password": st.sampled_from([None, b"", b"0" * 64]),
        "user_name": st.sampled_from([None, "", "somebody"]),
        "client_id": st.sampled_from(["", "x", f"{name}_0_2_2025041401", f"{name}_0_1_2025041401"]),
    }
    odd = draw(st.lists(st.sampled_from(["keep_alive", "properties", *oddities]), max_size=2))
    return known_connect(name, version=version, **{field: draw(oddities[field]) for field in odd})


def session_packets(version: int) -> st.SearchStrategy[bytes]:
    """Mostly what a session survives."""
    properties = st.sampled_from([b"", b"\x26\0\1n\0\1v"]) if version == 5 else st.just(b"")
    payloads = st.sampled_from([b"", b"x", b"x" * 900, b"x" * 2980])
    subscriptions = st.tuples(TOPICS.filter(bool), st.integers(0, 1))
    fit = st.one_of(
        st.integers(1, 200).map(lambda count: packets.PINGREQ * count),
        st.builds(
            packets.publish_packet,
            st.sampled_from(["t", "a/b"]),
            payloads,
            qos=st.integers(0, 1),
            version=st.just(version),
            properties=properties,
        ),
        st.builds(packets.subscribe_packet, subscriptions, subscriptions, version=st.just(version)),
        st.builds(packets.unsubscribe_packet, TOPICS.filter(bool), version=st.just(version)),
    )
    odd = st.one_of(
        st.builds(
            packets.publish_packet,
            TOPICS,
            st.just(b"x" * 3000),
            qos=st.integers(0, 2),
            retain=st.booleans(),
            packet_identifier=st.sampled_from([0, 65535]),
            version=st.just(version),
        ),
        st.sampled_from([packets.disconnect_packet(), packets.disconnect_packet(0), b"\xe0\x01\x04", b"\x10\0"]),
        st.builds(packets.packet, st.integers(0, 255), st.binary(max_size=12)),
        st.binary(min_size=1, max_size=6),
    )
    return st.integers(0, 7).flatmap(lambda which: fit if which else odd)


@st.composite
def streams(draw: st.DrawFn, number: int) -> list[bytes]:
    """A stream in pieces: mostly a CONNECT and a session, sometimes spoilt, sometimes anything."""
    version = draw(VERSIONS)
    kind = draw(st.integers(0, 20))
    if kind == 20:
        data = draw(st.binary(max_size=60))
    elif kind == 19:
        data = draw(st.sampled_from(seeds()))
    else:
        data = draw(connects(number, version)) + b"".join(draw(st.lists(session_packets(version), max_size=8)))
    if data and draw(st.integers(0, 6)) == 6:
        spoilt = bytearray(data)
        for _ in range(draw(st.integers(1, 3))):
            spoilt[draw(st.integers(0, len(spoilt) - 1))] = draw(st.integers(0, 255))
        data = bytes(spoilt[: draw(st.integers(1, len(spoilt)))])
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in itertools.pairwise([0, *cuts, len(data)]) if start < end]


@pytest.mark.parametrize("kind", ["native", "asking"])
@given(st.data())
def test_any_streams_in_any_pieces_are_answered_and_counted_as_by_the_reference(kind: str, data: st.DataObject) -> None:
    drawn = [data.draw(streams(number)) for number in range(data.draw(st.integers(1, CONNECTIONS)))]
    trio.run(compare, kind, drawn)


@pytest.mark.parametrize("kind", ["native", "asking"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1 << 20])
def test_whole_lives_in_pieces_of_one_size(kind: str, size: int) -> None:
    lives = []
    for number, version in enumerate((3, 4, 5)):
        data = (
            known_connect(f"d{number}", version=version)
            + packets.PINGREQ
            + packets.subscribe_packet((f"$oc/devices/d{number}/sys/commands/#", 1), version=version)
            + packets.PINGREQ * 20
            + packets.publish_packet("t", b"x" * 100, qos=1, version=version)
            + packets.publish_packet("t", b"x" * 100, version=version)
            + packets.unsubscribe_packet(f"$oc/devices/d{number}/sys/commands/#", version=version)
            + packets.disconnect_packet()
        )
        lives.append([data[at : at + size] for at in range(0, len(data), size)])
    trio.run(compare, kind, lives)


@settings(max_examples=20)
@given(st.data())
def test_reference_front_is_what_its_conversation_is(data: st.DataObject) -> None:
    """That the comparison itself is fair."""
    trio.run(compare, "reference", [data.draw(streams(number)) for number in range(2)])
