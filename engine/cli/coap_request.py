"""One CoAP request with aiocoap: `python -m engine.cli.coap_request METHOD URI [PAYLOAD]`.

Prints the code of the answer and its Location-Path. A program of its own, because aiocoap is asyncio's.
"""

import asyncio
import sys

import aiocoap  # type: ignore[import-untyped] # it has no py.typed

_LINK_FORMAT = 40


async def main(method: str, uri: str, payload: str = "") -> None:
    """Send the request and print the answer."""
    request = aiocoap.Message(code=aiocoap.Code[method], uri=uri, payload=payload.encode())
    if payload:
        request.opt.content_format = _LINK_FORMAT
    context = await aiocoap.Context.create_client_context()
    try:
        answer = await context.request(request).response
    finally:
        await context.shutdown()
    print(answer.code.dotted, "/".join(answer.opt.location_path))  # noqa: T201 - this program's output


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
