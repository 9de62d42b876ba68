"""The composition root: the only module that knows all the others. One node, from a configuration."""

import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog
import trio

from engine.api.application import build_application
from engine.api.serve import serve_api
from engine.api.services import ApiServices
from engine.clock import Clock
from engine.config import LISTENERS, Config, Network, networks_of
from engine.errors import ConfigError, StoreUnavailable
from engine.gate.record import RECORD_NAME, read_record
from engine.gate.selection import Operations, choose_offered, choose_operations
from engine.limits import Limits
from engine.listeners.admit import Admission
from engine.listeners.coap import CoapFront
from engine.listeners.mqtt import FrontServices, MqttFront
from engine.listeners.mqtt_front import MQTT_FRONT
from engine.listeners.pending import DictPending, Pending
from engine.listeners.platform_tls import HTTP_ALPN, MQTT_ALPN, PlatformTls
from engine.listeners.proxy import Proxied
from engine.listeners.tcp import TcpTransport
from engine.listeners.throttle import Throttle
from engine.listeners.tls import TlsTransport
from engine.listeners.transport import Transport
from engine.listeners.trust import Trust
from engine.listeners.websocket import WebSocketTransport
from engine.node.batch_runner import BatchRunner
from engine.node.batches import Batches, nothing_aside
from engine.node.bind import address_of, bind
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
from engine.session.table import DictSessionTable, SessionTable
from engine.verdict.judge import Judge
from engine.verdict.policy import VerdictPolicy

if TYPE_CHECKING:
    from engine.listeners.native_mqtt import NativeMqttFront
    from engine.node.native_fronts import NativeFronts

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
        await _reload_tls(rooms.tls, rooms.native)
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
            async with trio.open_nursery() as nursery:
                for front in rooms.fronts:
                    nursery.start_soon(front.drain)
        await rooms.batches.flush(is_last=True)


class _Rooms(msgspec.Struct, frozen=True):
    """What the node is made of, as far as more than one function here needs it."""

    store: Store
    sealer: Sealer
    bus: LocalBus
    sessions: SessionTable
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
    native: "NativeFronts | None"
    crl_directory: Path | None
    expiry: ExpiryWatch
    fronts: "list[MqttFront | NativeMqttFront | CoapFront]"
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
        sockets = {name: stack.enter_context(sock) for name, sock in bind(config)}
        store = SqliteStore.open(config.data / REGISTRY_FILE, limits=config.limits, clock=clock)
        try:
            rooms = _furnish(config, store, clock)
            node = Node({name: address_of(sock) for name, sock in sockets.items()}, rooms)
            await node.reload()
            stack.enter_context(announced(config.data, node.addresses))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(rooms.batches.run)
                if rooms.native is not None:
                    rooms.native.tell(rooms.bus, rooms.admission.throttle, rooms.attempts, rooms.exempt, rooms.clock)
                    nursery.start_soon(rooms.native.fill)
                    nursery.start_soon(rooms.native.watch_registry, rooms.admission)
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
    attempts, metrics = Attempts(limits), Metrics()
    health, repeats = Health(store.check, limits), Repeats(clock, limits)
    trust = Trust(store.certificates)
    tls = _platform_tls(config, trust, repeats)
    operations, has_native_fronts = _chosen(config)
    expiry = ExpiryWatch(trust, clock, limits)
    native = _native_fronts(config, store, sealer, trust, operations) if has_native_fronts else None
    sessions: SessionTable = DictSessionTable() if native is None else native.sessions
    pending: Pending = DictPending(limits) if native is None else native.pending
    known_good = None if native is None else native.known_good
    bus = LocalBus(store, sessions, limits, clock, _trust_anew(config, trust, tls, native), known_good)
    admission = Admission(
        store=store,
        sealer=sealer,
        judge=_judge(config, operations),
        trust=trust,
        bus=bus,
        sessions=sessions,
        throttle=Throttle(limits),
        attempts=attempts,
        metrics=metrics,
        clock=clock,
        limits=limits,
        on_accepted=None if known_good is None else known_good.offer,
    )
    metrics.watch(
        pending=lambda: len(pending),
        sessions=lambda: len(sessions),
        loop_lag=lambda: health.loop_lag_seconds,
        ca_expiry=expiry.ca_seconds_left,
        crl_expiry=expiry.crl_seconds_left,
    )
    collect = nothing_aside if native is None else native.collect
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
        batches=Batches(bus, attempts, store, clock, limits, repeats, collect),
        reaper=Reaper(store=store, bus=bus, clock=clock, limits=limits, repeats=repeats),
        repeats=repeats,
        trust=trust,
        tls=tls,
        native=native,
        crl_directory=config.data / config.tls.crls if config.tls.crls else None,
        expiry=expiry,
        fronts=[],
        clock=clock,
        limits=limits,
        exempt=networks_of(config.exempt_networks, "exempt_networks"),
    )


