"""Secrets at rest: AES-256-GCM under a master key (DESIGN section 3, NIST SP 800-38D).

A sealed blob is  version (1 byte) | key id (4) | nonce (12, random) | ciphertext and tag.  Its associated data are the
project, the record id and the slot: a record id is never used twice, so a blob moved to another record, slot or
project does not open. A blob that does not open is an outage of the registry, never a wrong password.
"""

import enum
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import ConfigError, StoreUnavailable
from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol

Random = Callable[[int], bytes]
"""So many unpredictable bytes: os.urandom, passed down from app."""

KEY_ID_BYTES = 4
KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = 1
_KEY_ID_END = 1 + KEY_ID_BYTES
_NONCE_END = _KEY_ID_END + NONCE_BYTES


class Slot(enum.Enum):
    """What a blob holds; part of its associated data."""

    PRIMARY = b"\x01"
    SECONDARY = b"\x02"
    ACCESS_KEY = b"\x03"
    BATCH_FILE = b"\x04"
    TICKET_ROOT = b"\x05"


_PRIMARY, _SECONDARY = Slot.PRIMARY.value, Slot.SECONDARY.value


class MasterKeys(msgspec.Struct, frozen=True):
    """The key that seals from now on, by its id, and every key that blobs may still need."""

    current: bytes
    keys: Mapping[bytes, bytes]

    def __repr__(self) -> str:
        """Never a key."""
        return f"<MasterKeys current {self.current.hex()}, {len(self.keys)} known>"

    @classmethod
    def generate(cls, random: Random) -> Self:
        """One new key."""
        key_id = random(KEY_ID_BYTES)
        return cls(key_id, {key_id: random(KEY_BYTES)})

    @classmethod
    def read(cls, path: Path) -> Self:
        """The keys of a file made by `create_file`.

        ConfigError when it is absent, open to group or others, or not of the form; the text never quotes the file.
        """
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & 0o077:
                    raise ConfigError(f"{path}: others may use it (mode {mode & 0o777:03o}); run: chmod 600 {path}")
                lines = file.read().decode("ascii").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not a master key file"
            raise ConfigError(f"{path}: {reason}") from None
        keys = [_read_line(path, number, line) for number, line in enumerate(lines, 1)]
        if not keys or len(dict(keys)) < len(keys):
            raise ConfigError(f"{path}: no key, or a key id that stands twice")
        return cls(keys[0][0], dict(keys))

    def create_file(self, path: Path) -> None:
        """Write them, durably, to a new 0600 file: lines `key_id key` in hex, the current one first. OSError."""
        others = (key_id for key_id in self.keys if key_id != self.current)
        text = "".join(f"{key_id.hex()} {self.keys[key_id].hex()}\n" for key_id in (self.current, *others))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        _flush_directory(path.parent)

    def replace_file(self, path: Path) -> None:
        """Put them, durably, in place of the file: a crash leaves the old keys or these, never a part. OSError."""
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        self.create_file(new)
        new.rename(path)
        _flush_directory(path.parent)

    def with_new_key(self, random: Random) -> "MasterKeys":
        """These keys and a new one, which is the current."""
        key_id = random(KEY_ID_BYTES)
        while key_id in self.keys:
            key_id = random(KEY_ID_BYTES)
        return MasterKeys(key_id, {**self.keys, key_id: random(KEY_BYTES)})

    def only_current(self) -> "MasterKeys":
        """The current key alone."""
        return MasterKeys(self.current, {self.current: self.keys[self.current]})


