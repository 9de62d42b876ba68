"""keyturn serve: run a node until it is told to stop."""

import contextlib
import ctypes
import inspect
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import trio
import typer

from engine.app import Node, open_node
from engine.cli.log import configure_log
from engine.cli.options import DEFAULT_DATA, DataOption
from engine.config import LISTENERS, OFF, Config, read_config
from engine.errors import KeyturnError
from engine.node.data_directory import write_by_rename

_PR_SET_DUMPABLE = 4

log = structlog.get_logger()


class CutShort(KeyturnError):
    """A second signal came while the node was draining."""


def serve(
    data: DataOption = DEFAULT_DATA,
    ready_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write the listeners' addresses there, as JSON, when all of them accept."),
    ] = None,
    **listeners: str | None,
) -> None:
    """Run a node on a data directory until SIGTERM or SIGINT.

    The first signal stops accepting and closes the sessions in order; a second one cuts them.
    """
    config = read_config(data, {name: address for name, address in listeners.items() if address is not None})
    _keep_secrets_out_of_core_dumps()
    _raise_descriptor_limit()
    configure_log()
    if ready_file is not None:
        # One that is left over would tell a waiter that we are ready.
        ready_file.unlink(missing_ok=True)
    trio.run(_serve, config, ready_file)


def _with_listener_options() -> inspect.Signature:
    """serve's own parameters and, in place of **listeners, one option per row of the listener table."""
    own = list(inspect.signature(serve).parameters.values())[:-1]
    options = [
        inspect.Parameter(
            kind.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Option(
                    f"--{kind.name}",
                    metavar="HOST:PORT",
                    help=f"Where to serve {kind.what}; {OFF}: nowhere. Port 0 picks a free one.",
                    show_default=f"keyturn.toml, or 127.0.0.1:{kind.port}",
                ),
            ],
        )
        for kind in LISTENERS
    ]
    return inspect.Signature([*own, *options])


# typer reads options from the signature and the annotations.
_signature = _with_listener_options()
serve.__signature__ = _signature  # type: ignore[attr-defined] # functions take it, their type does not say so
serve.__annotations__ = {name: parameter.annotation for name, parameter in _signature.parameters.items()}


async def _serve(config: Config, ready_file: Path | None) -> None:
    async with _told_to_stop() as stop, open_node(config) as node, _told_to_reload(node):
        if ready_file is not None:
            write_by_rename(ready_file, msgspec.json.encode(node.addresses) + b"\n", mode=0o644)
        log.info("serving", data=str(config.data), **node.addresses)
        await stop.wait()
        log.info("draining")
        await node.drain()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _told_to_stop() -> AsyncIterator[trio.Event]:
    """The event is set by the first SIGTERM or SIGINT; the second ends the block with CutShort."""
    stop = trio.Event()

    async def watch(signals: AsyncIterator[int]) -> None:
        async for _signal in signals:
            if stop.is_set():
                raise CutShort("stopped by a second signal before every session was closed")
            stop.set()

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, signals)
            yield stop
            nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def _told_to_reload(node: Node) -> AsyncIterator[None]:
    """For the length of the block, SIGHUP reads the certificates anew. A failure is told, and changes nothing."""

    async def watch(signals: AsyncIterator[int]) -> None:
        async for _signal in signals:
            try:
                await node.reload()
                log.info("certificates reloaded")
            except KeyturnError as fault:
                log.error("certificates not reloaded, the old ones stay in force", error=str(fault))

    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, signals)
            yield
            nursery.cancel_scope.cancel()


def _keep_secrets_out_of_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "prctl(PR_SET_DUMPABLE)")


def _raise_descriptor_limit() -> None:
    """A descriptor per connection: the soft limit (1024 by habit) up to the hard one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
