"""What Python does with what C asks. The wire is tests/conformance; any bytes, test_native_differential.py."""

import contextlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest
import trio
import trio.testing

from engine.listeners import pace
from engine.listeners.native_mqtt import NativeMqttFront
from engine.listeners.peer import peer_of
from engine.observe.attempts import Attempt
from engine.session.mqtt import MqttConversation
from engine.session.replies import REPLIES
from engine.verdict.outcome import Reason
from tests.helpers.mqtt_fronts import Served, serving
from tests.helpers.mqtt_packets import PINGREQ, connect_packet, disconnect_packet, publish_packet, subscribe_packet
from tests.helpers.native_front import CONNACK, known_connect
from tests.helpers.records import STAMP_AT
from tests.helpers.wire import WireClient, wire_client

PINGRESP = b"\xd0\0"
WRONG = connect_packet("pump_0_0_2025041401", "pump", b"0" * 64)
KINDS = ["native", "asking"]


def client(served: Served) -> AbstractAsyncContextManager[WireClient]:
    return wire_client(served.address)


async def gone(served: Served, left: int = 0) -> None:
    """Until the front has closed all but so many."""
    while len(served.front) > left:
        await trio.lowlevel.checkpoint()


async def scenario(served: Served) -> None:
    """Something of everything that is counted."""
    packets: Sequence[bytes] = (
        WRONG,
        known_connect(user_name="other"),
        known_connect(keep_alive=1),
        connect_packet("no form", "pump", b"x"),
        b"\x10\x03\0\0\0",
        PINGREQ,
        known_connect("stranger", password=None),
    )
    for packet in packets:
        async with client(served) as refused:
            await refused.exchange(packet)
    for last in (b"\0\0", publish_packet("t", b"x" * 9, qos=2), PINGREQ + disconnect_packet()):
        async with client(served) as live:
            assert await live.exchange(known_connect()) == CONNACK
            await live.exchange(publish_packet("t", b"four", qos=1))
            await live.send(publish_packet("t", b"seven", qos=0) * 2 + last)
            while not await live.is_closed():
                pass
    async with client(served) as older, client(served) as newer:
        assert await older.exchange(known_connect(version=5))
        assert await newer.exchange(known_connect()) == CONNACK
        assert await older.receive_packet() == b"\xe0\x02\x8e\0"
    await gone(served)


@pytest.mark.parametrize("kind", KINDS)
async def test_counters_and_attempts_are_those_of_the_reference(kind: str) -> None:
    with trio.fail_after(20):
        async with serving("reference") as reference, serving(kind) as native:
            await scenario(reference)
            await scenario(native)
            known_good = native.told().pop('keyturn_known_good_total{listener="mqtt",protocol="mqtt"}', 0.0)
            told = {name: value for name, value in native.told().items() if "known_good" not in name}
            assert told == reference.told()
            assert known_good == (5.0 if kind == "native" else 0.0)
            assert native.attempts.of_device("pump") == reference.attempts.of_device("pump") != ()


async def test_refused_before_a_verdict_is_an_attempt_of_the_device_it_named() -> None:
    async with serving("native") as served, client(served) as refused:
        await refused.exchange(known_connect(keep_alive=1))
        attempt = Attempt(STAMP_AT, Reason.KEEP_ALIVE_OUT_OF_RANGE, "127.0.0.1", "mqtt")
        assert served.attempts.of_device("pump") == (attempt,)
        assert served.admission.asked == []


@pytest.mark.parametrize("kind", KINDS)
async def test_refusals_wait_for_the_tick_and_a_drain_does_not_lose_them(kind: str) -> None:
    code = bytes([REPLIES[Reason.WRONG_SECRET].mqtt3 or 0])
    with trio.fail_after(20):
        async with (
            serving(kind, refusal_tick_seconds=3600.0) as served,
            client(served) as judged,
            client(served) as bad,
        ):
            await judged.send(WRONG)
            await bad.send(known_connect(version=5, keep_alive=60, client_id="no form"))
            while sum(value for name, value in served.told().items() if "verdicts" in name) < 2:
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert len(served.front) == 2, "nobody was answered before the tick"
            await served.front.drain()
            assert await judged.receive_packet() == b"\x20\x02\0" + code
            assert (await bad.receive_packet())[3] == REPLIES[Reason.CLIENT_IDENTIFIER_NOT_VALID].mqtt5
            assert await judged.is_closed()


@pytest.mark.parametrize("version", [4, 5])
async def test_drain_answers_who_awaits_a_verdict_and_admits_nobody_after_it(version: int) -> None:
    reply = REPLIES[Reason.DRAINING]
    with trio.fail_after(20):
        async with serving("asking") as served, client(served) as waiting, client(served) as live:
            await live.exchange(known_connect("valve", version=5))
            served.admission.may_judge = trio.Event()
            await waiting.send(known_connect(version=version))
            while served.admission.asked[-1] != "pump":
                await trio.lowlevel.checkpoint()
            await served.front.drain()
            assert (await waiting.receive_packet())[3] == (reply.mqtt5 if version == 5 else reply.mqtt3)
            assert await waiting.is_closed()
            assert await live.receive_packet() == b"\xe0\x02\x8b\0"
            assert len(served.sessions) == 0


