"""The CoAP service where the system or a bug is the difficulty. The wire is tests/conformance/test_coap.py."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.limits import Limits
from engine.listeners.coap import CoapFront, Lwm2mService
from engine.listeners.mqtt import FrontServices
from engine.listeners.pending import DictPending
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.observe.repeats import Repeats
from engine.registry.record import DeviceProtocol
from engine.registry.store import Store
from engine.session.exchanges import Endpoint
from engine.session.lwm2m import Lwm2mServer
from tests.helpers.coap_packets import read_answer, register
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import CLOCK, add_device, add_product, new_sealer, open_empty_store
from tests.listeners.test_admit import parts_over

PEER = Endpoint(("192.0.2.1", 5683))


class Bench:
    """A service over a real store with the node-ID devices n0 to n9, and what it sent."""

    def __init__(self, store: Any, sealer: Any, limits: Limits) -> None:
        parts = parts_over(store, sealer, limits)
        self.metrics = Metrics()
        self.health = Health(store.check, limits)
        self.services = FrontServices(
            admission=parts.admission,
            sessions=parts.sessions,
            pending=DictPending(limits),
            attempts=parts.attempts,
            metrics=self.metrics.listener("coap", "coap"),
            health=self.health,
            repeats=Repeats(CLOCK, limits),
            clock=CLOCK,
            limits=limits,
            exempt=(),
        )
        self.sent: list[tuple[bytes, Endpoint]] = []
        self.service = Lwm2mService("coap", self.services, os.urandom, lambda *sent: self.sent.append(sent))

    def codes(self) -> list[str]:
        return [read_answer(datagram).code for datagram, _ in self.sent]

    async def exchange(self, *datagrams: bytes) -> None:
        await self.service.judge(self.service.receive([(datagram, PEER) for datagram in datagrams]))


@asynccontextmanager
async def bench(tmp_path: Path, fail_at: int = 0, **bounds: Any) -> AsyncIterator[Bench]:
    sealer = new_sealer()
    async with open_empty_store(tmp_path) as store:
        await add_product(store, "lwm2m", "CoAP")
        for number in range(10):
            fields = {"protocol": DeviceProtocol.COAP, "secure_access": False}
            await add_device(store, sealer, f"n{number}", b"0123456789abcdef", "lwm2m", **fields)
        used: Store = FaultyStore(store, fail_at=fail_at) if fail_at else store  # type: ignore[assignment]  # it is one
        yield Bench(used, sealer, msgspec.structs.replace(Limits(), **bounds))


async def test_a_batch_is_judged_together_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.exchange(*(register(f"ep=n{number}", message_id=number) for number in range(10)))
        answers = [read_answer(datagram) for datagram, _ in made.sent]
        assert [answer.message_id for answer in answers] == list(range(10))
        assert len({answer.location[1] for answer in answers}) == len(made.service) == 10


async def test_of_two_registers_of_a_name_in_one_batch_one_stands(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.exchange(register("ep=n1", message_id=1), register("ep=n1", message_id=2))
        assert len(made.service) == len(made.services.sessions) == 1
        accepted = [read_answer(datagram) for datagram, _ in made.sent if read_answer(datagram).code == "2.01"]
        assert len(accepted) == 1


async def test_device_past_its_timeout_is_refused_and_a_registration_clears_it(tmp_path: Path) -> None:
    sealer, now = new_sealer(), int(CLOCK.wall())
    async with open_empty_store(tmp_path) as store:
        await add_product(store, "lwm2m", "CoAP")
        for node_id, timeout_at in (("late", now - 1), ("early", now + 3600)):
            fields = {"protocol": DeviceProtocol.COAP, "secure_access": False, "timeout_at": timeout_at}
            await add_device(store, sealer, node_id, b"0123456789abcdef", "lwm2m", **fields)
        made = Bench(store, sealer, Limits())
        await made.exchange(register("ep=late", message_id=1), register("ep=early", message_id=2))
        made.service.end([])
        assert made.codes() == ["2.01", "4.03"]
        assert (await store.credentials(["early"]))["early"].timeout_at is None


async def test_refusals_leave_on_the_tick_and_answers_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench(tmp_path, refusal_tick_seconds=0.05) as made, trio.open_nursery() as nursery:
        nursery.start_soon(made.service.run)
        await trio.testing.wait_all_tasks_blocked()
        await made.exchange(register("ep=n1", message_id=1), register("ep=nobody", message_id=2))
        await made.exchange(register("ep=n1&ep=n1", message_id=3))
        assert made.codes() == ["2.01"]
        await trio.sleep(0.06)
        assert made.codes() == ["2.01", "4.03", "4.00"]
        nursery.cancel_scope.cancel()


async def test_promise_7_every_failing_store_call_is_unavailable_never_yes_never_no(tmp_path: Path) -> None:
    for number in (1, 2):
        async with bench(tmp_path / str(number), fail_at=number) as made:
            await made.exchange(register("ep=n1", message_id=1))
            made.service.end([])
            assert made.codes() == ["5.03"]
            assert len(made.service) == 0


async def test_overload_is_said_before_any_look_up(tmp_path: Path) -> None:
    async with bench(tmp_path, fail_at=1, loop_lag_seconds=1.0) as made:
        made.health.note_loop_lag(2.0)
        await made.exchange(register("ep=n1"))
        made.service.end([])
        assert made.codes() == ["5.03"]
        assert not made.services.admission._store.has_failed  # type: ignore[attr-defined]  # no call was made


async def test_a_bug_costs_one_message_and_never_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2018-12679 and -12680."""
    whole = Lwm2mServer.receive_datagram

    def broken(self: Lwm2mServer, datagram: bytes, endpoint: Endpoint, now: float) -> object:
        if datagram == b"boom":
            raise ZeroDivisionError
        return whole(self, datagram, endpoint, now)

    monkeypatch.setattr(Lwm2mServer, "receive_datagram", broken)
    async with bench(tmp_path) as made:
        await made.exchange(b"boom", register("ep=n1"))
        assert made.codes() == ["2.01"]


async def test_registrations_end_by_their_lifetime_in_the_background(tmp_path: Path) -> None:
    now = 0.0
    async with bench(tmp_path) as made:
        made.services = msgspec.structs.replace(
            made.services, clock=msgspec.structs.replace(CLOCK, monotonic=lambda: now)
        )
        service = Lwm2mService("coap", made.services, os.urandom, lambda *sent: made.sent.append(sent))
        await service.judge(service.receive([(register("ep=n1&lt=60"), PEER)]))
        now = 61.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.run)
            with trio.fail_after(20):
                while len(service):
                    await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        assert len(made.services.sessions) == 0


async def test_front_drains_what_waits_and_closes_its_socket(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        front = CoapFront("coap", made.services, os.urandom, sock)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(sock.getsockname())
            client.settimeout(20)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(front.serve)
                client.send(register("ep=n1", message_id=1))
                assert read_answer(await trio.to_thread.run_sync(client.recv, 2048)).code == "2.01"
                assert len(front) == 1
                front._receiving.cancel()
                client.send(register("ep=n2", message_id=2))
                await front.drain()
            assert read_answer(client.recv(2048)).code == "5.03"
            assert (len(front), len(made.services.sessions), sock.fileno()) == (0, 0, -1)
