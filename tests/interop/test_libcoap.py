"""Debian's libcoap client against a node: a stock client, nothing of ours on its side."""

import re
import subprocess
from pathlib import Path

import pytest
import trio

from tests.helpers.coap_nodes import coap_node

pytestmark = pytest.mark.system("libcoap3-bin")

CLIENT = "coap-client-notls"


async def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """-v 7 tells every message on its standard error and output, as 4.3.1 does."""
    return await trio.run_process(
        [CLIENT, "-v", "7", "-B", "20", *arguments], capture_stdout=True, capture_stderr=True, check=False
    )


def codes(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Codes of the answers, in their order; requests have a name there and no number."""
    return re.findall(r"t:(?:ACK|NON) c:(\d\.\d\d)", (done.stdout + done.stderr).decode())


def location(done: subprocess.CompletedProcess[bytes]) -> str:
    return "/".join(re.findall(r"Location-Path:(\w+)", (done.stdout + done.stderr).decode()))


@pytest.mark.parametrize("kind", [[], ["-N"]], ids=["CON", "NON"])
async def test_libcoap_registers_updates_and_deregisters(tmp_path: Path, kind: list[str]) -> None:
    async with coap_node(tmp_path) as running:
        server = f"coap://{running.addresses['coap']}"
        made = await run(
            *kind, "-m", "post", "-t", "40", "-e", "</1/0>,</3/0>", f"{server}/rd?ep=pump&lt=300&lwm2m=1.0"
        )
        assert codes(made) == ["2.01"], made
        place = f"{server}/{location(made)}"
        assert codes(await run(*kind, "-m", "post", f"{place}?lt=60")) == ["2.04"]
        assert (await running.show_device("device-pump"))["status"] == "ONLINE"
        assert codes(await run(*kind, "-m", "delete", place)) == ["2.02"]
        assert codes(await run(*kind, "-m", "delete", place)) == ["4.04"]
        assert (await running.show_device("device-pump"))["status"] == "OFFLINE"


async def test_libcoap_is_refused_and_finds_the_resources(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        server = f"coap://{running.addresses['coap']}"
        assert codes(await run("-m", "post", f"{server}/rd?ep=vault")) == ["4.03"]
        assert codes(await run("-m", "post", f"{server}/rd?ep=pump&lwm2m=3.0")) == ["4.12"]
        assert b'</rd>;rt="oma.lwm2m"' in (await run(f"{server}/.well-known/core")).stdout


async def test_libcoap_sends_a_long_link_list_block_by_block(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        links = ",".join(f"</3/{number}>" for number in range(400))
        server = f"coap://{running.addresses['coap']}"
        done = await run("-b", "256", "-m", "post", "-t", "40", "-e", links, f"{server}/rd?ep=pump&lt=300")
        assert codes(done) == ["2.31"] * (len(links) // 256) + ["2.01"]
