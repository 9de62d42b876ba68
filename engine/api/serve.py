"""The API on the wire: Hypercorn's Trio worker on a socket that is bound already, in whoever's trio.run."""

import os
import socket

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from engine.api.doorway import Doorway
from engine.limits import Limits


async def serve_api(
    application: Doorway, listening_socket: socket.socket, *, limits: Limits, shutdown: trio.Event | None = None
) -> None:
    """Serve until cancelled, or until `shutdown`: then requests under way have drain_seconds. The socket stays open."""
    # Linux hands this on to accepted sockets. Hypercorn writes under a shield: a peer that stops reading would
    # otherwise hold its connection for ever, and the end of the node with it.
    listening_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.send_seconds * 1000))
    await serve(
        application,  # type: ignore[arg-type] # Litestar's and Hypercorn's names for the same ASGI messages
        _configuration(listening_socket, limits),
        shutdown_trigger=None if shutdown is None else shutdown.wait,
        mode="asgi",
    )


def _configuration(listening_socket: socket.socket, limits: Limits) -> Config:
    config = Config()
    config.bind = [f"fd://{os.dup(listening_socket.fileno())}"]  # Hypercorn closes the descriptor that it is given
    config.backlog = limits.backlog
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.graceful_timeout = limits.drain_seconds
    return config
