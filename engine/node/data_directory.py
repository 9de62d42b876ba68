"""The data directory: making it, using it alone, and finding the node that runs on it.

DIR/keyturn.toml, registry.db, master.key, credentials.json, tls/{ca,server}.{pem,key} are made once by `initialise`;
DIR/lock is held for as long as a process uses the registry, and DIR/node.json stands while a node serves.
"""

import contextlib
import datetime
import fcntl
import os
import re
import secrets
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import msgspec

from engine.clock import Clock
from engine.errors import UsageError
from engine.limits import Limits
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from engine.node.config_file import write_config_template
from engine.registry.minting import mint_access_key, mint_api_token
from engine.registry.record import AuditEntry
from engine.registry.sealing import MasterKeys, Sealer
from engine.registry.sqlite import SqliteStore
from engine.registry.store_access import AccessKey, ApiToken, Role

CONFIG_FILE = "keyturn.toml"
REGISTRY_FILE = "registry.db"
MASTER_KEY_FILE = "master.key"
CREDENTIALS_FILE = "credentials.json"
LOCK_FILE = "lock"
NODE_FILE = "node.json"

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# struct flock of fcntl(2), native alignment: l_type, l_whence, l_start, l_len, l_pid.
_FLOCK = struct.Struct("hhqqi4x")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What an application needs to call the API of this node: a token, and an access key with its secret key.

    `data` is the absolute path of the data directory. credentials.json holds exactly these fields.
    """

    project_id: str
    access_key: str
    secret_key: str
    token: str
    data: str

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<Credentials of project {self.project_id!r}>"


class NodeFile(msgspec.Struct, frozen=True):
    """node.json: the process that serves, and where each of its listeners accepts ("host:port")."""

    pid: int
    addresses: dict[str, str]


async def initialise(data: Path, project_id: str | None, clock: Clock) -> Credentials:
    """Make the data directory, all of it or nothing: it is built beside its place and renamed into it.

    project_id: 1 to 64 letters, digits, "_" and "-"; None makes one up (32 hex digits, as the reference service's).
    Raises UsageError when DIR exists and is not an empty directory or project_id is not of the form, OSError and
    StoreUnavailable when the disk says no.
    """
    if project_id is not None and not _PROJECT_ID.fullmatch(project_id):
        raise UsageError(f"project id {project_id!r}: expected 1 to 64 letters, digits, '_' and '-'")
    place, building = _directory_beside(data)
    try:
        credentials = await _fill(building, place, project_id or secrets.token_hex(16), clock)
        _move_into_place(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return credentials


def read_credentials(data: Path) -> Credentials:
    """DIR/credentials.json. UsageError where there is none or it cannot be read."""
    path = data / CREDENTIALS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except FileNotFoundError:
        raise UsageError(f"{path}: not found; make a data directory with: keyturn init --data {data}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Not the fault's own words: they could quote the file.
        raise UsageError(f"{path}: not the JSON that keyturn init writes") from None


def write_by_rename(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a small file so that a reader sees all of it or the one before."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise


class DataLock:
    """One process at a time uses a data directory: a context manager over an exclusive lock on DIR/lock.

    An open-file-description lock (fcntl(2)): it goes with the process however that ends, two in one process exclude
    each other too, and unlike flock's it can be asked about without being taken. The file holds the holder's pid.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._descriptor = -1

    def __enter__(self) -> Self:
        """UsageError when another process holds it, or when there is no data directory."""
        try:
            self._descriptor = os.open(self._data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            raise _no_data_directory(self._data) from None
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _exclusive())
        except (BlockingIOError, PermissionError):
            holder = _read_pid(self._descriptor)
            self._release()
            raise UsageError(
                f"another keyturn process{f' (pid {holder})' if holder else ''} uses {self._data}"
            ) from None
        os.ftruncate(self._descriptor, 0)
        # What a killed predecessor left must not be taken for ours.
        (self._data / NODE_FILE).unlink(missing_ok=True)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        return self

    def __exit__(self, *_exception: object) -> None:
        os.ftruncate(self._descriptor, 0)
        self._release()

    def _release(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


@contextlib.contextmanager
def announced(data: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    """DIR/node.json stands for the length of the block; the lock must be held."""
    write_by_rename(data / NODE_FILE, msgspec.json.encode(NodeFile(os.getpid(), dict(addresses))))
    try:
        yield
    finally:
        (data / NODE_FILE).unlink(missing_ok=True)


def running_node(data: Path) -> NodeFile | None:
    """The node that serves from this data directory now; None when none does, whatever an old node.json says.

    UsageError when there is no data directory.
    """
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        if not (data / CONFIG_FILE).exists():
            raise _no_data_directory(data) from None
        return None
    except NotADirectoryError:
        raise _no_data_directory(data) from None
    try:
        (lock_type, *_rest) = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _exclusive()))
        holder = _read_pid(descriptor)
    finally:
        os.close(descriptor)
    if lock_type == fcntl.F_UNLCK:
        return None
    try:
        node = msgspec.json.decode((data / NODE_FILE).read_bytes(), type=NodeFile)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return node if node.pid == holder else None


def _directory_beside(data: Path) -> tuple[Path, Path]:
    """The data directory's absolute place, and where it is built: beside it, so that it can be renamed into it."""
    place = data.resolve()
    _check_vacant(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place, Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))


