"""A node with native fronts: what its listeners share, and what becomes of devices that C accepts by itself."""

import urllib.request
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio

from engine.gate import compiled_table
from engine.gate.compiled import library_version
from engine.limits import Limits
from engine.node import native_fronts
from tests.conformance.conftest import SECRET, connect_as
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.wire import WireClient, wire_client

CONNACK = b"\x20\x02\0\0"


class Site:
    def __init__(self, running: RunningNode, ca: Path) -> None:
        self.running, self._ca = running, ca

    def client(self, listener: str = "mqtt") -> AbstractAsyncContextManager[WireClient]:
        return wire_client(self.running.addresses[listener], listener, self._ca)

    async def connect(self, listener: str = "mqtt") -> None:
        async with self.client(listener) as client:
            assert await client.exchange(connect_as()) == CONNACK

    async def silent(self, listener: str) -> trio.SocketStream:
        """A connection that says nothing; the node closes it, or its owner."""
        host, _, port = self.running.addresses[listener].rpartition(":")
        before = await self.pending()
        stream = await trio.open_tcp_stream(host, int(port))
        while await self.pending() == before:
            await trio.sleep(0.01)
        return stream

    async def pending(self) -> float:
        return await self._sum("keyturn_pending ")

    async def total(self, name: str) -> float:
        """The sum of a counter over its labels."""
        return await self._sum(f"{name}_total")

    async def _sum(self, beginning: str) -> float:
        url = f"http://{self.running.addresses['api']}/metrics"
        text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(beginning))


@asynccontextmanager
async def opened(tmp_path: Path, **bounds: int) -> AsyncIterator[Site]:
    limits = msgspec.structs.replace(Limits(), **bounds)
    with trio.fail_after(30):
        async with open_test_node(tmp_path, native="always", limits=limits) as running:
            await running.create_product()
            await running.create_device("pump", SECRET)
            yield Site(running, tmp_path / "data" / "tls" / "ca.pem")


@pytest.mark.parametrize("older", ["mqtt", "mqtts", "ws"])
@pytest.mark.parametrize("newer", ["mqtt", "mqtts", "ws"])
async def test_device_has_one_session_whichever_listeners_it_comes_by(tmp_path: Path, older: str, newer: str) -> None:
    """ws is served by the reference front; C accepts on the others, once the device is known."""
    async with opened(tmp_path) as site:
        await site.connect()
        async with site.client(older) as first, site.client(newer) as second:
            assert (await first.exchange(connect_as(version=5)))[3] == 0
            assert await second.exchange(connect_as()) == CONNACK
            assert await first.receive_packet() == b"\xe0\x02\x8e\0"
            assert await first.is_closed()
            assert await second.exchange(PINGREQ) == b"\xd0\0"
            assert await site.total("keyturn_sessions_taken_over") == 1.0
            known = await site.total("keyturn_known_good")
            assert known == [older, newer].count("mqtt") + [older, newer].count("mqtts")


async def test_what_c_has_accepted_is_in_the_registry_and_among_the_attempts(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.connect()
        await site.connect("mqtts")
        assert await site.total("keyturn_known_good") == 1.0
        await site.running.node.drain()
        device = await site.running.show_device("pump")
        attempts = site.running.node._rooms.attempts.of_device("pump")
        assert [(attempt.listener, attempt.address) for attempt in attempts] == [
            ("mqtts", "127.0.0.1"),
            ("mqtt", "127.0.0.1"),
        ]
        assert device["status"] == "OFFLINE"


async def test_devices_are_known_after_a_restart_before_they_come(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.connect()
    async with open_test_node(tmp_path, native="always") as running, trio.open_nursery():
        site = Site(running, tmp_path / "data" / "tls" / "ca.pem")
        with trio.fail_after(30):
            native = running.node._rooms.native
            assert native is not None
            assert native.known_good is not None
            while not len(native.known_good.table):
                await trio.lowlevel.checkpoint()
            await site.connect()
            assert await site.total("keyturn_known_good") == 1.0


async def test_node_without_memory_for_the_table_asks_python_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(_entries: int) -> compiled_table.CredentialTable:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(native_fronts, "CredentialTable", none)
    async with opened(tmp_path) as site:
        await site.connect()
        await site.connect()
        assert await site.total("keyturn_known_good") == 0.0
        assert await site.total("keyturn_verdicts") == 2.0
    assert "every CONNECT takes the long way" in capsys.readouterr().out


async def test_every_series_of_the_metrics_names_its_listener(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        url = f"http://{site.running.addresses['api']}/metrics"
        text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
    assert 'listener="mqtt"' in text
    assert 'listener=""' not in text


async def test_tickets_are_given_where_they_cost_less_than_they_save(tmp_path: Path) -> None:
    async with opened(tmp_path) as site:
        await site.connect("mqtts")
    assert (tmp_path / "data" / "tickets.root").exists() is library_version().startswith("AWS-LC")


SILENT = ("mqtt", "mqtts", "ws")


async def test_pending_of_all_listeners_are_counted_together(tmp_path: Path) -> None:
    """One silent peer a listener, native and Trio, and every listener is above the soft mark of two.

    Who has shaken hands with C is judged all the same.
    """
    async with opened(tmp_path, pending_soft=2) as site:
        streams = [await site.silent(listener) for listener in SILENT]
        for listener in SILENT:
            async with site.client(listener) as client:
                answer = CONNACK if listener == "mqtts" else b"\x20\x02\0\3"
                assert await client.exchange(connect_as()) == answer
        for stream in streams[1:]:
            await stream.aclose()
        while await site.pending() > 1:
            await trio.sleep(0.01)
        for listener in SILENT:
            await site.connect(listener)
        await streams[0].aclose()


@pytest.mark.parametrize("older", SILENT)
@pytest.mark.parametrize("newer", SILENT)
async def test_oldest_pending_connection_goes_whichever_listeners_have_them(
    tmp_path: Path, older: str, newer: str
) -> None:
    async with opened(tmp_path, pending_hard=2, pending_soft=2) as site:
        oldest, between = await site.silent(older), await site.silent(newer)
        async with site.client(newer) as client:
            assert await client.exchange(connect_as()) == CONNACK
        assert await oldest.receive_some() == b""
        async with site.client(older) as client:
            assert await client.exchange(connect_as()) == CONNACK, "there is a place"
        assert await site.pending() == 1, "the other one has kept its own"
        await between.aclose()
        await oldest.aclose()
