"""Bodies of callers who have proved nothing: bounded each, bounded in all, and the largest goes first."""

from collections.abc import Iterable

import pytest
import trio
import trio.testing

from engine.api.doorway import Exchange
from engine.api.problems import ApiProblem, Problem
from engine.api.unproved import UnprovedBodies
from engine.limits import Limits

LARGE = 1000


class Sender:
    """A peer whose body arrives chunk by chunk, as the test lets it."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self._send, self._receive = trio.open_memory_channel[dict[str, object]](100)
        for chunk in chunks:
            self.give(chunk)
        self.exchange = Exchange(self._receive.receive, self._drop, "id", Limits())  # type: ignore[arg-type] # messages

    def give(self, chunk: bytes, *, more: bool = True) -> None:
        self._send.send_nowait({"type": "http.request", "body": chunk, "more_body": more})

    def leave(self) -> None:
        self._send.send_nowait({"type": "http.disconnect"})

    async def _drop(self, _message: object) -> None:
        pass


class Reader:
    """The node's side of it: a task that reads one body."""

    def __init__(self, bodies: UnprovedBodies, sender: Sender) -> None:
        self._bodies, self._sender = bodies, sender
        self.outcome: bytes | Problem | None = None

    async def run(self) -> None:
        try:
            self.outcome = await self._bodies.read(self._sender.exchange, LARGE)
        except ApiProblem as refused:
            self.outcome = refused.problem


async def outcomes(most_bytes: int, *senders: Sender) -> list[bytes | Problem | None]:
    """What comes of reading them all at the same time; the last octets are given once all else is read."""
    bodies = UnprovedBodies(most_bytes)
    readers = [Reader(bodies, sender) for sender in senders]
    async with trio.open_nursery() as nursery:
        for reader in readers:
            nursery.start_soon(reader.run)
        await trio.testing.wait_all_tasks_blocked()
        for sender in senders:
            sender.give(b".", more=False)
    return [reader.outcome for reader in readers]


async def test_bodies_are_read_whole_and_given_again_to_the_handler():
    sender = Sender([b"ab", b"cd"])

    assert await outcomes(LARGE, sender) == [b"abcd."]
    assert await sender.exchange.receive() == {"type": "http.request", "body": b"abcd.", "more_body": False}


async def test_when_there_are_too_many_octets_the_largest_body_goes():
    """So that whoever floods the node pushes out his own."""
    small, large, last = Sender([b"s" * 10]), Sender([b"l" * 80]), Sender([b"m" * 30])

    assert await outcomes(100, small, large, last) == [b"s" * 10 + b".", Problem.BUSY, b"m" * 30 + b"."]


async def test_room_is_given_back_whatever_comes_of_a_body():
    bodies = UnprovedBodies(100)
    for sender in (Sender([b"x" * 90]), Sender([b"x" * 2000]), Sender([b"x" * 200])):
        sender.give(b"", more=False)
        reader = Reader(bodies, sender)
        await reader.run()
    whole = Sender([b"x" * 99])
    whole.give(b".", more=False)

    assert await bodies.read(whole.exchange, LARGE) == b"x" * 99 + b"."


async def test_one_body_has_its_own_bound():
    assert await outcomes(10 * LARGE, Sender([b"x" * LARGE])) == [Problem.BODY_TOO_LARGE]


async def test_a_peer_that_leaves_has_said_nothing():
    """Half a body must never be taken for the whole one."""
    sender = Sender([b"ab"])
    sender.leave()

    assert await outcomes(LARGE, sender) == [Problem.BODY_TOO_SLOW]


async def test_a_body_that_does_not_come_is_given_up(autojump_clock: trio.testing.MockClock):
    with pytest.raises(ApiProblem) as refused:
        await UnprovedBodies(LARGE).read(Sender([b"ab"]).exchange, LARGE)

    assert refused.value.problem is Problem.BODY_TOO_SLOW
