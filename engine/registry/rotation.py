"""Rotation of the master key: everything sealed again under a new key, with the node stopped.

A crash at any point leaves a registry that opens, and the next rotation finishes the work:

    1. the key file gets the new key as current, the old ones behind it   (before the first blob under the new key)
    2. every blob under another key is sealed again, in batches           (each a durable transaction)
    3. the key file keeps the current key alone                           (only when no blob is left that needs another)
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, StoreUnavailable
from engine.registry.database import open_for_writing
from engine.registry.sealing import MasterKeys, Random, Sealer, Slot

BATCH = 512
"""Records sealed again in one transaction: about 10 ms of work for each fsync."""

Batch = Callable[[sqlite3.Connection, Sealer, str], tuple[int, str | None]]
"""Seal a batch again, beginning after this id: how many blobs changed, and the last id, None when it was the end."""


def rotate_master_key(registry: Path, key_file: Path, random: Random) -> int:
    """Seal every secret under a new master key and drop the old one; how many blobs were sealed again.

    Blocks. The caller holds the data directory's lock and no node runs. A rotation that was cut short is finished,
    under the key that it had begun with. No generation changes: the secrets are the same, so every verdict is. Raises
    ConfigError for the key file, StoreUnavailable when the registry cannot be used or a secret does not open.
    """
    keys = MasterKeys.read(key_file)
    connection = open_for_writing(registry)
    try:
        if len(keys.keys) == 1:
            keys = keys.with_new_key(random)
            _replace(keys, key_file)
        sealer = Sealer(keys, random)
        parts = (_seal_credentials, _seal_access_keys, _seal_batch_files)
        changed = sum(_seal_all(connection, sealer, part) for part in parts)
    except sqlite3.Error as fault:
        raise StoreUnavailable(f"{registry}: {fault}") from fault
    finally:
        connection.close()
    _replace(keys.only_current(), key_file)
    return changed


def _replace(keys: MasterKeys, key_file: Path) -> None:
    try:
        keys.replace_file(key_file)
    except OSError as fault:
        raise ConfigError(f"{key_file}: {fault.strerror}") from None


def _seal_all(connection: sqlite3.Connection, sealer: Sealer, seal_batch: Batch) -> int:
    changed = 0
    last: str | None = ""
    while last is not None:
        connection.execute("BEGIN IMMEDIATE")
        batch, last = seal_batch(connection, sealer, last)
        connection.execute("COMMIT")
        changed += batch
    return changed


def _seal_credentials(connection: sqlite3.Connection, sealer: Sealer, after: str) -> tuple[int, str | None]:
    rows = connection.execute(
        """
        SELECT sealed_primary, sealed_secondary, project_id, record_id, device_id FROM credential
        WHERE device_id > ? ORDER BY device_id LIMIT ?
        """,
        (after, BATCH),
    ).fetchall()
    changes = []
    changed = 0
    for primary, secondary, project_id, record_id, device_id in rows:
        blobs = (
            _seal_again(sealer, primary, project_id, record_id, Slot.PRIMARY),
            _seal_again(sealer, secondary, project_id, record_id, Slot.SECONDARY),
        )
        if blobs != (primary, secondary):
            changes.append((*blobs, device_id))
            changed += (blobs[0] != primary) + (blobs[1] != secondary)
    connection.executemany(
        "UPDATE credential SET sealed_primary = ?, sealed_secondary = ? WHERE device_id = ?", changes
    )
    return changed, _last(rows)


def _seal_access_keys(connection: sqlite3.Connection, sealer: Sealer, after: str) -> tuple[int, str | None]:
    rows = connection.execute(
        """
        SELECT sealed_secret_key, project_id, access_key FROM access_key
        WHERE access_key > ? ORDER BY access_key LIMIT ?
        """,
        (after, BATCH),
    ).fetchall()
    changes = [
        (_seal_again(sealer, blob, project_id, access_key, Slot.ACCESS_KEY), access_key)
        for blob, project_id, access_key in rows
        if not sealer.is_current(blob)
    ]
    connection.executemany("UPDATE access_key SET sealed_secret_key = ? WHERE access_key = ?", changes)
    return len(changes), _last(rows)


def _seal_batch_files(connection: sqlite3.Connection, sealer: Sealer, after: str) -> tuple[int, str | None]:
    """One file: it may have megabytes."""
    row = connection.execute(
        """
        SELECT sealed_content, project_id, file_id FROM batch_file WHERE file_id > ? ORDER BY file_id LIMIT 1
        """,
        (after,),
    ).fetchone()
    if row is None:
        return 0, None
    blob, project_id, file_id = row
    if sealer.is_current(blob):
        return 0, file_id
    again = _seal_again(sealer, blob, project_id, file_id, Slot.BATCH_FILE)
    connection.execute("UPDATE batch_file SET sealed_content = ? WHERE file_id = ?", (again, file_id))
    return 1, file_id


def _seal_again(sealer: Sealer, blob: bytes | None, project_id: str, record_id: str, slot: Slot) -> bytes | None:
    """The blob under the current key; the same one when it is that already."""
    if blob is None or sealer.is_current(blob):
        return blob
    return sealer.seal(sealer.unseal(blob, project_id, record_id, slot), project_id, record_id, slot)


def _last(rows: Sequence[tuple[Any, ...]]) -> str | None:
    return rows[-1][-1] if len(rows) == BATCH else None
