"""What carries MQTT: the one thing in which the listeners differ."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from engine.observe.handshake import HandshakeFault
from engine.session.table import CloseReason
from engine.verdict.outcome import Reason

Why = Reason | CloseReason | None
"""Why a connection ends, for transports that can say so; None: nothing to complain of."""


class HandshakeFailed(Exception):
    """The handshake came to nothing. What the peer is told of it leaves with say_goodbye."""

    def __init__(self, fault: HandshakeFault, detail: str = "") -> None:
        super().__init__(fault.value, detail)
        self.fault = fault
        self.detail = detail


class Transport(Protocol):
    """One accepted connection. An OSError of any of these means that the peer is gone."""

    @property
    def peer_certificates(self) -> tuple[bytes, ...]:
        """The certificates (DER, end entity first) whose key the peer has proved to hold; empty where it showed none.

        Anchored by one of the node's device CAs when the handshake was; whose device it is, is not known yet.
        """

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Shake hands; the transport carries MQTT for the length of the block. HandshakeFailed where it does not."""

    def accepted(self) -> None:
        """The device is connected: what is kept of it may grow from CONNECT's bound to that of other packets."""

    async def receive(self) -> bytes:
        """What has come, b"" at the end."""

    async def send(self, data: bytes) -> None:
        """Write all of it. TimeoutError (an OSError) when the peer does not read for limits.send_seconds."""

    def say_goodbye(self, data: bytes, why: Why) -> None:
        """Write what is left and the transport's own farewell, as far as the socket takes it without waiting."""

    def close(self) -> None:
        """Close the socket at once; also for a transport that was never opened."""
