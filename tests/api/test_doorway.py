"""The rules before any routing (THREATS, "The application API")."""

from pathlib import Path

import httpx
import pytest
import trio
from structlog.testing import capture_logs

from engine.api.doorway import Doorway, find_objection, is_plain
from engine.api.problems import Problem
from engine.limits import Limits
from tests.api.conftest import TOKEN, Api, api_services, open_store, serve_test_api

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOST = (b"host", b"localhost")


@pytest.mark.parametrize("path", ["/", "/livez", "/v5/iot/p/devices", "/v5/iot/p/devices/", "/a-b_c.d~e", "/.a"])
def test_plain_path_is_let_in(path: str):
    assert is_plain(path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "livez",
        "http://localhost/livez",
        "//livez",
        "/v5//iot",
        "/livez//",
        "/./livez",
        "/v5/../livez",
        "/v5/..",
        "/.",
        "/v5%2Fiot",
        "/%2e%2e/livez",
        "/%252e",
        "/livez%00",
        "/livez;a=b",
        "/a\\b",
        "/a b",
        "/\u6c34",
    ],
)
def test_path_that_two_readers_could_read_differently_is_refused(path: str):
    assert not is_plain(path.encode())
    assert find_objection([HOST], path.encode(), HOSTS) is Problem.PATH_NOT_PLAIN


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"])
def test_host_of_the_list_is_let_in_with_any_port(host: str):
    assert find_objection([(b"host", host.encode())], b"/", HOSTS) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "evil.example:80", "::1", "[::2]", "[::1", "127.0.0.1.", "\xff"],
)
def test_host_outside_the_list_is_misdirected(host: str):
    """DNS rebinding: a page of evil.example whose name points at 127.0.0.1 must not reach the API."""
    assert find_objection([(b"host", host.encode("latin-1"))], b"/", HOSTS) is Problem.MISDIRECTED


def test_request_without_host_is_misdirected():
    assert find_objection([], b"/", HOSTS) is Problem.MISDIRECTED


@pytest.mark.parametrize(
    "name", [b"host", b"x-auth-token", b"authorization", b"content-type", b"x-sdk-date", b"x-sdk-content-sha256"]
)
def test_repeated_security_header_is_refused_even_when_both_are_equal(name: bytes):
    headers = [HOST, (name, b"localhost"), (name, b"localhost")]
    assert find_objection(headers, b"/", HOSTS) is Problem.HEADER_REPEATED


def test_headers_that_may_be_repeated_may_be():
    assert find_objection([HOST, (b"accept", b"a"), (b"accept", b"b")], b"/", HOSTS) is None


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/livez", {"Host": "evil.example"}, 421, "IOTDA.090004"),
        ("/openapi.json", {"Host": "evil.example"}, 421, "IOTDA.090004"),
        ("/v5/iot/project-1/devices", {"Host": "evil.example"}, 421, "IOTDA.090004"),
        ("/v5/iot/project-1%2fdevices", {}, 400, "IOTDA.090006"),
        ("/no/such/path", {}, 404, "IOTDA.090001"),
    ],
)
async def test_refusals_have_the_contract_s_body(api: Api, path: str, headers: dict[str, str], status: int, code: str):
    response = await api.get(path, headers=headers)
    assert response.status_code == status
    assert response.json()["error_code"] == code
    assert set(response.json()) == {"error_code", "error_msg"}
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers["x-request-id"]) == 32


async def test_dot_segments_are_not_resolved(api: Api):
    """httpx would resolve them itself, so they go by hand."""
    request = f"GET /v5/iot/project-2/../project-1/devices HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n"
    head, body = await api.raw(f"{request}Connection: close\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 400")
    assert b"IOTDA.090006" in body


async def test_two_tokens_are_refused_whatever_they_are(api: Api):
    request = (
        f"GET /v5/iot/project-1/devices HTTP/1.1\r\nHost: 127.0.0.1\r\n{f'X-Auth-Token: {TOKEN}' + chr(13) + chr(10)}"
    )
    once, twice = request, f"{request}x-auth-token: {TOKEN}\r\n"
    head, _ = await api.raw(f"{once}Connection: close\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 200")
    head, body = await api.raw(f"{twice}Connection: close\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 400")
    assert b"IOTDA.090005" in body


async def test_every_answer_has_its_own_request_id_and_is_kept_by_nobody(api: Api):
    responses = [
        await api.get("/livez"),
        await api.get("/nope"),
        await api.get("devices"),
        await api.get("devices", headers={"X-Auth-Token": "wrong"}),
        await api.call("PUT", "devices"),
        await api.call("OPTIONS", "devices"),
        await api.get("/livez", headers={"Host": "evil.example"}),
    ]
    assert len({response.headers["x-request-id"] for response in responses}) == len(responses)
    for response in responses:
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_caller_s_request_id_is_not_taken_over(api: Api):
    response = await api.get("/livez", headers={"X-Request-Id": "chosen\tby me"})
    assert response.headers["x-request-id"] != "chosen\tby me"


async def test_a_body_that_does_not_come_in_time_is_given_up(tmp_path: Path):
    store = await open_store(tmp_path)
    async with serve_test_api(api_services(store, limits=Limits(api_seconds=0.05))) as api:
        head, body = await api.raw(
            f"POST /v5/iot/project-1/devices HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n"
            'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"node_id":'.encode()
        )
    await store.close()
    assert head.startswith(b"HTTP/1.1 408")
    assert b"IOTDA.090007" in body


async def test_a_refused_client_may_finish_its_body_and_then_read_the_answer(api: Api):
    """As http.client, and with it requests, does; closing at once would answer it with a reset."""
    for size, token, status in ((1_000_000, "wrong", b"401"), (3_000_000, TOKEN, b"413")):
        head, body = await api.raw(
            f"POST /v5/iot/project-1/devices HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {token}\r\n"
            f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
            + b" " * size
        )
        assert head.startswith(b"HTTP/1.1 " + status)
        assert b"error_code" in body


async def test_a_refused_client_that_never_finishes_is_cut_off(tmp_path: Path):
    """The limit is on what is thrown away, not on what was announced."""
    store = await open_store(tmp_path)
    async with serve_test_api(api_services(store, limits=Limits(api_body_bytes=100))) as api:
        stream = await trio.open_tcp_stream("127.0.0.1", api.port)
        async with stream:
            await stream.send_all(b"POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")
            with trio.fail_after(10), pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b" " * 100_000_000)
    await store.close()


async def test_a_websocket_is_not_opened(api: Api):
    head, _ = await api.raw(
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 403")


async def test_a_response_that_breaks_off_is_logged_and_closes_the_connection(tmp_path: Path):
    async def breaking(scope, receive, send):
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        raise RuntimeError("half-way")

    store = await open_store(tmp_path)
    services = api_services(store)
    with capture_logs() as logs:
        async with serve_test_api(services, application=Doorway(breaking, services)) as api:
            with pytest.raises(httpx.RemoteProtocolError):
                await api.get("/livez")
    await store.close()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("a response broke off; this is a bug", "error")
    ]
