"""The master key is rotated whole, or can be again."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.errors import ConfigError, StoreUnavailable
from engine.registry import rotation
from engine.registry.record import CredentialRow
from engine.registry.rotation import rotate_master_key
from engine.registry.sealing import MasterKeys, Sealer, Slot
from tests.registry.batch_samples import batch_file
from tests.registry.samples import PROJECT, access_key, audit, device, open_sqlite, record_id, seed

DEVICES = [f"pump-{number}" for number in range(7)]


class Crash(Exception):
    """The process ended here."""


class Sealed:
    """Sealed secrets: seven devices, three of them with two, one without; an access key; three batch files."""

    def __init__(self, directory: Path) -> None:
        self.registry = directory / "registry.db"
        self.key_file = directory / "master.key"
        self.rows: dict[str, CredentialRow] = {}

    async def make(self) -> None:
        keys = MasterKeys.generate(os.urandom)
        keys.create_file(self.key_file)
        sealer = Sealer(keys, os.urandom)
        store = open_sqlite(self.registry, create=True)
        await seed(store)
        for number in range(7):
            first = sealer.seal(b"first-%d" % number, PROJECT, record_id(number), Slot.PRIMARY)
            second = sealer.seal(b"second-%d" % number, PROJECT, record_id(number), Slot.SECONDARY)
            sealed = device(number, sealed_primary=first, sealed_secondary=second if number < 3 else None)
            await store.add_device(sealed if number else device(0, sealed_primary=None), audit())
        sealed = sealer.seal(b"access", PROJECT, "AK", Slot.ACCESS_KEY)
        await store.access.add_access_key(access_key("AK", sealed_secret_key=sealed), audit())
        for number in range(3):
            file = batch_file(number)
            content = sealer.seal(b"file-%d" % number, PROJECT, file.file_id, Slot.BATCH_FILE)
            await store.batches.add_file(file, content, audit())
        self.rows = dict(await store.credentials(DEVICES))
        await store.close()

    def rotate(self, random: Callable[[int], bytes] = os.urandom) -> int:
        return rotate_master_key(self.registry, self.key_file, random)

    async def assert_opens(self) -> None:
        """Every secret opens under the keys of the file, and nothing but the blobs has changed."""
        sealer = Sealer(MasterKeys.read(self.key_file), os.urandom)
        store = open_sqlite(self.registry)
        rows = await store.credentials(DEVICES)
        for number in range(3):
            file_id = batch_file(number).file_id
            content = await store.batches.file_content(PROJECT, file_id)
            assert content is not None
            assert sealer.unseal(content, PROJECT, file_id, Slot.BATCH_FILE) == b"file-%d" % number
        await store.close()
        for number, name in enumerate(DEVICES):
            opened = sealer.open_credential(rows[name])
            assert (opened.has_primary, opened.has_secondary) == (number > 0, 0 < number < 3)
            assert not opened.has_primary or opened.primary == b"first-%d" % number
            assert not opened.has_secondary or opened.secondary == b"second-%d" % number
            blobs = {"sealed_primary": rows[name].sealed_primary, "sealed_secondary": rows[name].sealed_secondary}
            assert rows[name] == msgspec.structs.replace(self.rows[name], **blobs)
        assert sealer.unseal(self.access_key(), PROJECT, "AK", Slot.ACCESS_KEY) == b"access"

    def access_key(self) -> bytes:
        connection = sqlite3.connect(self.registry)
        (blob,) = connection.execute("SELECT sealed_secret_key FROM access_key").fetchone()
        connection.close()
        return bytes(blob)


@pytest.fixture
async def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sealed:
    monkeypatch.setattr(rotation, "BATCH", 2)
    sealed = Sealed(tmp_path)
    await sealed.make()
    return sealed


async def test_rotation_seals_everything_under_one_new_key(sealed: Sealed) -> None:
    before = MasterKeys.read(sealed.key_file)

    assert sealed.rotate() == 12

    after = MasterKeys.read(sealed.key_file)
    assert len(after.keys) == 1
    assert after.current not in before.keys
    await sealed.assert_opens()


async def test_old_key_opens_nothing_after_a_rotation(sealed: Sealed) -> None:
    before = MasterKeys.read(sealed.key_file)
    sealed.rotate()

    with pytest.raises(StoreUnavailable):
        Sealer(before, os.urandom).unseal(sealed.access_key(), PROJECT, "AK", Slot.ACCESS_KEY)


async def test_rotation_cut_short_anywhere_loses_nothing_and_is_finished_by_the_next(sealed: Sealed) -> None:
    """Every sealing draws its nonce, so a randomness that gives out is a crash at every point of the work."""
    crashes = 0
    while True:
        calls = 0

        def random(count: int, crash_at: int = crashes) -> bytes:
            nonlocal calls
            calls += 1
            if calls > crash_at:
                raise Crash
            return os.urandom(count)

        try:
            sealed.rotate(random)
            break
        except Crash:
            crashes += 1
        await sealed.assert_opens()

    assert crashes > 5
    assert len(MasterKeys.read(sealed.key_file).keys) == 1
    await sealed.assert_opens()


@pytest.mark.parametrize("crash_at", [1, 2])
@pytest.mark.parametrize("is_written", [False, True])
async def test_crash_around_a_change_of_the_key_file_loses_nothing(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch, crash_at: int, is_written: bool
) -> None:
    replace_file = MasterKeys.replace_file
    calls = 0

    def crash(keys: MasterKeys, path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls < crash_at or is_written:
            replace_file(keys, path)
        if calls == crash_at:
            raise Crash

    monkeypatch.setattr(MasterKeys, "replace_file", crash)
    with pytest.raises(Crash):
        sealed.rotate()
    monkeypatch.undo()

    await sealed.assert_opens()
    sealed.rotate()
    assert len(MasterKeys.read(sealed.key_file).keys) == 1
    await sealed.assert_opens()


async def test_secret_that_does_not_open_stops_the_rotation_with_both_keys_kept(sealed: Sealed) -> None:
    connection = sqlite3.connect(sealed.registry)
    connection.execute("UPDATE credential SET sealed_primary = zeroblob(65) WHERE device_id = 'pump-5'")
    connection.commit()
    connection.close()

    with pytest.raises(StoreUnavailable):
        sealed.rotate()
    assert len(MasterKeys.read(sealed.key_file).keys) == 2


async def test_key_file_open_to_others_stops_the_rotation_before_it_begins(sealed: Sealed) -> None:
    sealed.key_file.chmod(0o644)

    with pytest.raises(ConfigError):
        sealed.rotate()
    sealed.key_file.chmod(0o600)
    assert len(MasterKeys.read(sealed.key_file).keys) == 1
    await sealed.assert_opens()
