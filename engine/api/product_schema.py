"""The bodies of the product operations (iotda-rest.md A.4; the character classes from the SDK's model docstrings)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.api.schema import NAME, SERVICE_NAME, TEXT, AppId, Page, ProductId, compact_time
from engine.registry.record import Product

ProtocolType = Literal["MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP"]

_Name16 = Annotated[str, Meta(max_length=16)]
_Name32 = Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME)]
_Name64 = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
_Name128 = Annotated[str, Meta(min_length=1, max_length=128, pattern=NAME)]
_ServiceName = Annotated[str, Meta(min_length=1, max_length=64, pattern=SERVICE_NAME)]
_Text128 = Annotated[str, Meta(max_length=128, pattern=TEXT)]
_AccessMethod = Literal["RWE", "RW", "RE", "WE", "E", "W", "R"]


class ServiceCommandPara(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A parameter of a command, of its answer, or of an event."""

    para_name: _Name32
    data_type: _Name32
    required: bool | None = None
    enum_list: list[str] | None = None
    min: _Name16 | None = None
    max: _Name16 | None = None
    max_length: int | None = None
    step: float | None = None
    unit: _Name16 | None = None
    description: _Text128 | None = None


class ServiceProperty(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A property. method: R readable, W writable, E reported when it changes."""

    property_name: _Name64
    data_type: _Name32
    method: _AccessMethod
    required: bool | None = None
    enum_list: list[str] | None = None
    min: _Name16 | None = None
    max: _Name16 | None = None
    max_length: int | None = None
    step: float | None = None
    unit: _Name16 | None = None
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


class CreateProduct(msgspec.Struct, frozen=True, kw_only=True):
    """The body of CreateProduct. Fields that are not named here are ignored."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME, description="The product's name.")]
    device_type: Annotated[str, Meta(min_length=1, max_length=32, pattern=NAME, description="The kind of device.")]
    protocol_type: Annotated[ProtocolType, Meta(description="What its devices speak; CoAP means LwM2M.")]
    service_capabilities: Services
    data_format: Annotated[Literal["json", "binary"], Meta(description="How its devices report.")] = "json"
    product_id: Annotated[ProductId, Meta(description="Unique; allocated when absent.")] | None = None
    manufacturer_name: Annotated[str, Meta(max_length=32, pattern=NAME)] | None = None
    industry: Annotated[str, Meta(max_length=64, pattern=NAME)] | None = None
    description: _Text128 | None = None
    app_id: Annotated[AppId, Meta(description="The resource space; the default one when absent.")] | None = None


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


def product_summary(product: Product) -> ProductSummary:
    """A stored product, for a list."""
    return ProductSummary(**_shared(product))


def product_answer(product: Product) -> ProductAnswer:
    """A stored product, whole."""
    services = msgspec.json.decode(product.service_capabilities, type=list[ServiceCapability])
    return ProductAnswer(**_shared(product), service_capabilities=services)


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
