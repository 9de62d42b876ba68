"""The composition root: the only module that knows all the others. One node, from a configuration."""

import ipaddress
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import structlog
import trio

from engine.api.application import build_application
from engine.api.serve import serve_api
from engine.api.services import ApiServices
from engine.clock import Clock
from engine.config import LISTENERS, Address, Config, ListenerKind
from engine.errors import ConfigError, StoreUnavailable, UsageError
from engine.gate.record import RECORD_NAME, read_record
from engine.gate.selection import Operations, choose_operations
from engine.limits import Limits
from engine.listeners.admit import Admission
from engine.listeners.coap import CoapFront
from engine.listeners.mqtt import FrontServices, MqttFront
from engine.listeners.peer import Network
from engine.listeners.pending import Pending
from engine.listeners.platform_tls import HTTP_ALPN, MQTT_ALPN, PlatformTls
from engine.listeners.tcp import TcpTransport
from engine.listeners.throttle import Throttle
from engine.listeners.tls import TlsTransport
from engine.listeners.transport import Transport
from engine.listeners.trust import Trust
from engine.listeners.websocket import WebSocketTransport
from engine.node.batch_runner import BatchRunner
from engine.node.batches import Batches
from engine.node.crl_files import read_crl_files
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE, DataLock, announced
from engine.node.expiry import ExpiryWatch
from engine.node.lag import watch_loop_lag
from engine.node.local import LocalBus
from engine.node.reaper import Reaper
from engine.observe.attempts import Attempts
from engine.observe.health import Health, ListenerState
from engine.observe.metrics import Metrics
from engine.observe.repeats import Repeats
from engine.registry.crls import CrlFile
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

    async def reload(self) -> None:
        """Read the platform certificate, its key, the device CAs and the files of tls.crls anew: for new handshakes and
        the next CONNECT, live sessions go on.

        Raises ConfigError or StoreUnavailable; then everything is as before.
        """
        rooms = self._rooms
        if not any(kind.has_tls and kind.name in self.addresses for kind in LISTENERS):
            return
        crl_files: Sequence[CrlFile] = ()
        if rooms.crl_directory is not None:
            crl_files = await trio.to_thread.run_sync(read_crl_files, rooms.crl_directory, rooms.limits)
        await rooms.tls.reload()
        if rooms.trust.replace_files(crl_files):
            await rooms.bus.invalidate_certificates()
        await rooms.expiry.look()

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
    reaper: Reaper
    repeats: Repeats
    trust: Trust
    tls: PlatformTls
    crl_directory: Path | None
    expiry: ExpiryWatch
    fronts: list[MqttFront | CoapFront]
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
            node = Node({name: _address_of(sock) for name, sock in sockets.items()}, rooms)
            await node.reload()
            stack.enter_context(announced(config.data, node.addresses))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(rooms.batches.run)
                nursery.start_soon(rooms.reaper.run)
                nursery.start_soon(rooms.expiry.run)
                nursery.start_soon(BatchRunner(_api_services(rooms, config), rooms.repeats).run)
                for kind in LISTENERS:
                    if kind.name in sockets:
                        start = _STARTS.get(kind.protocol, _start_mqtt)
                        await nursery.start(partial(start, kind.name, kind.protocol, sockets[kind.name], rooms, config))
                        rooms.health.note_listener(kind.name, ListenerState.SERVING)
                    else:
                        rooms.health.note_listener(kind.name, ListenerState.OFF)
                # Not before: building the API takes the loop 0.4 s, which is no overload.
                nursery.start_soon(watch_loop_lag, rooms.health)
                yield node
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
    trust = Trust(store.certificates)
    tls = PlatformTls(
        config.data / config.tls.certificate, config.data / config.tls.key, trust.device_cas, limits, repeats
    )
    bus = LocalBus(store, sessions, limits, clock, _trust_anew(config, trust, tls))
    operations, expiry = _operations(config), ExpiryWatch(trust, clock, limits)
    metrics.watch(
        pending=lambda: len(pending),
        sessions=lambda: len(sessions),
        loop_lag=lambda: health.loop_lag_seconds,
        ca_expiry=expiry.ca_seconds_left,
        crl_expiry=expiry.crl_seconds_left,
    )
    admission = Admission(
        store=store,
        sealer=sealer,
        judge=Judge(
            VerdictPolicy(config.policy.sign_types, config.policy.stamp_window_hours),
            operations.verify_secret,
            operations.verify_chain,
        ),
        trust=trust,
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
        reaper=Reaper(store=store, bus=bus, clock=clock, limits=limits, repeats=repeats),
        repeats=repeats,
        trust=trust,
        tls=tls,
        crl_directory=config.data / config.tls.crls if config.tls.crls else None,
        expiry=expiry,
        fronts=[],
        clock=clock,
        limits=limits,
        exempt=_networks(config),
    )