@pytest.mark.parametrize("kind", ["reference", *KINDS])
async def test_drain_ends_sessions_at_a_pace_and_who_has_none_at_once(
    kind: str, mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five sessions, over half of half a second: two, two and one."""
    monkeypatch.setattr(pace, "LEAST", 1)
    devices = [f"d{number}" for number in range(5)]
    async with (
        serving(kind, devices, drain_seconds=0.5) as served,
        contextlib.AsyncExitStack() as stack,
        trio.open_nursery() as nursery,
    ):
        clients = [await stack.enter_async_context(client(served)) for _ in devices]
        for device, live in zip(devices, clients, strict=True):
            assert (await live.exchange(known_connect(device, version=5)))[3] == 0
        silent = await stack.enter_async_context(client(served))
        while len(served.front) < 6:
            await trio.lowlevel.checkpoint()
        nursery.start_soon(served.front.drain)
        assert await silent.is_closed()
        left = []
        for _ in range(3):
            await trio.testing.wait_all_tasks_blocked()
            left.append(len(served.sessions))
            mock_clock.jump(pace.TICK_SECONDS)
        assert left == [3, 1, 0]
        for live in clients:
            assert await live.receive_packet() == b"\xe0\x02\x8b\0"
            assert await live.is_closed()


async def test_peer_that_leaves_before_its_verdict_has_no_session() -> None:
    with trio.fail_after(20):
        async with serving("asking", connect_seconds=0.1) as served, client(served) as leaving:
            served.admission.may_judge = trio.Event()
            await leaving.send(known_connect())
            assert await leaving.is_closed(), "at its deadline"
            served.admission.may_judge.set()
            await trio.testing.wait_all_tasks_blocked()
            assert served.told()['keyturn_verdicts_total{listener="mqtt",protocol="mqtt",reason="accepted"}'] == 1.0
            assert (len(served.sessions), len(served.front)) == (0, 0)


class Planted(Exception):
    pass


async def test_bug_in_the_admission_ends_those_that_were_asked_about_and_is_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with trio.fail_after(20):
        async with serving("native") as served, client(served) as live, client(served) as unlucky:
            await live.exchange(known_connect())
            served.admission.fault = Planted("planted")
            await unlucky.send(known_connect("stranger"))
            assert await unlucky.is_closed()
            assert await live.exchange(PINGREQ) == PINGRESP
            served.admission.fault = None
            async with client(served) as other:
                assert await other.exchange(known_connect("stranger")) == CONNACK
    assert "this is a bug" in capsys.readouterr().out


async def test_bug_in_one_answer_leaves_no_session_of_that_batch_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with trio.fail_after(20):
        async with serving("asking") as served, client(served) as first, client(served) as second:
            served.admission.may_judge = trio.Event()
            await first.send(known_connect("d1"))
            await second.send(known_connect("d2"))
            while len(served.admission.asked) < 2:
                await trio.lowlevel.checkpoint()
            monkeypatch.setattr(MqttConversation, "receive_verdict", _fail)
            served.admission.may_judge.set()
            assert await first.is_closed()
            assert await second.is_closed()
            assert len(served.sessions) == 0
    assert "this is a bug" in capsys.readouterr().out


async def test_bug_in_one_live_session_ends_that_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with trio.fail_after(20):
        async with serving("native", ["pump", "valve"]) as served, client(served) as unlucky, client(served) as live:
            await unlucky.exchange(known_connect())
            await live.exchange(known_connect("valve"))
            monkeypatch.setattr(MqttConversation, "resumed", _fail)
            await unlucky.send(publish_packet("t"))
            assert await unlucky.is_closed()
            assert await live.exchange(PINGREQ) == PINGRESP
            assert served.sessions.device_ids() == ["valve"]
    assert "this is a bug" in capsys.readouterr().out


def _fail(*_arguments: object, **_fields: object) -> None:
    raise Planted("planted")


async def test_prefix_with_failed_attempts_is_python_s_until_it_has_proved_itself() -> None:
    peer = peer_of("127.0.0.1", 1, ())
    with trio.fail_after(20):
        async with serving("native", exempt=False, failures_per_address=1) as served:

            async def connect() -> None:
                async with client(served) as device:
                    assert await device.exchange(known_connect()) == CONNACK

            await connect()
            assert served.admission.asked == []
            served.admission.throttle.note_failure(peer, "other", trio.current_time())
            await connect()
            assert served.admission.asked == ["pump"]
            served.admission.throttle.note_success(peer, "other")
            await connect()
            assert served.admission.asked == ["pump"]


async def test_subscriptions_are_kept_as_long_as_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation that keeps nothing is made anew for each question; one that keeps something is not."""
    own = "$oc/devices/pump/sys/commands/#"
    made: list[str] = []
    resumed = MqttConversation.resumed

    def noted(*arguments: object, **fields: object) -> MqttConversation:
        made.append(str(fields["device_id"]))
        return resumed(*arguments, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(MqttConversation, "resumed", noted)
    with trio.fail_after(20):
        async with serving("native", subscriptions=1) as served, client(served) as live:
            await live.exchange(known_connect())
            for _ in range(3):
                await live.exchange(publish_packet("t", qos=1))
            assert made == ["pump"] * 3
            assert await live.exchange(subscribe_packet((own, 1))) == b"\x90\x03\0\1\1"
            assert (
                await live.exchange(subscribe_packet(("$oc/devices/pump/sys/messages/down", 1))) == b"\x90\x03\0\1\x80"
            )
            assert await live.exchange(subscribe_packet((own, 0))) == b"\x90\x03\0\1\0"
            assert made == ["pump"] * 4
            assert isinstance(served.front, NativeMqttFront)
            assert len(served.front._kept) == 1
            await live.stream.aclose()  # type: ignore[attr-defined]
            await gone(served)
            while served.front._kept:
                await trio.lowlevel.checkpoint()
