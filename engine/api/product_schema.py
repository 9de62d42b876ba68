"""The bodies of the product operations (iotda-rest.md A.4; the character classes from the SDK's model docstrings)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.api.problems import ApiProblem, Problem
from engine.api.schema import NAME, SERVICE_NAME, TEXT, AppId, Page, ProductId, compact_time, json_text
from engine.registry.record import Product

ProtocolType = Literal["MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP"]

_SERVICE_CAPABILITIES_BYTES = 500 * 1024
"""iotda-rest.md A.4."""

_Unit = Annotated[str, Meta(max_length=16)]
_Name32 = Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME)]
_Name64 = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
_Name128 = Annotated[str, Meta(min_length=1, max_length=128, pattern=NAME)]
_ServiceName = Annotated[str, Meta(min_length=1, max_length=64, pattern=SERVICE_NAME)]
_Text128 = Annotated[str, Meta(max_length=128, pattern=TEXT)]
_Range16 = Annotated[str, Meta(min_length=1, max_length=16)]
_DataType = Literal["int", "long", "decimal", "string", "DateTime", "jsonObject", "enum", "boolean", "string list"]
_AccessMethod = Literal["RWE", "RW", "RE", "WE", "E", "W", "R"]


class ServiceCommandPara(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A parameter of a command, of its answer, or of an event."""

    para_name: _Name32
    data_type: _DataType
    required: bool | None = None
    enum_list: list[str] | None = None
    min: _Range16 | None = None
    max: _Range16 | None = None
    max_length: int | None = None
    step: float | None = None
    unit: _Unit | None = None
    description: _Text128 | None = None


class ServiceProperty(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A property. method: R readable, W writable, E reported when it changes."""

    property_name: _Name64
    data_type: _DataType
    method: _AccessMethod
    required: bool | None = None
    enum_list: list[str] | None = None
    min: _Range16 | None = None
    max: _Range16 | None = None
    max_length: int | None = None
    step: float | None = None
    unit: _Unit | None = None
    description: _Text128 | None = None
    default_value: Any = None


class ServiceCommandResponse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a device answers to a command."""

    response_name: _Name128
    paras: list[ServiceCommandPara] | None = None


class ServiceCommand(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A command that a device takes."""

    command_name: _Name64
    paras: list[ServiceCommandPara] | None = None
    responses: list[ServiceCommandResponse] | None = None


class ServiceEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An event that a device reports."""

    event_type: _Name32
    paras: list[ServiceCommandPara] | None = None


class ServiceCapability(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One service of the device model."""

    service_id: _ServiceName
    service_type: _ServiceName
    properties: Annotated[list[ServiceProperty], Meta(max_length=500)] | None = None
    commands: Annotated[list[ServiceCommand], Meta(max_length=500)] | None = None
    events: Annotated[list[ServiceEvent], Meta(max_length=500)] | None = None
    description: _Text128 | None = None
    option: Literal["Master", "Mandatory", "Optional"] | None = None


Services = Annotated[list[ServiceCapability], Meta(max_length=500, description="The device model; at most 500 KB.")]


_DataFormat = Annotated[Literal["json", "binary"], Meta(description="How its devices report.")]
_ProductName = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME, description="The product's name.")]
_DeviceType = Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME, description="The kind of device.")]
_ManufacturerName = Annotated[str, Meta(max_length=32, pattern=NAME)]
_Industry = Annotated[str, Meta(max_length=64, pattern=NAME)]


class CreateProduct(msgspec.Struct, frozen=True, kw_only=True):
    """The body of CreateProduct. Fields that are not named here are ignored."""

    name: _ProductName
    device_type: _DeviceType
    protocol_type: Annotated[ProtocolType, Meta(description="What its devices speak; CoAP means LwM2M.")]
    service_capabilities: Services
    data_format: _DataFormat = "json"
    product_id: Annotated[ProductId, Meta(description="Unique; allocated when absent.")] | None = None
    manufacturer_name: _ManufacturerName | None = None
    industry: _Industry | None = None
    description: _Text128 | None = None
    app_id: Annotated[AppId, Meta(description="The resource space; the default one when absent.")] | None = None


class UpdateProduct(msgspec.Struct, frozen=True, kw_only=True):
    """The body of UpdateProduct: what is absent or null stays. Fields that are not named here are ignored."""

    name: _ProductName | None = None
    device_type: _DeviceType | None = None
    protocol_type: Annotated[ProtocolType, Meta(description="Nothing else can become CoAP.")] | None = None
    data_format: _DataFormat | None = None
    service_capabilities: Services | None = None
    manufacturer_name: _ManufacturerName | None = None
    industry: _Industry | None = None
    description: _Text128 | None = None
    app_id: Annotated[AppId, Meta(description="The resource space that the product is in.")] | None = None


class ProductSummary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A product as ListProducts shows it."""

    app_id: str
    app_name: str
    product_id: str
    name: str
    device_type: str
    protocol_type: str
    data_format: str
    create_time: str
    manufacturer_name: str | None = None
    industry: str | None = None
    description: str | None = None


class ProductAnswer(ProductSummary, frozen=True, omit_defaults=True, kw_only=True):
    """A product, whole."""

    service_capabilities: list[ServiceCapability]


class ProductList(msgspec.Struct, frozen=True):
    """The answer of ListProducts."""

    products: list[ProductSummary]
    page: Page


def device_model_text(services: Sequence[ServiceCapability]) -> bytes:
    """The device model as it is stored. ApiProblem when it is too long, or a name in it is given twice."""
    _check_unique("service_capabilities", "service_id", [service.service_id for service in services])
    for index, service in enumerate(services):
        where = f"service_capabilities[{index}]"
        _check_unique(where, "property_name", [each.property_name for each in service.properties or ()])
        _check_unique(where, "command_name", [each.command_name for each in service.commands or ()])
        _check_unique(where, "event_type", [each.event_type for each in service.events or ()])
    return json_text("service_capabilities", services, _SERVICE_CAPABILITIES_BYTES)


def product_summary(product: Product) -> ProductSummary:
    """A stored product, for a list."""
    return ProductSummary(**_shared(product))


def product_answer(product: Product) -> ProductAnswer:
    """A stored product, whole."""
    services = msgspec.json.decode(product.service_capabilities, type=list[ServiceCapability])
    return ProductAnswer(**_shared(product), service_capabilities=services)


def _check_unique(where: str, field: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ApiProblem(Problem.INVALID_INPUT, f"{where}: every {field} must be different.")


def _shared(product: Product) -> dict[str, Any]:
    return {
        "app_id": product.app_id,
        "app_name": product.app_id,
        "product_id": product.product_id,
        "name": product.name,
        "device_type": product.device_type,
        "protocol_type": product.protocol_type,
        "data_format": product.data_format,
        "create_time": compact_time(product.created_at),
        "manufacturer_name": product.manufacturer_name,
        "industry": product.industry,
        "description": product.description,
    }