def _check_vacant(data: Path) -> None:
    if os.path.ismount(data):
        raise UsageError(f"{data} is a mount point; name a directory inside it")
    try:
        occupied = any(data.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError:
        occupied = True
    if occupied:
        raise UsageError(f"{data} exists and is not an empty directory; keyturn init never overwrites")


async def _fill(building: Path, place: Path, project_id: str, clock: Clock) -> Credentials:
    (building / CONFIG_FILE).write_text(write_config_template(), "utf-8")
    _write_certificates(building / "tls", datetime.datetime.fromtimestamp(clock.wall(), datetime.UTC))
    keys = MasterKeys.generate(os.urandom)
    keys.create_file(building / MASTER_KEY_FILE)
    sealer, now = Sealer(keys, os.urandom), clock.wall()
    key, secret_key = mint_access_key(
        project_id, Role.ADMIN, reads_secrets=True, sealer=sealer, random=os.urandom, now=now
    )
    token, token_text = mint_api_token(project_id, "init", Role.ADMIN, reads_secrets=True, random=os.urandom, now=now)
    await _create_registry(building / REGISTRY_FILE, key, token, clock)
    credentials = Credentials(
        project_id=project_id, access_key=key.access_key, secret_key=secret_key, token=token_text, data=str(place)
    )
    _write_private(building / CREDENTIALS_FILE, msgspec.json.format(msgspec.json.encode(credentials), indent=2) + b"\n")
    return credentials


async def _create_registry(path: Path, key: AccessKey, token: ApiToken, clock: Clock) -> None:
    """A registry of one project, opened by the access key and the token. It is new: no refusal can come of it."""

    def audit(action: str, target: str) -> AuditEntry:
        return AuditEntry(at=clock.wall(), project_id=key.project_id, actor="keyturn", action=action, target=target)

    store = SqliteStore.open(path, limits=Limits(), clock=clock, create=True)
    try:
        await store.create_project(key.project_id)
        await store.access.add_access_key(key, audit("access-key.create", key.access_key))
        await store.access.add_api_token(token, audit("token.create", token.name))
    finally:
        await store.close()


def _write_certificates(directory: Path, now: datetime.datetime) -> None:
    directory.mkdir(0o700)
    ca = create_ca(now)
    server = issue_server_certificate(ca, LOOPBACK_NAMES, now)
    (directory / "ca.pem").write_bytes(ca.certificate)
    _write_private(directory / "ca.key", ca.key)
    (directory / "server.pem").write_bytes(server.certificate)
    _write_private(directory / "server.key", server.key)


def _move_into_place(building: Path, data: Path) -> None:
    for path in (*building.rglob("*"), building):
        _flush(path)
    try:
        building.rename(data)
    except OSError:
        # Somebody was faster; say so in the words of the check, else what the system said.
        _check_vacant(data)
        raise
    _flush(data.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)


def _exclusive() -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _no_data_directory(data: Path) -> UsageError:
    return UsageError(f"{data}: no data directory; make one with: keyturn init --data {data}")
