"""A network that loses, doubles and reorders, by seed: whatever it does, a device ends in exactly one registration."""

import heapq
import random

import pytest

from engine.session.exchanges import Endpoint
from tests.helpers.coap_packets import deregister, read_answer, register, update
from tests.helpers.lwm2m_server import Server

# RFC 7252 section 4.8, without the random factor.
ACK_TIMEOUT, MAX_RETRANSMIT = 2.0, 4


class LossyNetwork:
    """Datagrams of both ways, each delivered after its own delay, or twice, or never. Time is the test's own."""

    def __init__(self, seed: int) -> None:
        self.server = Server()
        self._random = random.Random(seed)
        self._under_way: list[tuple[float, int, bytes, Endpoint, bool]] = []
        self._number = 0
        self.devices: dict[Endpoint, Device] = {}

    @property
    def now(self) -> float:
        return self.server.now

    def send(self, datagram: bytes, endpoint: Endpoint, *, to_server: bool) -> None:
        copies = self._random.choices([0, 1, 2, 3], [30, 45, 15, 10])[0]
        for _ in range(copies):
            self._number += 1
            at = self.now + self._random.expovariate(1 / 1.5)
            heapq.heappush(self._under_way, (at, self._number, datagram, endpoint, to_server))

    def run(self) -> None:
        """Until nothing is under way and no device waits."""
        while True:
            timers = [device.next_at for device in self.devices.values() if device.next_at is not None]
            coming = self._under_way[0][0] if self._under_way else None
            if coming is None and not timers:
                return
            if coming is not None and (not timers or coming <= min(timers)):
                self._deliver()
            else:
                self.server.now = min(timers)
                for device in list(self.devices.values()):
                    device.tick()

    def _deliver(self) -> None:
        self.server.now, _, datagram, endpoint, to_server = heapq.heappop(self._under_way)
        if to_server:
            answer = self.server.send(datagram, endpoint)
            if answer is not None:
                self.send(answer, endpoint, to_server=False)
        else:
            self.devices[endpoint].receive(datagram)


class Device:
    """A client as RFC 7252 section 4.2 has it: one Confirmable message at a time, sent again until it is answered.

    It registers, updates some times, and starts from the beginning when it is told 4.04 or hears nothing any more.
    """

    def __init__(self, network: LossyNetwork, number: int, *, updates: int, leaves: bool) -> None:
        self.network, self.name = network, f"device{number}"
        self.endpoint = Endpoint((f"192.0.2.{number}", 5683))
        self.next_at: float | None = network.now
        self.location: list[str] = []
        self.has_left = False
        self._updates, self._leaves = updates, leaves
        self._message_id = 1000 * number
        self._datagram: bytes | None = None
        self._tries, self._timeout = 0, ACK_TIMEOUT
        network.devices[self.endpoint] = self

    def tick(self) -> None:
        if self.next_at is None or self.next_at > self.network.now:
            return
        if self._datagram is None or self._tries > MAX_RETRANSMIT:
            self._next_request(is_lost=self._datagram is not None)
        assert self._datagram is not None
        self.network.send(self._datagram, self.endpoint, to_server=True)
        self._tries += 1
        self.next_at = self.network.now + self._timeout
        self._timeout *= 2

    def receive(self, datagram: bytes) -> None:
        answer = read_answer(datagram)
        if self._datagram is None or answer.message_id != self._message_id:
            return
        assert answer.code in ("2.01", "2.04", "2.02", "4.04")
        self._datagram, self.next_at = None, self.network.now
        if answer.code == "2.01":
            self.location = answer.location
        elif answer.code == "4.04":
            self.location = []
        elif answer.code == "2.04":
            self._updates -= 1
        elif answer.code == "2.02":
            self.has_left = True
        if self.has_left or (self.location and self._updates <= 0 and not self._leaves):
            self.next_at = None

    def _next_request(self, *, is_lost: bool) -> None:
        if is_lost:
            self.location = []
        self._message_id += 1
        self._tries, self._timeout = 0, ACK_TIMEOUT
        if not self.location:
            self._datagram = register(f"ep={self.name}&lt=86400", message_id=self._message_id)
        elif self._updates > 0:
            self._datagram = update(self.location, message_id=self._message_id)
        else:
            self._datagram = deregister(self.location, message_id=self._message_id)


@pytest.mark.parametrize("seed", range(40))
def test_a_lossy_network_ends_in_exactly_one_registration_a_device(seed: int) -> None:
    network = LossyNetwork(seed)
    devices = [Device(network, number, updates=3, leaves=False) for number in range(1, 6)]
    network.run()
    table = network.server.lwm2m
    assert len(table) == len(network.server.sessions) == 5
    for device in devices:
        registration = table.registration(device.name)
        assert registration is not None
        assert device.location == ["rd", f"{registration.number:020x}"], "and it is the one that the device knows"


@pytest.mark.parametrize("seed", range(40))
def test_a_device_that_deregistered_is_not_raised_from_the_dead_by_what_comes_late(seed: int) -> None:
    network = LossyNetwork(1000 + seed)
    devices = [Device(network, number, updates=1, leaves=True) for number in range(1, 6)]
    network.run()
    assert all(device.has_left for device in devices if device.location)
    assert len(network.server.lwm2m) == len(network.server.sessions) == 0
