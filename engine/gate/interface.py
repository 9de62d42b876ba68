"""The benchmark-gated interface: an operation has a readable reference and may have a native twin.

The gate knows no room. A room that offers an operation names its reference; selection.py chooses once, at start.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

F = TypeVar("F", bound=Callable[..., object])


class KnownAnswer(msgspec.Struct, frozen=True):
    """One self-test: these arguments must give this answer."""

    arguments: tuple[object, ...]
    answer: object


class Operation(msgspec.Struct, Generic[F], frozen=True):
    """One operation behind the gate. `native` loads the compiled twin, and raises ImportError where there is none.

    The first known answer is the everyday case: its arguments are what the gate measures with.
    """

    name: str
    reference: F
    native: Callable[[], F]
    known_answers: Sequence[KnownAnswer]


class VerifySecret(Protocol):
    """Which of two secrets a password proves, in time that does not depend on any of them.

    password: what the peer sent, any length. stamp: the 10 ASCII digits that key the HMAC. primary, secondary: the
    device's secrets. A password is right for a secret when it equals hex(HMAC-SHA256(key = stamp, message = secret)) in
    lower case (mqtt-device.md C.1). Both are always computed. Answers a bit mask: 1 the primary, 2 the secondary.
    """

    def __call__(self, password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int: ...
