"""Every failure becomes a row of the table, and tells no internals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.errors import StoreUnavailable
from tests.api.conftest import TOKEN, Api, api_services, open_store, serve_test_api
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.recording_bus import RecordingBus


@pytest.mark.parametrize(
    "path", ["/", "/v5", "/v5/iot", "/v5/iot/project-1/nope", "/schema", "/documentation", "/favicon.ico"]
)
async def test_an_unknown_path_is_a_404_of_the_contract(api: Api, path: str):
    response = await api.get(path)
    assert response.status_code == 404
    assert response.json() == {"error_code": "IOTDA.090001", "error_msg": "No such path."}


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "devices", {"GET", "POST", "OPTIONS"}),
        ("PATCH", "devices/d", {"GET", "PUT", "DELETE", "OPTIONS"}),
        ("GET", "devices/d/freeze", {"POST", "OPTIONS"}),
        ("POST", "/livez", {"GET", "OPTIONS"}),
    ],
)
async def test_another_method_is_a_405_that_names_those_allowed(api: Api, method: str, path: str, allow: set[str]):
    response = await api.call(method, path)
    assert response.status_code == 405
    assert response.json()["error_code"] == "IOTDA.090002"
    assert set(response.headers["allow"].split(", ")) == allow


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_bound_is_too_large(api: Api, chunked: bool):
    size = 1024 * 1024 + 1
    head = (
        f"POST /v5/iot/project-1/products HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\nConnection: close\r\n"
    )
    head += "Content-Type: application/json\r\n"
    body = b" " * size
    if chunked:
        data = f"{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    else:
        data = f"{head}Content-Length: {size}\r\n\r\n".encode() + body
    answer, content = await api.raw(data)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"IOTDA.090003" in content


class BrokenBus(RecordingBus):
    """A bus with a bug."""

    def online(self, device_ids: Sequence[str]) -> Mapping[str, float]:
        raise RuntimeError("the secret is 12345678")


async def test_a_bug_is_a_500_without_details_and_a_log_line_with_them(tmp_path: Path):
    store = await open_store(tmp_path)
    async with serve_test_api(api_services(store, bus=BrokenBus())) as api:
        with capture_logs() as logs:
            response = await api.get("devices")
        assert (await api.get("/livez")).status_code == 200
    await store.close()
    assert response.status_code == 500
    assert response.json() == {"error_code": "IOTDA.000001", "error_msg": "Internal server error."}
    (line,) = logs
    assert line["log_level"] == "error"
    assert line["request_id"] == response.headers["x-request-id"]
    assert isinstance(line["exc_info"], RuntimeError)


async def test_an_outage_is_a_503_is_counted_and_logged_once(tmp_path: Path):
    store = await open_store(tmp_path)

    class Outage(FaultyStore):
        def __getattr__(self, name):
            async def call(*_arguments, **_options):
                raise StoreUnavailable("disk I/O error")

            return call

    async with serve_test_api(api_services(Outage(store, fail_at=1))) as api:
        with capture_logs() as logs:
            responses = [await api.get("devices") for _ in range(3)]
        assert "keyturn_store_failures_total 3.0" in (await api.get("/metrics")).text
    await store.close()
    for response in responses:
        assert response.status_code == 503
        assert response.json()["error_code"] == "IOTDA.090008"
        assert "disk" not in response.text
        assert response.headers["retry-after"] == "1"
    assert [(line["log_level"], line["fault"]) for line in logs] == [("warning", "disk I/O error")]