class Sealer:
    """Seals and unseals. `random` gives the nonces, and the content of the dummy record, made once per Sealer."""

    def __init__(self, keys: MasterKeys, random: Random) -> None:
        self._random = random
        self._current = keys.current
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.keys.items()}
        self._dummy = self._seal_dummy()
        self._dummy_binding = _binding(self._dummy.project_id, self._dummy.record_id)

    def __repr__(self) -> str:
        """Never a key."""
        return f"<Sealer under {self._current.hex()}>"

    def seal(self, secret: bytes, project_id: str, record_id: str, slot: Slot) -> bytes:
        """The blob of a secret. For an access key the record id is the access key itself."""
        nonce = self._random(NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, secret, _binding(project_id, record_id) + slot.value)
        return b"".join((bytes((_VERSION,)), self._current, nonce, sealed))

    def unseal(self, blob: bytes, project_id: str, record_id: str, slot: Slot) -> bytes:
        """The secret of a blob. StoreUnavailable when it does not open, for whatever reason."""
        return self._open(blob, _binding(project_id, record_id) + slot.value)

    def _open(self, blob: bytes, associated_data: bytes) -> bytes:
        cipher = self._ciphers.get(blob[1:_KEY_ID_END])
        if cipher is None or blob[0] != _VERSION:
            raise StoreUnavailable("a sealed secret names a master key or a version that is not known here")
        try:
            return cipher.decrypt(blob[_KEY_ID_END:_NONCE_END], blob[_NONCE_END:], associated_data)
        except (InvalidTag, ValueError):
            # ValueError: a nonce or a tag cut short.
            raise StoreUnavailable("a sealed secret does not open: the registry is damaged") from None

    def is_current(self, blob: bytes) -> bool:
        """Whether this blob is sealed under the current key."""
        return blob[1:_KEY_ID_END] == self._current

    def open_credential(self, row: CredentialRow | None) -> Credential:
        """Unseal both slots of a row. The dummy stands in for None and for an absent slot: the same work always.

        Raises StoreUnavailable when a slot does not open.
        """
        subject = self._dummy if row is None else row
        binding = _binding(subject.project_id, subject.record_id)
        return Credential(
            subject,
            row is not None,
            self._open_slot(binding, subject.sealed_primary, self._dummy.sealed_primary, _PRIMARY),
            row is not None and row.sealed_primary is not None,
            self._open_slot(binding, subject.sealed_secondary, self._dummy.sealed_secondary, _SECONDARY),
            row is not None and row.sealed_secondary is not None,
        )

    def open_secrets(self, row: CredentialRow) -> tuple[bytes | None, bytes | None]:
        """Primary and secondary of a row, None for an absent one. Raises StoreUnavailable when one does not open.

        For those who answer nobody by it: the time that it takes shows which are there.
        """
        binding = _binding(row.project_id, row.record_id)
        primary, secondary = row.sealed_primary, row.sealed_secondary
        return (
            None if primary is None else self._open(primary, binding + _PRIMARY),
            None if secondary is None else self._open(secondary, binding + _SECONDARY),
        )

    def closed_credential(self, row: CredentialRow | None) -> Credential:
        """The same without its secrets, for a claim that is not proved by one: it has none that counts."""
        return Credential(self._dummy if row is None else row, row is not None, b"", False, b"", False)

    def _open_slot(self, binding: bytes, blob: bytes | None, dummy_blob: bytes | None, slot: bytes) -> bytes:
        if blob is None:
            binding, blob = self._dummy_binding, dummy_blob or b""
        return self._open(blob, binding + slot)

    def _seal_dummy(self) -> CredentialRow:
        # As long as a real record's, so that it costs what a real one costs.
        project_id, record_id = "0" * 32, "0" * 24
        secrets = (self._random(KEY_BYTES), self._random(KEY_BYTES))
        return CredentialRow(
            device_id="",
            record_id=record_id,
            project_id=project_id,
            node_id="",
            generation=0,
            protocol=DeviceProtocol.MQTT,
            auth_type=AuthType.SECRET,
            frozen=False,
            secure_access=True,
            activated=True,
            checked_stamp_seen=False,
            timeout_at=None,
            sealed_primary=self.seal(secrets[0], project_id, record_id, Slot.PRIMARY),
            sealed_secondary=self.seal(secrets[1], project_id, record_id, Slot.SECONDARY),
            fingerprint=None,
            secondary_fingerprint=None,
        )


def _binding(project_id: str, record_id: str) -> bytes:
    """The associated data but for the slot's byte. Length-prefixed, so that no two triples give the same bytes."""
    project, record = project_id.encode(), record_id.encode()
    return len(project).to_bytes(2, "big") + project + len(record).to_bytes(2, "big") + record


def _read_line(path: Path, number: int, line: str) -> tuple[bytes, bytes]:
    key_id, _separator, key = line.partition(" ")
    try:
        pair = bytes.fromhex(key_id), bytes.fromhex(key)
    except ValueError:
        pair = b"", b""
    if (len(pair[0]), len(pair[1])) != (KEY_ID_BYTES, KEY_BYTES):
        raise ConfigError(f"{path}: line {number} is not {2 * KEY_ID_BYTES} and {2 * KEY_BYTES} hex digits")
    return pair


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
