"""The client of the API, where the other side is not what it should be."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.client import ApiClient, ApiRefusal, open_client, segment
from engine.config import Address
from engine.errors import UsageError
from engine.node.data_directory import Credentials, DataLock, announced, read_credentials

CREDENTIALS = Credentials(project_id="p", access_key="A", secret_key="S", token="the-token", data="/d")


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers what the test says, and keeps what it was asked."""

    status = 200
    body = b"{}"
    seen: tuple[str, dict[str, str], bytes] = ("", {}, b"")

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Answering.seen = (self.requestline, dict(self.headers), content)
        self.send_response(Answering.status)
        self.send_header("Content-Length", str(len(Answering.body)))
        self.end_headers()
        self.wfile.write(Answering.body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_arguments: object) -> None:
        """Not on the test's standard error."""


@pytest.fixture
def client() -> Iterator[ApiClient]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield ApiClient(Address("127.0.0.1", server.server_port), CREDENTIALS)
    server.shutdown()
    thread.join()
    server.server_close()


def answers(status: int, body: bytes) -> None:
    Answering.status, Answering.body = status, body


def test_a_request_carries_the_token_and_the_project(client: ApiClient) -> None:
    answers(200, b'{"a": 1}')
    assert client.get("/devices", {"limit": 5, "marker": None, "name": "a b"}) == {"a": 1}
    line, headers, _body = Answering.seen
    assert line == "GET /v5/iot/p/devices?limit=5&name=a+b HTTP/1.1"
    assert headers["X-Auth-Token"] == "the-token"
    assert headers["Content-Type"] == "application/json"


def test_fields_that_are_none_are_left_out_and_no_body_is_no_body(client: ApiClient) -> None:
    answers(201, b'{"a": 1}')
    assert client.post("/devices", {"a": 1, "b": None}) == {"a": 1}
    assert Answering.seen[2] == b'{"a":1}'
    answers(204, b"")
    assert client.post("/devices/d/freeze") is None
    assert Answering.seen[2] == b""
    assert client.request("DELETE", "/devices/d") == (204, None)


def test_a_refusal_is_the_contract_s_words_and_code(client: ApiClient) -> None:
    answers(404, b'{"error_code": "IOTDA.014000", "error_msg": "The device does not exist."}')
    with pytest.raises(ApiRefusal, match=r"^The device does not exist \(IOTDA\.014000\)$") as refusal:
        client.get("/devices/d")
    assert (refusal.value.status, refusal.value.code) == (404, "IOTDA.014000")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"\xff"])
def test_a_refusal_in_other_words_is_the_status(client: ApiClient, body: bytes) -> None:
    answers(502, body)
    with pytest.raises(ApiRefusal, match="HTTP 502 Bad Gateway"):
        client.get("/devices/d")


def test_an_answer_that_is_not_json_is_said(client: ApiClient) -> None:
    answers(200, b"<html>")
    with pytest.raises(UsageError, match="not JSON"):
        client.get("/devices/d")


def test_nobody_there_is_one_line_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UsageError, match=f"127.0.0.1:{port} does not answer: Connection refused"):
        ApiClient(Address("127.0.0.1", port), CREDENTIALS).get("/devices")


def test_somebody_who_does_not_speak_http_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            there, _address = server.accept()
            there.recv(65536)
            there.sendall(b"\x20\x02\x00\x00")
            there.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(UsageError, match="does not answer"):
            ApiClient(Address("127.0.0.1", server.getsockname()[1]), CREDENTIALS).get("/devices")
        thread.join()


def test_any_address_is_reached_over_the_loopback(client: ApiClient) -> None:
    answers(200, b"{}")
    port = client._address.port
    assert ApiClient(Address("0.0.0.0", port), CREDENTIALS).get("/devices") == {}
    assert Answering.seen[1]["Host"] == f"127.0.0.1:{port}"


def test_the_token_is_never_sent_to_a_node_that_is_not_ours(data: Path) -> None:
    """node.json of a killed node: by now anybody may listen at its address."""
    (data / "node.json").write_text('{"pid": 1, "addresses": {"api": "127.0.0.1:1"}}')
    with pytest.raises(UsageError, match="no node runs"):
        open_client(data)


def test_the_running_node_s_address_is_used(data: Path) -> None:
    with DataLock(data), announced(data, {"api": "[::1]:8080"}):
        found = open_client(data)
    assert found._address == Address("::1", 8080)
    assert found._credentials == read_credentials(data)


def test_an_id_is_one_segment() -> None:
    assert segment("a/../b?c") == "a%2F..%2Fb%3Fc"
