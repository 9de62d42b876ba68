"""Hypercorn on a socket of ours: what it must not do to the node around it."""

import socket
from pathlib import Path

import httpx
import pytest
import trio

from engine.api.application import build_application
from engine.api.serve import serve_api
from engine.limits import Limits
from tests.api.conftest import TOKEN, Api, api_services, open_store, serve_test_api

NEVER = 3600.0


@pytest.fixture
async def store(tmp_path: Path):
    store = await open_store(tmp_path)
    yield store
    await store.close()


async def test_the_answer_does_not_say_which_server_it_is(api: Api):
    response = await api.get("/livez")
    assert "server" not in response.headers


async def test_nothing_is_printed(api: Api, capfd: pytest.CaptureFixture[str]):
    await api.get("/livez")
    await api.get("/nope")
    await api.raw(b"this is not HTTP\r\n\r\n")
    assert capfd.readouterr() == ("", "")


async def test_the_listening_socket_stays_open(store):
    """A node that restarts its API listens on the same socket, and no connection is refused meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        services = api_services(store)
        for _ in range(2):
            async with trio.open_nursery() as nursery:

                async def serve() -> None:
                    await serve_api(build_application(services), listening, limits=services.limits)

                nursery.start_soon(serve)
                async with httpx.AsyncClient() as client:
                    url = f"http://127.0.0.1:{listening.getsockname()[1]}/livez"
                    assert (await client.get(url)).status_code == 200
                nursery.cancel_scope.cancel()
        assert listening.fileno() >= 0


async def test_requests_under_way_are_answered_before_the_end(store):
    asked, go_on = trio.Event(), trio.Event()

    async def check() -> None:
        asked.set()
        await go_on.wait()

    limits = Limits(drain_seconds=NEVER)
    services = api_services(store, limits=limits)
    services.health._check = check
    with socket.create_server(("127.0.0.1", 0)) as listening, trio.fail_after(20):
        shutdown, statuses = trio.Event(), []
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                await serve_api(build_application(services), listening, limits=limits, shutdown=shutdown)

            async def ask() -> None:
                async with httpx.AsyncClient(timeout=20) as client:
                    response = await client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/readyz")
                    statuses.append(response.status_code)

            nursery.start_soon(serve)
            nursery.start_soon(ask)
            await asked.wait()
            shutdown.set()
            await trio.testing.wait_all_tasks_blocked()
            go_on.set()
        assert statuses == [200]


async def test_a_peer_that_does_not_read_cannot_hold_up_the_end(store):
    """Hypercorn writes under a shield; only the system's TCP_USER_TIMEOUT ends that, and here, at last, the peer."""
    limits = Limits(send_seconds=0.2, drain_seconds=0.01)
    gave_up = []
    with socket.socket() as peer:

        async def give_up() -> None:
            await trio.sleep(10)
            gave_up.append(True)
            peer.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_up)
            async with serve_test_api(api_services(store, limits=limits)) as api:
                model = [{"service_id": f"s{n:03}", "service_type": "t", "description": "d" * 128} for n in range(500)]
                await api.create_product(service_capabilities=model)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.connect(("127.0.0.1", api.port))
                head = f"GET /v5/iot/project-1/products/meters HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n"
                peer.sendall(f"{head}\r\n".encode() * 100)
                await trio.testing.wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
    assert not gave_up


async def test_an_unread_body_leaves_no_task_behind(store):
    """The graceful end waits for connections, so it would not come if one hung in its body."""
    limits = Limits(drain_seconds=NEVER, api_seconds=0.05)
    with trio.fail_after(20):
        async with serve_test_api(api_services(store, limits=limits)) as api:
            stream = await trio.open_tcp_stream("127.0.0.1", api.port)
            await stream.send_all(b"POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n")
            await stream.send_all(b" " * 500_000)
        await stream.aclose()
