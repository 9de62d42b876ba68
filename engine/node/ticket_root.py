"""The root of the TLS session tickets' keys (DESIGN section 7): 32 random bytes in a file, sealed under the master key.

The same after a restart, so that devices may resume. Losing it costs full handshakes and nothing else: where the file
is absent, damaged or under a master key that is gone (a rotation leaves it alone), a new root takes its place.
"""

import os
from pathlib import Path

from engine.errors import StoreUnavailable
from engine.registry.sealing import Random, Sealer, Slot

TICKET_ROOT_FILE = "tickets.root"

ROOT_BYTES = 32

# No project's, and no record's.
_PROJECT_ID, _RECORD_ID = "", "tickets"


def read_ticket_root(path: Path, sealer: Sealer, random: Random) -> bytes:
    """The root of `path`, made (0600) where there is none that opens under the current key. OSError."""
    root = _unseal(path, sealer)
    if root is None:
        root = random(ROOT_BYTES)
        _replace(path, sealer.seal(root, _PROJECT_ID, _RECORD_ID, Slot.TICKET_ROOT))
    return root


def _unseal(path: Path, sealer: Sealer) -> bytes | None:
    try:
        blob = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        root = sealer.unseal(blob, _PROJECT_ID, _RECORD_ID, Slot.TICKET_ROOT) if sealer.is_current(blob) else b""
    except StoreUnavailable:
        return None
    return root if len(root) == ROOT_BYTES else None


def _replace(path: Path, blob: bytes) -> None:
    """Whole or not at all. Not flushed: what a power loss takes is made anew."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(blob)
    new.rename(path)
