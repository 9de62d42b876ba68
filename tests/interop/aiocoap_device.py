"""An LwM2M device made of aiocoap, as a program of its own: `python aiocoap_device.py HOST:PORT NAME [Objects]`.

It registers, updates and de-registers, and prints the code of every answer.
"""

import asyncio
import sys

from aiocoap import DELETE, POST, Context, Message


async def main(server: str, name: str, links: str) -> None:
    context = await Context.create_client_context()
    register = Message(code=POST, uri=f"coap://{server}/rd?ep={name}&lt=300&lwm2m=1.1&b=U", payload=links.encode())
    register.opt.content_format = 40
    answer = await context.request(register).response
    print(answer.code.dotted)
    if answer.code.is_successful():
        place = f"coap://{server}/{'/'.join(answer.opt.location_path)}"
        for request in (
            Message(code=POST, uri=f"{place}?lt=60"),
            Message(code=DELETE, uri=place),
            Message(code=DELETE, uri=place),
        ):
            print((await context.request(request).response).code.dotted)
    await context.shutdown()


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "</1/0>,</3/0>"))
