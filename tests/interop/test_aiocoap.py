"""PyPI's aiocoap against a node, in a process of its own: it is asyncio's, and we are Trio's."""

import sys
from pathlib import Path

import trio

from tests.helpers.coap_nodes import coap_node

PROGRAM = Path(__file__).with_name("aiocoap_device.py")


async def codes(server: str, *arguments: str) -> list[str]:
    done = await trio.run_process([sys.executable, str(PROGRAM), server, *arguments], capture_stdout=True)
    return done.stdout.decode().split()


async def test_aiocoap_registers_updates_and_deregisters(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        assert await codes(running.addresses["coap"], "pump") == ["2.01", "2.04", "2.02", "4.04"]


async def test_aiocoap_sends_a_long_link_list_block_by_block(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        links = ",".join(f"</3/{number}>" for number in range(400))
        assert await codes(running.addresses["coap"], "pump", links) == ["2.01", "2.04", "2.02", "4.04"]


async def test_aiocoap_is_refused_in_the_clear_with_a_secret(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        assert await codes(running.addresses["coap"], "vault") == ["4.03"]
        assert await codes(running.addresses["coap"], "nobody") == ["4.03"]