def _platform_tls(config: Config, trust: Trust, repeats: Repeats) -> PlatformTls:
    files = config.data / config.tls.certificate, config.data / config.tls.key
    return PlatformTls(*files, trust.device_cas, config.limits, repeats)


def _judge(config: Config, operations: Operations) -> Judge:
    policy = VerdictPolicy(config.policy.sign_types, config.policy.stamp_window_hours)
    return Judge(policy, operations.verify_secret, operations.verify_chain)


def _native_fronts(
    config: Config, store: Store, sealer: Sealer, trust: Trust, operations: Operations
) -> "NativeFronts":
    # Only here: where there is no native module, there is nothing to import.
    from engine.node.native_fronts import NativeFronts

    return NativeFronts(config, store, sealer, trust.anchors, operations.verify_chain)


def _trust_anew(
    config: Config, trust: Trust, tls: PlatformTls, native: "NativeFronts | None"
) -> Callable[[], Awaitable[None]]:
    """What a change of the device CAs leads to: CONNECT is judged by what is now, and new handshakes too."""

    async def trust_anew() -> None:
        trust.forget()
        if not any(kind.has_tls and config.address(kind.name) is not None for kind in LISTENERS):
            return
        try:
            await _reload_tls(tls, native)
        except (ConfigError, StoreUnavailable) as fault:
            # A handshake by the old CAs proves nothing: CONNECT asks the trust, which has forgotten them.
            _log.warning("handshakes go on by the device CAs of before", error=str(fault))

    return trust_anew


async def _reload_tls(tls: PlatformTls, native: "NativeFronts | None") -> None:
    await tls.reload()
    if native is not None:
        await native.tls.reload()


def _chosen(config: Config) -> tuple[Operations, bool]:
    """What the gate has chosen: the operations, and whether the native fronts serve MQTT. ConfigError: native."""
    record = read_record(config.data / RECORD_NAME)
    operations, choices = choose_operations(config.native, record)
    _, front = choose_offered(MQTT_FRONT, config.native, record)
    for choice in (*choices, front):
        _log.info("gate", operation=choice.operation, chosen=choice.chosen, why=choice.why)
    return operations, front.chosen == "native"


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
    proxied = _proxied(name, config)
    front: MqttFront | NativeMqttFront
    if rooms.native is not None and rooms.native.serves(name):
        front = await rooms.native.front(name, services, connect_seconds, proxied, has_tls=protocol == "mqtts")
    else:
        front = MqttFront(name, services, _transports(rooms, config)[name], connect_seconds, proxied)
    rooms.fronts.append(front)
    task_status.started()
    await front.serve(sock)


def _proxied(name: str, config: Config) -> Proxied | None:
    balancers = config.balancers(name)
    return None if balancers is None else Proxied(balancers, HTTP_ALPN if name in ("ws", "wss") else MQTT_ALPN)


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
