"""A node as a child process: `keyturn serve` on free ports of the loopback, until its ready file stands."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from engine.config import LISTENERS
from engine.errors import KeyturnError

_POLL_SECONDS = 0.02
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

FREE_PORTS = tuple(f"--{kind.name}=127.0.0.1:0" for kind in LISTENERS)


class ChildFailed(KeyturnError):
    """The node did not come up, or did not end, as it should; the text ends with the last line of its log."""


class Child:
    """A node that accepts on every listener: `addresses` is what its ready file says."""

    def __init__(self, process: subprocess.Popen[bytes], addresses: dict[str, str], log: Path) -> None:
        self.process = process
        self.addresses = addresses
        self.log = log

    def stop(self) -> int:
        """SIGTERM, and its exit status once it has drained."""
        self.process.terminate()
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"the node does not stop: {_last_line(self.log)}") from None


@contextlib.contextmanager
def serve_child(data: Path, arguments: Sequence[str] = FREE_PORTS) -> Iterator[Child]:
    """Serve DIR for the length of the block; the node's log is a temporary file. ChildFailed when it does not start."""
    with tempfile.TemporaryDirectory(prefix="keyturn-") as directory:
        ready, log = Path(directory, "ready.json"), Path(directory, "serve.log")
        command = [sys.executable, "-m", "engine", "serve", "--data", str(data), "--ready-file", str(ready), *arguments]
        with log.open("wb") as output:
            # A session of its own: Ctrl-C is ours to pass on, once.
            process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            yield Child(process, _wait_until_ready(process, ready, log), log)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, str]:
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(FileNotFoundError):
            return msgspec.json.decode(ready.read_bytes(), type=dict[str, str])
        time.sleep(_POLL_SECONDS)
    raise ChildFailed(f"the node did not start: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    return lines[-1].removeprefix("keyturn: ") if lines else "it said nothing"
