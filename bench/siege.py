"""Peers that mean no good, attached to a server while honest ones connect: silent, trickling, and announcing much."""

import contextlib
import itertools
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.client import CORE

PEERS = 200
_CONNECT = b"\x10\x80\x01\x00\x04MQTT\x04\xc2\x00\x3c"
"""The beginning of a CONNECT of 128 bytes; what trickles."""
_TICK_SECONDS = 0.1

# What a peer of each kind sends at once, and whether it goes on, a byte a tick.
KINDS = {
    "silent": (b"", False),
    "trickling": (b"", True),
    "much announced, within the bound": (b"\x10\xff\xff\x01", True),
    "much announced, beyond every bound": (b"\x10\xff\xff\xff\x7f", False),
}


class Peer:
    """One of them; it comes back when it was thrown out."""

    def __init__(self, address: tuple[str, int], begins_with: bytes, trickles: bool) -> None:
        self._address = address
        self._begins_with = begins_with
        self._trickles = trickles
        self._sent = 0
        self._socket = self._attach()

    def tick(self) -> None:
        """One byte more where it trickles; anew where the server has ended it."""
        with contextlib.suppress(OSError):
            if not select.select([self._socket], [], [], 0)[0] or self._socket.recv(64):
                if self._trickles:
                    position = self._sent % len(_CONNECT)
                    self._socket.send(_CONNECT[position : position + 1])
                    self._sent += 1
                return
        self._socket.close()
        self._socket = self._attach()

    def _attach(self) -> socket.socket:
        self._sent = 0
        sock = socket.create_connection(self._address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(1.0)
        sock.sendall(self._begins_with)
        return sock


@contextlib.contextmanager
def besiegers(address: str) -> Iterator[int]:
    """All of them in a process of their own on the client's core, where it gives way to the client; its pid."""
    command = ["taskset", "-c", str(CORE), sys.executable, "-m", "bench.siege", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"attached\n"
            yield process.pid
        finally:
            process.terminate()


def main() -> None:
    """`python -m bench.siege HOST:PORT`: attach PEERS of them, print "attached", go on until terminated."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    host, _, port = sys.argv[1].rpartition(":")
    kinds = list(KINDS.values())
    peers = [Peer((host, int(port)), *kinds[number % len(kinds)]) for number in range(PEERS)]
    print("attached", flush=True)
    # One after the other: all at once would be a burst of work that honest clients wait for, on the client's core too.
    due_at = time.monotonic()
    for peer in itertools.cycle(peers):
        due_at += _TICK_SECONDS / PEERS
        time.sleep(max(0.0, due_at - time.monotonic()))
        peer.tick()


if __name__ == "__main__":
    main()