def _trust_anew(config: Config, trust: Trust, tls: PlatformTls) -> Callable[[], Awaitable[None]]:
    """What a change of the device CAs leads to: CONNECT is judged by what is now, and new handshakes too."""

    async def trust_anew() -> None:
        trust.forget()
        if not any(kind.has_tls and config.address(kind.name) is not None for kind in LISTENERS):
            return
        try:
            await tls.reload()
        except (ConfigError, StoreUnavailable) as fault:
            # A handshake by the old CAs proves nothing: CONNECT asks the trust, which has forgotten them.
            _log.warning("handshakes go on by the device CAs of before", error=str(fault))

    return trust_anew


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
        yield kind.name, _listen(kind, address, config.limits)


def _is_loopback(address: Address) -> bool:
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def _listen(kind: ListenerKind, address: Address, limits: Limits) -> socket.socket:
    transport = socket.SOCK_DGRAM if kind.is_datagram else socket.SOCK_STREAM
    try:
        family, _, _, _, resolved = socket.getaddrinfo(address.host, address.port, type=transport)[0]
        sock = socket.socket(family, transport)
    except OSError as error:
        raise UsageError(f"listeners.{kind.name}: {address}: {error.strerror}") from None
    try:
        if kind.is_datagram:
            # No SO_REUSEADDR: of two UDP sockets that have it, the later one takes the datagrams of the first.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.coap_receive_buffer_bytes)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address.host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setblocking(False)
        sock.bind(resolved)
        if not kind.is_datagram:
            sock.listen(limits.backlog)
    except OSError as error:
        sock.close()
        raise UsageError(f"listeners.{kind.name}: {address}: {error.strerror}") from None
    return sock


def _address_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return str(Address(host, port))


async def _start_mqtt(
    name: str,
    protocol: str,
    sock: socket.socket,
    rooms: _Rooms,
    config: Config,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    limits = rooms.limits
    connect_seconds = limits.connect_seconds if name == "mqtt" else limits.secure_connect_seconds
    services = _front_services(name, protocol, rooms)
    front = MqttFront(name, services, _transports(rooms, config)[name], connect_seconds)
    rooms.fronts.append(front)
    task_status.started()
    await front.serve(sock)


async def _start_coap(
    name: str,
    protocol: str,
    sock: socket.socket,
    rooms: _Rooms,
    _config: Config,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    front = CoapFront(name, _front_services(name, protocol, rooms), os.urandom, sock)
    rooms.fronts.append(front)
    task_status.started()
    await front.serve()


def _front_services(name: str, protocol: str, rooms: _Rooms) -> FrontServices:
    return FrontServices(
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


def _transports(rooms: _Rooms, config: Config) -> dict[str, Callable[[socket.socket], Transport]]:
    """What each listener makes of an accepted socket."""
    limits, origins = rooms.limits, frozenset(config.websocket.origins)
    mqtt_context, http_context = partial(rooms.tls.context, MQTT_ALPN), partial(rooms.tls.context, HTTP_ALPN)
    return {
        "mqtt": lambda sock: TcpTransport(sock, limits),
        "mqtts": lambda sock: TlsTransport(sock, mqtt_context, limits),
        "ws": lambda sock: WebSocketTransport(TcpTransport(sock, limits), limits, origins),
        "wss": lambda sock: WebSocketTransport(TlsTransport(sock, http_context, limits), limits, origins),
    }


async def _start_api(
    _name: str,
    _protocol: str,
    sock: socket.socket,
    rooms: _Rooms,
    config: Config,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    application = build_application(_api_services(rooms, config))
    task_status.started()
    await serve_api(application, sock, limits=rooms.limits)


def _api_services(rooms: _Rooms, config: Config) -> ApiServices:
    return ApiServices(
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
        region=config.api.region,
    )


_STARTS = {"coap": _start_coap, "http": _start_api}
"""What serves a protocol; MQTT's several listeners have one front."""
