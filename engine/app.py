"""The composition root: the only module that knows all the others. One node, from a configuration."""

import ipaddress
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import msgspec
import structlog
import trio

from engine.api.application import build_application
from engine.api.serve import serve_api
from engine.api.services import ApiServices
from engine.clock import Clock
from engine.config import LISTENERS, Address, Config
from engine.errors import ConfigError, UsageError
from engine.gate.record import RECORD_NAME, read_record
from engine.gate.selection import Operations, choose_operations
from engine.limits import Limits
from engine.listeners.admit import Admission
from engine.listeners.mqtt import FrontServices, MqttFront
from engine.listeners.peer import Network
from engine.listeners.pending import Pending
from engine.listeners.throttle import Throttle
from engine.node.batches import Batches
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE, DataLock, announced
from engine.node.lag import watch_loop_lag
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts
from engine.observe.health import Health, ListenerState
from engine.observe.metrics import Metrics
from engine.observe.repeats import Repeats
from engine.registry.sealing import MasterKeys, Sealer
from engine.registry.sqlite import SqliteStore
from engine.registry.store import Store
from engine.session.table import DictSessionTable
from engine.verdict.judge import Judge
from engine.verdict.policy import VerdictPolicy

_log = structlog.get_logger("keyturn.node")


class Node:
    """A running node. `addresses` maps the name of every listener that is on to its "host:port"."""

    def __init__(self, addresses: dict[str, str], rooms: "_Rooms") -> None:
        self.addresses = addresses
        self._rooms = rooms

    async def drain(self) -> None:
        """Stop accepting, tell live sessions that the server shuts down, and write what is batched.

        Returns when the last connection is closed, at the latest after limits.drain_seconds. The API answers on until
        the node is closed, so that /readyz can say "draining".
        """
        rooms = self._rooms
        rooms.health.note_draining()
        with trio.move_on_after(rooms.limits.drain_seconds):
            for front in rooms.fronts:
                await front.drain()
        await rooms.batches.flush(is_last=True)


class _Rooms(msgspec.Struct, frozen=True):
    """What the node is made of, as far as more than one function here needs it."""

    store: Store
    sealer: Sealer
    bus: LocalBus
    sessions: DictSessionTable
    attempts: Attempts
    metrics: Metrics
    health: Health
    pending: Pending
    admission: Admission
    batches: Batches
    repeats: Repeats
    fronts: list[MqttFront]
    clock: Clock
    limits: Limits
    exempt: tuple[Network, ...]


@asynccontextmanager
async def open_node(config: Config) -> AsyncIterator[Node]:
    """Run a node for the length of the block, inside anybody's Trio program.

    Every listener accepts when the block begins. Leaving the block closes everything at once: `drain` first for an
    orderly end. Raises UsageError (an address cannot be bound, the data directory is absent or in use; ConfigError: a
    field of the configuration) and StoreUnavailable.
    """
    clock = Clock(time.time, time.monotonic)
    with ExitStack() as stack:
        stack.enter_context(DataLock(config.data))
        sockets = {name: stack.enter_context(sock) for name, sock in _bind(config)}
        store = SqliteStore.open(config.data / REGISTRY_FILE, limits=config.limits, clock=clock)
        try:
            rooms = _furnish(config, store, clock)
            addresses = {name: _address_of(sock) for name, sock in sockets.items()}
            stack.enter_context(announced(config.data, addresses))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch_loop_lag, rooms.health)
                nursery.start_soon(rooms.batches.run)
                for kind in LISTENERS:
                    if kind.name in sockets:
                        start = _start_api if kind.name == "api" else _start_mqtt
                        await nursery.start(partial(start, kind.name, kind.protocol, sockets[kind.name], rooms, config))
                        rooms.health.note_listener(kind.name, ListenerState.SERVING)
                    else:
                        rooms.health.note_listener(kind.name, ListenerState.OFF)
                yield Node(addresses, rooms)
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await store.close()


