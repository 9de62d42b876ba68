"""The API as it is served: Hypercorn on a real socket, a real SQLite registry, a bus that writes all down."""

import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from engine.api.application import build_application
from engine.api.doorway import Doorway
from engine.api.serve import serve_api
from engine.api.services import ApiServices
from engine.clock import Clock
from engine.limits import Limits
from engine.observe.attempts import Attempts
from engine.observe.health import Health
from engine.observe.metrics import Metrics
from engine.registry.record import AuditEntry
from engine.registry.sealing import MasterKeys, Sealer
from engine.registry.sqlite import SqliteStore
from engine.registry.store import Store
from engine.registry.store_access import ApiToken, Role
from tests.helpers.recording_bus import RecordingBus

PROJECT, OTHER_PROJECT = "project-1", "project-2"
TOKEN, OTHER_TOKEN = "token of project-1", "token of project-2"
NOW = 1_700_000_000.25  # 2023-11-14T22:13:20.250Z
PRODUCT = {
    "product_id": "meters",
    "name": "Meters",
    "device_type": "Meter",
    "protocol_type": "MQTT",
    "data_format": "json",
    "service_capabilities": [],
}
DEVICE = {"node_id": "n1", "product_id": "meters"}


class Hands:
    """The wall clock's hands, moved by the test."""

    wall = NOW


class Api:
    """A served API and a client of it. Paths that do not begin with / are below the project's."""

    def __init__(self, client: httpx.AsyncClient, port: int, services: ApiServices, hands: Hands) -> None:
        self.client = client
        self.port = port
        self.services = services
        self.hands = hands
        self.bus: RecordingBus = services.bus  # type: ignore[assignment] # serve_test_api puts one there
        self.store: SqliteStore = services.store  # type: ignore[assignment] # or a FaultyStore around one

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        url = path if path.startswith("/") else f"/v5/iot/{PROJECT}/{path}"
        headers = {"X-Auth-Token": TOKEN, **options.pop("headers", {})}
        return await self.client.request(method, url, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        if body is not None:
            options["json"] = body
        return await self.call("POST", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.call("DELETE", path, **options)

    async def create_product(self, **fields: Any) -> dict[str, Any]:
        response = await self.post("products", {**PRODUCT, **fields})
        assert response.status_code == 201, response.text
        return response.json()

    async def create_device(self, **fields: Any) -> dict[str, Any]:
        response = await self.post("devices", {**DEVICE, **fields})
        assert response.status_code == 201, response.text
        return response.json()

    async def raw(self, data: bytes) -> tuple[bytes, bytes]:
        """Send these bytes on a connection of their own; head and body of what comes before it is closed."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with stream:
            await stream.send_all(data)
            answer = b""
            while chunk := await stream.receive_some():
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body


async def open_store(path: Path, limits: Limits | None = None) -> SqliteStore:
    """A new registry with two projects and a token for each."""
    clock = Clock(wall=lambda: NOW, monotonic=time.monotonic)
    store = SqliteStore.open(path / "registry.db", limits=limits or Limits(), clock=clock, create=True)
    for project_id, token in ((PROJECT, TOKEN), (OTHER_PROJECT, OTHER_TOKEN)):
        assert await store.create_project(project_id) is None
        record = ApiToken(
            digest=hashlib.sha256(token.encode()).digest(),
            project_id=project_id,
            name="test",
            role=Role.ADMIN,
            reads_secrets=True,
            created_at=int(NOW),
        )
        audit = AuditEntry(at=NOW, project_id=project_id, actor="keyturn", action="token.create", target="test")
        assert await store.access.add_api_token(record, audit) is None
    return store


def api_services(store: Store, hands: Hands | None = None, **fields: Any) -> ApiServices:
    """Services around a store, with these fields changed."""
    hands = hands or Hands()
    limits = fields.get("limits", Limits())
    services = ApiServices(
        store=store,
        sealer=Sealer(MasterKeys.generate(os.urandom), os.urandom),
        bus=RecordingBus(),
        clock=Clock(wall=lambda: hands.wall, monotonic=time.monotonic),
        limits=limits,
        randomness=os.urandom,
        health=Health(store.check, limits),
        metrics=Metrics(),
        attempts=Attempts(limits),
        hosts=frozenset({"127.0.0.1", "keyturn.example", "[::1]"}),
    )
    return msgspec.structs.replace(services, **fields)


@asynccontextmanager
async def serve_test_api(
    services: ApiServices, hands: Hands | None = None, application: Doorway | None = None
) -> AsyncIterator[Api]:
    """Serve until the block ends, then shut down in order."""
    application = application or build_application(services)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        shutdown = trio.Event()
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                await serve_api(application, listening, limits=services.limits, shutdown=shutdown)

            nursery.start_soon(serve)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                yield Api(client, port, services, hands or Hands())
            shutdown.set()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """The API over an empty registry."""
    hands = Hands()
    store = await open_store(tmp_path)
    try:
        async with serve_test_api(api_services(store, hands), hands) as served:
            yield served
    finally:
        await store.close()


@pytest.fixture
async def stocked(api: Api) -> Api:
    """The API over a registry with the product "meters"."""
    await api.create_product()
    return api
