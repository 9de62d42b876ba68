"""SearchDevices: devices by a small SQL (its grammar: engine/api/search.py).

The reference service takes one such call a second of an account. Here none is refused for its rate; what bounds a call
is limits.search_seconds and the number of reading threads.
"""

from typing import Annotated, Any

import msgspec
from litestar import Router, post
from litestar.params import JSONBody
from msgspec import Meta

from engine.api.answers import PROBLEMS
from engine.api.authentication import LEAST_ROLE
from engine.api.body import StrictBody
from engine.api.device_schema import NodeType, Status, device_summary
from engine.api.problems import unless_refused
from engine.api.schema import JsonObject, ProjectIdPath
from engine.api.search import read_search
from engine.api.services import ServicesOf
from engine.registry.record import Device
from engine.registry.store_access import Role


class SearchSql(msgspec.Struct, frozen=True):
    """The body of SearchDevices."""

    sql: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=400,
            description="select * from device where node_id like 'pump%' order by marker desc limit 10",
        ),
    ]


class FoundDevice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A device as SearchDevices shows it: the fields that were selected, of those that it has."""

    app_id: str | None = None
    app_name: str | None = None
    device_id: str | None = None
    node_id: str | None = None
    gateway_id: str | None = None
    device_name: str | None = None
    node_type: NodeType | None = None
    product_id: str | None = None
    product_name: str | None = None
    status: Status | None = None
    tags: list[JsonObject] | None = None
    marker: str | None = None


class FoundDevices(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of SearchDevices: the devices, or for count(*) how many there are."""

    devices: list[FoundDevice] | None = None
    count: int | None = None


@post(
    "/query-devices",
    status_code=200,
    dto=StrictBody[SearchSql],
    responses=PROBLEMS,
    summary="SearchDevices",
    operation_id="SearchDevices",
    opt={LEAST_ROLE: Role.READ_ONLY},
)
async def search_devices(project_id: ProjectIdPath, data: JSONBody[SearchSql], services: ServicesOf) -> FoundDevices:
    """Search devices by a small SQL: up to five conditions, like by prefix, order by marker, limit [offset,] rows."""
    search = read_search(data.sql)
    online = services.bus.all_online() if search.is_about_sessions else ()
    found = unless_refused(await services.store.search_devices(project_id, search.wanted, online))
    if search.wanted.is_count:
        return FoundDevices(count=found.count)
    live = services.bus.online([device.device_id for device in found.devices])
    return FoundDevices([_found(device, live.get(device.device_id), search.fields) for device in found.devices])


def _found(device: Device, online_since: float | None, fields: frozenset[str] | None) -> FoundDevice:
    shown: dict[str, Any] = msgspec.structs.asdict(device_summary(device, online_since)) | {"marker": device.record_id}
    return FoundDevice(
        **{name: shown[name] for name in FoundDevice.__struct_fields__ if fields is None or name in fields}
    )


device_search_router = Router("/search", route_handlers=[search_devices], tags=["devices"])
