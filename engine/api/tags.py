"""Tags: bind them to a device, take them off, find devices by them (TagDevice, UntagDevice, ListResourcesByTags)."""

from typing import Annotated, Literal

import msgspec
from litestar import MediaType, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from engine.api.answers import PROBLEMS
from engine.api.authentication import LEAST_ROLE, Caller, CallerOf
from engine.api.body import StrictBody
from engine.api.changes import audit_entry, change_device
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import DeviceId, Page, ProjectIdPath, TagKey, TagValue, page_of
from engine.api.services import ApiServices, ServicesOf
from engine.registry.store import DeviceFilter, PageRequest
from engine.registry.store_access import Role

_MOST_AT_ONCE = 10
"""As many as a device may have (limits.md)."""


class Tag(msgspec.Struct, frozen=True):
    """A key, and what it says of the device; nothing, when no value is given."""

    tag_key: TagKey
    tag_value: TagValue | None = None


class BindTags(msgspec.Struct, frozen=True):
    """The body of TagDevice. A key that the device has already gets the new value."""

    resource_type: Literal["device"]
    resource_id: DeviceId
    tags: Annotated[list[Tag], Meta(min_length=1, max_length=_MOST_AT_ONCE)]


class UnbindTags(msgspec.Struct, frozen=True):
    """The body of UntagDevice."""

    resource_type: Literal["device"]
    resource_id: DeviceId
    tag_keys: Annotated[list[TagKey], Meta(min_length=1, max_length=_MOST_AT_ONCE)]


class QueryResources(msgspec.Struct, frozen=True):
    """The body of ListResourcesByTags. One of the tags is enough; one without a value is met by any value."""

    resource_type: Literal["device"]
    tags: Annotated[list[Tag], Meta(min_length=1, max_length=_MOST_AT_ONCE)]


class Resource(msgspec.Struct, frozen=True):
    """A device, by its device_id."""

    resource_id: str


class ResourceList(msgspec.Struct, frozen=True):
    """The answer of ListResourcesByTags."""

    resources: list[Resource]
    page: Page


@post(
    "/bind-resource",
    status_code=200,
    media_type=MediaType.TEXT,  # nothing as JSON is "null"
    dto=StrictBody[BindTags],
    responses=PROBLEMS,
    summary="TagDevice",
    operation_id="TagDevice",
)
async def tag_device(
    project_id: ProjectIdPath, data: JSONBody[BindTags], caller: CallerOf, services: ServicesOf
) -> None:
    """Bind tags to a device, which may have ten."""
    tags = {tag.tag_key: tag.tag_value or "" for tag in data.tags}
    if len(tags) < len(data.tags):
        raise ApiProblem(Problem.INVALID_INPUT, "tags: a tag_key is given twice.")
    await _change_tags(services, caller, project_id, data.resource_id, bind=tags, unbind=[])


@post(
    "/unbind-resource",
    status_code=200,
    media_type=MediaType.TEXT,  # nothing as JSON is "null"
    dto=StrictBody[UnbindTags],
    responses=PROBLEMS,
    summary="UntagDevice",
    operation_id="UntagDevice",
)
async def untag_device(
    project_id: ProjectIdPath, data: JSONBody[UnbindTags], caller: CallerOf, services: ServicesOf
) -> None:
    """Take tags off a device. Refused as a whole when it has one of them not."""
    if len(set(data.tag_keys)) < len(data.tag_keys):
        raise ApiProblem(Problem.INVALID_INPUT, "tag_keys: a tag_key is given twice.")
    await _change_tags(services, caller, project_id, data.resource_id, bind={}, unbind=data.tag_keys)


@post(
    "/query-resources",
    status_code=200,
    dto=StrictBody[QueryResources],
    responses=PROBLEMS,
    summary="ListResourcesByTags",
    operation_id="ListResourcesByTags",
    opt={LEAST_ROLE: Role.READ_ONLY},
)
async def list_resources_by_tags(
    project_id: ProjectIdPath,
    data: JSONBody[QueryResources],
    page: NamedDependency[PageRequest],
    services: ServicesOf,
) -> ResourceList:
    """List the devices that have one of the tags, newest first."""
    matching = DeviceFilter(tags=[(tag.tag_key, tag.tag_value) for tag in data.tags])
    found = await services.store.list_devices(project_id, matching, page)
    return ResourceList(
        [Resource(device.device_id) for device in found.devices],
        page_of([device.record_id for device in found.devices], found.count),
    )


async def _change_tags(
    services: ApiServices, caller: Caller, project_id: str, device_id: str, *, bind: dict[str, str], unbind: list[str]
) -> None:
    audit = audit_entry(services, caller, "device.tag" if bind else "device.untag", device_id)
    change = services.store.change_tags(project_id, device_id, bind, unbind, audit)
    await change_device(services, device_id, change, close=False)


tags_router = Router("/tags", route_handlers=[tag_device, untag_device, list_resources_by_tags], tags=["tags"])
