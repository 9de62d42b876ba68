"""The TLS contexts of the native fronts, made anew when certificate, key, device CAs or CRLs change."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from engine.errors import ConfigError
from engine.gate.compiled import ChainVerifier
from engine.gate.compiled_tls import TlsContext
from engine.gate.interface import AnchorSet
from engine.limits import Limits


class TlsFront(Protocol):
    """A front that shakes hands in C."""

    def set_tls(self, tls: TlsContext) -> None:
        """By this context from now on."""


class NativeTls:
    """One per node. certificate, key: PEM files. anchors: asks for the verified device CAs of each project.

    verifier: whose tables of parsed certificates and verified chains are used. ticket_root: as TlsContext has it.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        anchors: Callable[[], Awaitable[Mapping[str, AnchorSet]]],
        verifier: ChainVerifier,
        limits: Limits,
        ticket_root: bytes | None,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._anchors = anchors
        self._verifier = verifier
        self._limits = limits
        self._ticket_root = ticket_root
        self._fronts: dict[str, TlsFront] = {}

    async def serve(self, listener: str, front: TlsFront) -> None:
        """Give this listener's front its context, and every later one. Raises as `reload`."""
        front.set_tls(await self._context(listener))
        self._fronts[listener] = front

    async def reload(self) -> None:
        """Read everything anew, for new handshakes; live sessions go on.

        Raises ConfigError, which names the file, or what `anchors` raises; then everything is as before.
        """
        contexts = {listener: await self._context(listener) for listener in self._fronts}
        for listener, context in contexts.items():
            self._fronts[listener].set_tls(context)

    async def _context(self, listener: str) -> TlsContext:
        by_project = await self._anchors()
        # A handshake may be anchored by any project's CA; CONNECT asks those of the device's own.
        every = AnchorSet(list(dict.fromkeys(anchor for held in by_project.values() for anchor in held.anchors)))
        certificate, key = _read(self._certificate), _read(self._key)
        try:
            return TlsContext(certificate, key, listener, every, self._verifier, self._limits, self._ticket_root)
        except ConfigError as fault:
            raise ConfigError(f"{fault} ({self._certificate}, {self._key})") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"tls: {path}: {error.strerror}") from None
