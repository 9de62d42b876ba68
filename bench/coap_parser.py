"""Our CoAP parser beside aiocoap's Message.decode, on the same bytes in the same run: `python -m bench.coap_parser`.

The bytes are a Register as an LwM2M 1.0 device sends it. "ours" reads the message and what Message.decode leaves to a
later access besides: every option judged, its texts decoded. Rounds of the two take turns; CPU time is counted.
"""

from collections.abc import Callable

from aiocoap import Message as AiocoapMessage

from bench.side_by_side import run
from engine.framing.coap.datagram import Message, read_message
from engine.framing.coap.options import RequestOptions, read_request_options
from tests.helpers.coap_packets import register

REQUIRED = 3.0
"""How many times aiocoap's speed ours must have (issue 5)."""

DATAGRAM = register("ep=urn-imei-490154203237518&lt=300&lwm2m=1.0&b=U", b"</1/0>,</3/0>,</4/0>,</5/0>,</19/0>")


def read_ours(datagram: bytes = DATAGRAM) -> tuple[Message, RequestOptions]:
    """Message and options."""
    message = read_message(datagram)
    return message, read_request_options(message)


def read_aiocoap(datagram: bytes = DATAGRAM) -> AiocoapMessage:
    """As aiocoap's UDP transport does it."""
    return AiocoapMessage.decode(datagram)


def check_same() -> None:
    """Both read the same, or there is nothing to compare."""
    (message, options), theirs = read_ours(), read_aiocoap()
    assert (message.type, message.code, message.message_id) == (int(theirs.mtype), int(theirs.code), theirs.mid)
    assert (message.token, message.payload) == (theirs.token, theirs.payload)
    assert (options.uri_path, options.uri_query) == (theirs.opt.uri_path, theirs.opt.uri_query)
    assert options.content_format == int(theirs.opt.content_format)


WHAT = f"Register of {len(DATAGRAM)} bytes"
READERS: dict[str, Callable[[], object]] = {
    "aiocoap": read_aiocoap,
    "ours": read_ours,
    "ours, message alone": lambda: read_message(DATAGRAM),
}


if __name__ == "__main__":
    check_same()
    run(__doc__, WHAT, READERS, REQUIRED)
