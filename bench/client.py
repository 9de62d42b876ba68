"""The storm client (bench/native/storm.c) as Python sees it: what it is asked, what it answers."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bench.programs import program

CORE = 1
"""Where the client runs; servers have core 0."""


class Storm(msgspec.Struct, frozen=True):
    """What came of a storm; counts of connections, microseconds from the due instant (closed loop: from connect)."""

    started: int
    expected: int
    codes: dict[int, int]
    malformed: int
    closed: int
    reset: int
    handshake_ended: int
    gave_up: int
    resumed: int
    held: int
    p50_us: float
    p90_us: float
    p99_us: float
    p999_us: float
    max_us: float
    seconds: float
    per_second: float
    in_time_per_second: float
    """Expected answers while clients still arrived."""
    late_p99_us: float
    latest_start_us: float
    """Open loop: how far the client itself fell behind its schedule; a part of every latency."""
    client_user_seconds: float
    client_system_seconds: float


Flags = bool | int | float | str | Path


def storm(address: str, devices: Path, before: Callable[[], object] = lambda: None, **flags: Flags) -> Storm:
    """One storm, by the flags of storm.c (in_flight=64 is --in-flight 64).

    `before` is called when it is about to begin; with warm_up=True every device has been there by then. Without, the
    client waits for nobody: it is called before there is one.
    """
    is_warmed_up = bool(flags.get("warm_up"))
    if not is_warmed_up:
        before()
    with start(address, devices, **flags) as client:
        if is_warmed_up:
            _line(client)
            before()
            _say(client)
        return read(client)


@contextlib.contextmanager
def holding(address: str, devices: Path, **flags: Flags) -> Iterator[Storm]:
    """The same, and the sessions stay open for the length of the block."""
    with start(address, devices, hold=True, **flags) as client:
        yield read(client)
        _say(client)


@contextlib.contextmanager
def start(address: str, devices: Path, **flags: Flags) -> Iterator["subprocess.Popen[bytes]"]:
    """The client's process; `read` has its answer."""
    command: list[str | Path] = [program("storm"), "--address", address, "--devices", devices]
    for name, value in flags.items():
        if value is not False:
            command += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    if (os.cpu_count() or 1) > CORE:
        command[:0] = ["taskset", "-c", str(CORE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        try:
            yield client
        except BaseException:
            client.kill()
            raise


def read(client: "subprocess.Popen[bytes]") -> Storm:
    """Its answer, once it is there."""
    return msgspec.json.decode(_line(client), type=Storm)


def _line(client: "subprocess.Popen[bytes]") -> bytes:
    assert client.stdout is not None
    line = client.stdout.readline()
    if not line:
        raise SystemExit("the storm client failed: see above")
    return line


def _say(client: "subprocess.Popen[bytes]") -> None:
    assert client.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it waits only where it was asked to
        client.stdin.write(b"\n")
        client.stdin.flush()
