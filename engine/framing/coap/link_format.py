"""The CoRE Link Format (RFC 6690 section 2): the Objects of a device, and /.well-known/core."""

import re

import msgspec

from engine.errors import BadRequest

CONTENT_FORMAT = 40
"""application/link-format (RFC 7252 section 12.3)."""


class Link(msgspec.Struct, frozen=True):
    """One link-value. An attribute without a value has the value None; the order is the sender's."""

    target: str
    attributes: tuple[tuple[str, str | None], ...] = ()


# Each is tried at one position, each repetition is possessive and of one class: no backtracking, one pass.
_TARGET = re.compile(r"<([^<>\x00-\x20\x7f\"\\^`{|}]*+)>")
_ATTRIBUTE = re.compile(
    r";([!#$&+\-.^_`|~0-9A-Za-z]++\*?+)"  # parmname, or ext-name-star
    r"(?:=(?:\"((?:[^\"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x7f])*+)\"|([!#$%&'()*+\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]++)))?+"
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def read_links(payload: bytes) -> tuple[Link, ...]:
    """The links of a payload; none for an empty one. BadRequest for anything that the grammar does not give."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise BadRequest("link list is not UTF-8") from None
    links: list[Link] = []
    at = 0
    while at < len(text):
        if links:
            if text[at] != ",":
                raise BadRequest("link list without a comma between links")
            at += 1
        link, at = _read_link(text, at)
        links.append(link)
    return tuple(links)


def _read_link(text: str, at: int) -> tuple[Link, int]:
    target = _TARGET.match(text, at)
    if target is None:
        raise BadRequest("link without a target in angle brackets")
    attributes = []
    at = target.end()
    while (attribute := _ATTRIBUTE.match(text, at)) is not None:
        name, quoted, plain = attribute.groups()
        attributes.append((name, plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)))
        at = attribute.end()
    if at < len(text) and text[at] == ";":
        raise BadRequest("link with a malformed attribute")
    return Link(target[1], tuple(attributes)), at


def write_links(links: tuple[Link, ...]) -> bytes:
    """The payload of links whose texts need no escaping, values quoted unless they are digits."""
    return ",".join(f"<{link.target}>" + "".join(map(_write_attribute, link.attributes)) for link in links).encode()


def _write_attribute(attribute: tuple[str, str | None]) -> str:
    name, value = attribute
    if value is None:
        return f";{name}"
    return f";{name}={value}" if value.isdigit() else f';{name}="{value}"'
