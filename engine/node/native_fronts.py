"""Everything that only a node with the native MQTT front has; app imports it when the gate has chosen that front."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog
import trio

from engine.clock import Clock
from engine.config import Config, Network
from engine.gate.compiled import ChainVerifier, library_version
from engine.gate.compiled_front import Seen
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.interface import AnchorSet, VerifyChain
from engine.listeners.admit import Admission
from engine.listeners.mqtt import FrontServices
from engine.listeners.native_mqtt import NativeMqttFront, Shared
from engine.listeners.native_pending import NativePending
from engine.listeners.native_sessions import NativeSessionTable
from engine.listeners.native_tls import NativeTls
from engine.listeners.proxy import Proxied
from engine.listeners.throttle import Throttle
from engine.node.known_good import KnownGood
from engine.node.local import LocalBus
from engine.node.sights import Sights
from engine.node.ticket_root import TICKET_ROOT_FILE, read_ticket_root
from engine.observe.attempts import Attempts
from engine.registry.sealing import Sealer
from engine.registry.store import Store

LISTENERS = frozenset({"mqtt", "mqtts"})
"""The listeners that the native front can serve; the others keep the reference front."""

_log = structlog.get_logger("keyturn.node")


class NativeFronts:
    """One per node: the tables that C shares, what keeps them true, and the fronts on them.

    anchors: asks for the verified device CAs of each project. verify_chain: what CONNECT is judged by; its tables are
    the handshakes' too, where it is the native one.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        sealer: Sealer,
        anchors: Callable[[], Awaitable[Mapping[str, AnchorSet]]],
        verify_chain: VerifyChain,
    ) -> None:
        limits = self._limits = config.limits
        self.sessions = NativeSessionTable(os.urandom(16))
        self.pending = NativePending(limits, os.urandom(16))
        self.known_good = _known_good(config, store, sealer)
        self._seen = Seen(limits.known_good_entries)
        self._sights: Sights | None = None
        known = None
        if self.known_good is not None:
            policy = KnownGoodPolicy(limits, config.policy.sign_types, config.policy.stamp_window_hours)
            known = (self.known_good.table, policy, self._seen)
        learn = None if self.known_good is None else self.known_good.learn
        self._shared = Shared(self.sessions, self.pending, known, learn)
        verifier = verify_chain if isinstance(verify_chain, ChainVerifier) else ChainVerifier(limits)
        self.tls = NativeTls(
            config.data / config.tls.certificate,
            config.data / config.tls.key,
            anchors,
            verifier,
            limits,
            _ticket_root(config.data, sealer),
        )

    def serves(self, name: str) -> bool:
        """Whether this listener gets a native front."""
        return name in LISTENERS

    async def front(
        self, name: str, services: FrontServices, connect_seconds: float, proxied: Proxied | None, *, has_tls: bool
    ) -> NativeMqttFront:
        """A front for this listener. Raises ConfigError or StoreUnavailable where its TLS context cannot be made."""
        front = NativeMqttFront(name, services, self._shared, connect_seconds, proxied)
        if has_tls:
            await self.tls.serve(name, front)
        return front

    def tell(
        self, bus: LocalBus, throttle: Throttle, attempts: Attempts, exempt: tuple[Network, ...], clock: Clock
    ) -> None:
        """Whom to tell of the devices that C has accepted."""
        self._sights = Sights(
            seen=self._seen,
            listener=self._listener,
            bus=bus,
            throttle=throttle,
            attempts=attempts,
            exempt=exempt,
            clock=clock,
            limits=self._limits,
        )

    def collect(self, *, is_last: bool) -> None:
        """As batches.Collect."""
        if self._sights is not None:
            self._sights.collect(is_last=is_last)

    async def fill(self) -> None:
        """Know every device of the registry, as far as there is room."""
        if self.known_good is not None:
            await self.known_good.fill()

    async def watch_registry(self, admission: Admission) -> None:
        """Have it looked up for ever whether the registry can be read: C asks it nothing, and must not outlive it."""
        while True:
            await trio.sleep(self._limits.registry_look_seconds)
            await admission.look()

    def _listener(self, number: int) -> str:
        front = self.sessions.front_of(number)
        return front.name if isinstance(front, NativeMqttFront) else ""


def _ticket_root(data: Path, sealer: Sealer) -> bytes | None:
    """None, and no tickets, where the file cannot be written, which must not keep devices out, and on OpenSSL.

    OpenSSL 3.0 reads the session that it puts into a ticket anew, the peer's certificate included (259 us), so that to
    give a ticket costs what resuming saves (docs/operations.md, Tickets).
    """
    if not library_version().startswith("AWS-LC"):
        return None
    try:
        return read_ticket_root(data / TICKET_ROOT_FILE, sealer, os.urandom)
    except OSError as error:
        _log.warning("no session tickets: their root cannot be kept", error=error.strerror)
        return None


def _known_good(config: Config, store: Store, sealer: Sealer) -> KnownGood | None:
    """None, and a line in the log, where the system gives no memory that may be locked: then Python is always asked."""
    try:
        table = CredentialTable(config.limits.known_good_entries)
    except OSError as error:
        _log.warning("no table of known devices; every CONNECT takes the long way", error=error.strerror)
        return None
    return KnownGood(table=table, store=store, sealer=sealer, limits=config.limits)
