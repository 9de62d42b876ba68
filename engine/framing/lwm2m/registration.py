"""Register and Update of the Client Registration Interface (LwM2M 1.0 section 5.3; 1.1 Core, section 6.2).

The parameters stand in Uri-Query, `name=value` each, the Objects in the payload. LwM2M lets a server ignore parameters
that it does not know; one that it knows must come once and have its form.
"""

import re

import msgspec

from engine.errors import BadRequest, UnsupportedProtocolVersion
from engine.framing.coap import link_format
from engine.framing.coap.link_format import Link, read_links

VERSIONS = ("1.0", "1.1")
DEFAULT_VERSION = "1.0"
DEFAULT_LIFETIME_SECONDS = 86_400
"""Of an LwM2M 1.0 Register without `lt` (1.0 section 5.3.1); 1.1 demands one."""
NO_EXPIRY = 0
"""The Lifetime of an LwM2M 1.1 registration that does not expire (1.1, Server Object, Resource 1)."""

_BINDINGS_1_0 = frozenset({"U", "UQ", "S", "SQ", "US", "UQS"})
_TRANSPORTS_1_1 = "UTSHMN"
_KNOWN = frozenset({"ep", "lt", "lwm2m", "b", "sms", "Q"})
_LIFETIME = re.compile(r"[0-9]{1,10}\Z")
_LONGEST_LIFETIME = 0xFFFF_FFFF
_SMS_NUMBER = re.compile(r"\+?[0-9]{1,20}\Z")


class Register(msgspec.Struct, frozen=True):
    """A Register. `endpoint_name` is None where it was left out, which 1.1 allows to a peer known by its credential.

    `binding` is the Binding Mode as sent, "U" by default; `has_queue_mode` is 1.0's Q in it or 1.1's own parameter.
    """

    endpoint_name: str | None
    version: str
    lifetime_seconds: int
    binding: str
    has_queue_mode: bool
    sms_number: str | None
    links: tuple[Link, ...]


class Update(msgspec.Struct, frozen=True):
    """An Update: what is None stays as it is. `has_queue_mode` is 1.1's parameter; 1.0's stands in `binding`."""

    lifetime_seconds: int | None
    binding: str | None
    has_queue_mode: bool
    sms_number: str | None
    links: tuple[Link, ...] | None


def read_register(query: tuple[str, ...], content_format: int | None, payload: bytes) -> Register:
    """BadRequest: a parameter is missing, repeated or malformed, or the Objects are. UnsupportedProtocolVersion."""
    parameters = _read_parameters(query)
    version = parameters.get("lwm2m", DEFAULT_VERSION)
    if version not in VERSIONS:
        raise UnsupportedProtocolVersion("LwM2M version that is neither 1.0 nor 1.1")
    endpoint_name = parameters.get("ep")
    if endpoint_name == "" or (endpoint_name is None and version == "1.0"):
        raise BadRequest("Register without an Endpoint Client Name")
    if "lt" not in parameters and version == "1.1":
        raise BadRequest("Register of LwM2M 1.1 without a Lifetime")
    lifetime_seconds = _read_lifetime(parameters, version)
    binding = _read_binding(parameters, version)
    return Register(
        endpoint_name=endpoint_name,
        version=version,
        lifetime_seconds=DEFAULT_LIFETIME_SECONDS if lifetime_seconds is None else lifetime_seconds,
        binding=binding or "U",
        has_queue_mode=_has_queue_mode(parameters, version, binding),
        sms_number=_read_sms_number(parameters),
        links=_read_objects(content_format, payload) or (),
    )


def read_update(query: tuple[str, ...], content_format: int | None, payload: bytes, version: str) -> Update:
    """An Update of a registration of this version. BadRequest as read_register."""
    parameters = _read_parameters(query)
    binding = _read_binding(parameters, version)
    return Update(
        lifetime_seconds=_read_lifetime(parameters, version),
        binding=binding,
        has_queue_mode=_has_queue_mode(parameters, version, binding),
        sms_number=_read_sms_number(parameters),
        links=_read_objects(content_format, payload),
    )


def _read_parameters(query: tuple[str, ...]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for parameter in query:
        name, _, value = parameter.partition("=")
        if name not in _KNOWN:
            continue
        if name in parameters:
            raise BadRequest(f"parameter {name} is repeated")
        parameters[name] = value
    return parameters


def _read_lifetime(parameters: dict[str, str], version: str) -> int | None:
    text = parameters.get("lt")
    if text is None:
        return None
    if not _LIFETIME.match(text) or int(text) > _LONGEST_LIFETIME:
        raise BadRequest("Lifetime that is no number of 32 bits")
    if int(text) == NO_EXPIRY and version == "1.0":
        raise BadRequest("Lifetime of 0, which LwM2M 1.0 does not have")
    return int(text)


def _read_binding(parameters: dict[str, str], version: str) -> str | None:
    binding = parameters.get("b")
    if binding is None:
        return None
    if version == "1.0":
        fits = binding in _BINDINGS_1_0
    else:
        fits = 0 < len(set(binding)) == len(binding) and set(binding) <= set(_TRANSPORTS_1_1)
    if not fits:
        raise BadRequest("Binding Mode of no LwM2M of this version")
    return binding


def _has_queue_mode(parameters: dict[str, str], version: str, binding: str | None) -> bool:
    return "Q" in (binding or "") if version == "1.0" else "Q" in parameters


def _read_sms_number(parameters: dict[str, str]) -> str | None:
    number = parameters.get("sms")
    if number is not None and not _SMS_NUMBER.match(number):
        raise BadRequest("SMS Number that is no MSISDN")
    return number


def _read_objects(content_format: int | None, payload: bytes) -> tuple[Link, ...] | None:
    """The Objects and Object Instances. Some devices send octets of another Content-Format there: not ours to read."""
    if content_format not in (None, link_format.CONTENT_FORMAT) or not payload:
        return None
    return read_links(payload)
