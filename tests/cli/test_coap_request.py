"""The demo's CoAP client tells what was on the wire."""

import subprocess
import sys
from pathlib import Path

import trio

from tests.helpers.coap_nodes import coap_node


async def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "engine.cli.coap_request", *arguments]
    done = await trio.run_process(command, stdin=subprocess.DEVNULL, capture_stdout=True)
    return done.stdout.decode().strip()


async def test_it_prints_code_and_location(tmp_path: Path) -> None:
    async with coap_node(tmp_path) as running:
        server = f"coap://{running.addresses['coap']}"
        code, location = (await run("POST", f"{server}/rd?ep=pump&lt=60", "</1/0>")).split()
        assert (code, location[:3]) == ("2.01", "rd/")
        assert await run("DELETE", f"{server}/{location}") == "2.02"
        assert await run("POST", f"{server}/rd?ep=vault") == "4.03"