def _furnish(config: Config, store: SqliteStore, clock: Clock) -> _Rooms:
    """Build every room, from the store up. ConfigError: native, exempt_networks or the master key cannot be used."""
    limits = config.limits
    sealer = Sealer(MasterKeys.read(config.data / MASTER_KEY_FILE), os.urandom)
    sessions, attempts, metrics = DictSessionTable(), Attempts(limits), Metrics()
    health, repeats, pending = Health(store.check, limits), Repeats(clock, limits), Pending(limits)
    bus = LocalBus(store, sessions, limits, clock)
    operations = _operations(config)
    metrics.watch(
        pending=lambda: len(pending), sessions=lambda: len(sessions), loop_lag=lambda: health.loop_lag_seconds
    )
    admission = Admission(
        store=store,
        sealer=sealer,
        judge=Judge(
            VerdictPolicy(config.policy.sign_types, config.policy.stamp_window_hours), operations.verify_secret
        ),
        bus=bus,
        sessions=sessions,
        throttle=Throttle(limits),
        attempts=attempts,
        metrics=metrics,
        clock=clock,
        limits=limits,
    )
    return _Rooms(
        store=store,
        sealer=sealer,
        bus=bus,
        sessions=sessions,
        attempts=attempts,
        metrics=metrics,
        health=health,
        pending=pending,
        admission=admission,
        batches=Batches(bus=bus, attempts=attempts, store=store, clock=clock, limits=limits, repeats=repeats),
        repeats=repeats,
        fronts=[],
        clock=clock,
        limits=limits,
        exempt=_networks(config),
    )


def _operations(config: Config) -> Operations:
    operations, choices = choose_operations(config.native, read_record(config.data / RECORD_NAME))
    for choice in choices:
        _log.info("gate", operation=choice.operation, chosen=choice.chosen, why=choice.why)
    return operations


def _networks(config: Config) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in config.exempt_networks)
    except ValueError as fault:
        raise ConfigError(f"exempt_networks: {fault}") from None


def _bind(config: Config) -> Iterator[tuple[str, socket.socket]]:
    """A listening socket for every listener that is on. ConfigError, or OSError with the address in its text."""
    for kind in LISTENERS:
        address = config.address(kind.name)
        if address is None:
            continue
        if kind.name == "api" and not config.api.insecure and not _is_loopback(address):
            raise ConfigError(
                f"listeners.api: {address} is not loopback, and the API is not encrypted; put TLS in front of it and "
                "set api.insecure = true, or listen on 127.0.0.1"
            )
        yield kind.name, _listen(kind.name, address, config.limits.backlog)


def _is_loopback(address: Address) -> bool:
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def _listen(name: str, address: Address, backlog: int) -> socket.socket:
    try:
        family, _, _, _, resolved = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"listeners.{name}: {address}: {error.strerror}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address.host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setblocking(False)
        sock.bind(resolved)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise UsageError(f"listeners.{name}: {address}: {error.strerror}") from None
    return sock


def _address_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return str(Address(host, port))


async def _start_mqtt(
    name: str,
    protocol: str,
    sock: socket.socket,
    rooms: _Rooms,
    _config: Config,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    services = FrontServices(
        admission=rooms.admission,
        sessions=rooms.sessions,
        pending=rooms.pending,
        attempts=rooms.attempts,
        metrics=rooms.metrics.listener(name, protocol),
        health=rooms.health,
        repeats=rooms.repeats,
        clock=rooms.clock,
        limits=rooms.limits,
        exempt=rooms.exempt,
    )
    front = MqttFront(name, services)
    rooms.fronts.append(front)
    task_status.started()
    await front.serve(sock)


async def _start_api(
    _name: str,
    _protocol: str,
    sock: socket.socket,
    rooms: _Rooms,
    config: Config,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    services = ApiServices(
        store=rooms.store,
        sealer=rooms.sealer,
        bus=rooms.bus,
        clock=rooms.clock,
        limits=rooms.limits,
        randomness=os.urandom,
        health=rooms.health,
        metrics=rooms.metrics,
        attempts=rooms.attempts,
        hosts=frozenset(config.api.hosts),
    )
    task_status.started()
    await serve_api(build_application(services), sock, limits=rooms.limits)
