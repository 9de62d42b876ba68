"""The registry without a node: used alone, by the limits of keyturn.toml, with the person in the audit."""

import os
import time
from pathlib import Path

import pytest

from engine.cli.offline import OfflineRegistry
from engine.errors import UsageError
from engine.node.data_directory import MASTER_KEY_FILE, DataLock, read_credentials
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore


def test_its_project_is_that_of_the_credentials_unless_another_is_named(data: Path) -> None:
    assert OfflineRegistry(data).project_id == read_credentials(data).project_id
    assert OfflineRegistry(data, "another").project_id == "another"


def test_work_is_done_and_the_lock_free_again(data: Path) -> None:
    registry = OfflineRegistry(data)

    async def makes_a_project(store: SqliteStore) -> str | None:
        refusal = await store.create_project("another")
        return refusal and refusal.name

    assert registry.use(makes_a_project) is None
    assert registry.use(makes_a_project) == "PROJECT_EXISTS"
    with DataLock(data):
        pass


def test_a_data_directory_in_use_is_not_touched(data: Path) -> None:
    registry = OfflineRegistry(data)
    with DataLock(data), pytest.raises(UsageError, match="another keyturn process"):
        registry.use(SqliteStore.check)


def test_the_audit_names_the_command_line(data: Path) -> None:
    before = time.time()
    entry = OfflineRegistry(data).audit("certificate.verify", "ca-1", {"cn_name": "Fleet CA"})
    assert (entry.actor, entry.action, entry.target) == ("keyturn", "certificate.verify", "ca-1")
    assert entry.detail == b'{"cn_name":"Fleet CA"}'
    assert before <= entry.at <= time.time()


def test_what_it_seals_opens_with_the_master_key(data: Path) -> None:
    """Whatever seals here must open in the node: both read DIR/master.key."""
    sealed = OfflineRegistry(data).sealer().seal(b"secret", "project", "record", Slot.PRIMARY)
    keys = MasterKeys.read(data / MASTER_KEY_FILE)
    assert Sealer(keys, os.urandom).unseal(sealed, "project", "record", Slot.PRIMARY) == b"secret"
