"""The registrations of LwM2M devices: one per Endpoint Client Name, each until its Lifetime is over.

A registration is named by 80 bits that cannot be guessed: the keyed hash of its Endpoint Client Name and of its epoch,
a number that no other registration has. The key is made anew at every start, so that no location outlives the table.
"""

import hashlib
import math
import re
from collections.abc import Iterator

import msgspec

from engine.framing.coap.link_format import Link
from engine.framing.lwm2m.registration import NO_EXPIRY, Register, Update
from engine.session.exchanges import Endpoint

_LOCATION_BYTES = 10
_LOCATION = re.compile(r"[0-9a-f]{20}\Z")


class Registration(msgspec.Struct):
    """`endpoint` is where the device was last heard of; instants are monotonic seconds.

    `registered_from`, `message_id` and `answer` are the exchange of its Register, so that nothing else need remember
    it. `ends_in` is the second in which it expires, None for never.
    """

    number: int
    device_id: str
    endpoint_name: str
    endpoint: Endpoint
    registered_from: Endpoint
    message_id: int
    answer: bytes
    registered_at: float
    version: str
    lifetime_seconds: int
    binding: str
    has_queue_mode: bool
    sms_number: str | None
    links: tuple[Link, ...]
    ends_in: int | None = None

    def apply(self, update: Update, endpoint: Endpoint) -> None:
        """What an Update says; what it leaves out stays."""
        self.endpoint = endpoint
        if update.lifetime_seconds is not None:
            self.lifetime_seconds = update.lifetime_seconds
        if update.binding is not None:
            self.binding = update.binding
        if update.binding is not None or update.has_queue_mode:
            self.has_queue_mode = update.has_queue_mode
        if update.sms_number is not None:
            self.sms_number = update.sms_number
        if update.links is not None:
            self.links = update.links


def new_registration(
    number: int, device_id: str, register: Register, endpoint: Endpoint, message_id: int, answer: bytes, now: float
) -> Registration:
    """The registration that a Register makes."""
    return Registration(
        number=number,
        device_id=device_id,
        endpoint_name=register.endpoint_name or "",
        endpoint=endpoint,
        registered_from=endpoint,
        message_id=message_id,
        answer=answer,
        registered_at=now,
        version=register.version,
        lifetime_seconds=register.lifetime_seconds,
        binding=register.binding,
        has_queue_mode=register.has_queue_mode,
        sms_number=register.sms_number,
        links=register.links,
    )


class Registrations:
    """By number and by Endpoint Client Name. `key` is secret and of this process."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._epoch = 0
        self._by_number: dict[int, Registration] = {}
        self._by_name: dict[str, Registration] = {}
        self._ending: dict[int, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Registration]:
        return iter(list(self._by_number.values()))

    def new_number(self, endpoint_name: str) -> int:
        """The number of a registration to come."""
        self._epoch += 1
        data = self._epoch.to_bytes(8, "big") + endpoint_name.encode()
        return int.from_bytes(hashlib.blake2b(data, key=self._key, digest_size=_LOCATION_BYTES).digest(), "big")

    def find(self, number: int) -> Registration | None:
        """The live registration of this number."""
        return self._by_number.get(number)

    def of_name(self, endpoint_name: str) -> Registration | None:
        """The live registration of this Endpoint Client Name."""
        return self._by_name.get(endpoint_name)

    def add(self, registration: Registration, now: float) -> None:
        """Enter a registration; its name has none."""
        self._by_number[registration.number] = registration
        self._by_name[registration.endpoint_name] = registration
        self.renew(registration, now)

    def remove(self, registration: Registration) -> None:
        """Forget it."""
        del self._by_number[registration.number]
        del self._by_name[registration.endpoint_name]
        self._disarm(registration)

    def renew(self, registration: Registration, now: float) -> None:
        """Its Lifetime begins anew."""
        self._disarm(registration)
        if registration.lifetime_seconds != NO_EXPIRY:
            # Rounded up: a second more, never one less.
            registration.ends_in = math.ceil(now + registration.lifetime_seconds)
            self._ending.setdefault(registration.ends_in, {})[registration.number] = None

    def expired(self, now: float) -> list[Registration]:
        """Those whose Lifetime is over, to be removed by the caller."""
        seconds = sorted(second for second in self._ending if second <= now)
        return [self._by_number[number] for second in seconds for number in self._ending[second]]

    def _disarm(self, registration: Registration) -> None:
        if registration.ends_in is None:
            return
        ending = self._ending[registration.ends_in]
        del ending[registration.number]
        if not ending:
            del self._ending[registration.ends_in]
        registration.ends_in = None


def write_location(number: int) -> str:
    """The last segment of Location-Path."""
    return f"{number:0{2 * _LOCATION_BYTES}x}"


def read_location(segment: str) -> int | None:
    """The number in it, None for a text that write_location never gives."""
    return int(segment, 16) if _LOCATION.match(segment) else None
