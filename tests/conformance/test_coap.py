"""LwM2M over CoAP against a whole node, over real sockets: who is let in, and what ends it."""

from pathlib import Path
from typing import Any

import pytest
import trio

from engine.config import LISTENERS
from tests.helpers import coap_packets as packets
from tests.helpers.coap_nodes import coap_node, create_node
from tests.helpers.coap_packets import CON, Answer, coap, deregister, read_answer, register, update
from tests.helpers.coap_wire import CoapClient, coap_client
from tests.helpers.nodes import open_test_node

REFUSED = b"\x62\x83\x00\x01tk"


async def registered(client: CoapClient, **more: Any) -> list[str]:
    answer = await client.exchange(register(**more))
    assert answer.code == "2.01"
    return answer.location


async def test_node_id_device_registers_updates_and_deregisters(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        location = await registered(client)
        shown = await running.show_device("device-pump")
        assert (shown["status"], "active_time" in shown) == ("ONLINE", True)
        assert (await client.exchange(update(location, "lt=60"))).code == "2.04"
        assert (await client.exchange(deregister(location))).code == "2.02"
        assert (await running.show_device("device-pump"))["status"] == "OFFLINE"
        assert (await client.exchange(update(location, message_id=9))).code == "4.04"


async def test_secure_unknown_frozen_and_mqtt_devices_are_refused_by_the_same_bytes(tmp_path: Path) -> None:
    """Else plain CoAP would be the way round the pre-shared key, or tell whose devices have one."""
    async with coap_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("meter")
        await create_node(running, "frozen")
        await running.freeze("device-frozen")
        for node_id in ("vault", "nobody", "frozen", "meter", "device-pump"):
            async with coap_client(running.addresses["coap"]) as client:
                await client.send(register(f"ep={node_id}"))
                assert await client.receive() == REFUSED, node_id


async def test_attempts_tell_what_the_wire_does_not(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        await client.exchange(register("ep=vault"))
        path = "/keyturn/devices/device-vault/attempts"
        attempts = await trio.to_thread.run_sync(running.api.get, path)
        (attempt,) = attempts["attempts"]
        assert (attempt["reason"], attempt["listener"]) == ("secure_access_required", "coap")


@pytest.mark.parametrize("end", ["freeze", "delete"])
async def test_freeze_and_delete_end_the_registration_before_they_return(tmp_path: Path, end: str) -> None:
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        location = await registered(client)
        await (running.freeze if end == "freeze" else running.delete_device)("device-pump")
        assert (await client.exchange(update(location))).code == "4.04"
        assert (await client.exchange(register(message_id=9))).code == "4.03"
        if end == "freeze":
            await running.unfreeze("device-pump")
            assert (await client.exchange(register(message_id=10))).code == "2.01"


async def test_promise_4_too_many_failures_are_unavailable_with_max_age(tmp_path: Path) -> None:
    async with (
        coap_node(tmp_path, {"exempt_networks": ()}, failures_per_pair=3) as running,
        coap_client(running.addresses["coap"]) as client,
    ):
        answers = [await client.exchange(register("ep=vault", message_id=number)) for number in range(4)]
        assert [answer.code for answer in answers] == ["4.03", "4.03", "4.03", "5.03"]
        assert answers[3].values(packets.MAX_AGE) == [b"\x1e"]
        assert (await client.exchange(register(message_id=9))).code == "2.01"


async def test_a_storm_of_devices_in_one_burst_is_answered_whole(tmp_path: Path) -> None:
    """More than one batch at once, so that look-ups take a thread hop; each device has one registration."""
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        names = [f"n{number}" for number in range(100)]
        for name in names:
            await create_node(running, name)
        for number, name in enumerate(names):
            await client.send(register(f"ep={name}", message_id=number))
        answers = [read_answer(await client.receive()) for _ in names]
        assert {answer.code for answer in answers} == {"2.01"}
        assert len({answer.location[1] for answer in answers}) == 100


async def test_crafted_datagrams_leave_the_front_serving(tmp_path: Path) -> None:
    """CVE-2018-12679 and -12680: in CoAPthon an exception in decode ended the server."""
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        whole = register(more=((packets.BLOCK1, packets.block(0, False, 16)),))
        for cut in range(len(whole)):
            await client.send(whole[:cut])
        for byte in range(256):
            await client.send(bytes([byte]) * 4 + whole[4:])
            await client.send(whole[:4] + bytes([byte]) * 20)
        await client.send(b"")
        await client.send(b"\xff" * 9000)
        async with coap_client(running.addresses["coap"]) as other:
            assert (await other.exchange(register(message_id=999))).code == "2.01"


async def test_registrations_end_with_the_node_and_the_next_one_says_not_found(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        location = await registered(client)
        await running.node.drain()
        assert (await running.show_device("device-pump"))["status"] == "OFFLINE"
    async with open_test_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        assert (await client.exchange(update(location))).code == "4.04"
        assert (await client.exchange(register())).code == "2.01"


async def test_listens_on_ipv6(tmp_path: Path) -> None:
    listeners = {kind.name: "[::1]:0" for kind in LISTENERS}
    async with (
        coap_node(tmp_path, {"listeners": listeners}) as running,
        coap_client(running.addresses["coap"]) as client,
    ):
        assert (await client.exchange(register())).code == "2.01"


async def test_a_ping_is_answered_at_once(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running, coap_client(running.addresses["coap"]) as client:
        answer: Answer = await client.exchange(coap(CON, packets.EMPTY, 7))
        assert (answer.type, answer.code, answer.message_id) == (packets.RST, "0.00", 7)
