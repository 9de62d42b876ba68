"""The data directory: all of it or nothing, used by one process at a time, and never lying about what runs."""

import errno
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.config import Config, read_config
from engine.errors import UsageError
from engine.node import data_directory
from engine.node.data_directory import (
    Credentials,
    DataLock,
    announced,
    initialise,
    read_credentials,
    running_node,
    write_by_rename,
)

CLOCK = Clock(time.time, time.monotonic)
PRIVATE = {"credentials.json", "master.key", "registry.db", "tls/ca.key", "tls/server.key"}


async def test_everything_is_made_and_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await initialise(data, None, CLOCK)
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert files == PRIVATE | {"keyturn.toml", "tls/ca.pem", "tls/server.pem"}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {name for name in files if stat.S_IMODE((data / name).stat().st_mode) == 0o600} >= PRIVATE
    assert os.listdir(tmp_path) == ["data"]


async def test_credentials_are_of_the_promised_form_and_kept(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", None, CLOCK)
    assert re.fullmatch(r"[0-9a-f]{32}", made.project_id)
    assert re.fullmatch(r"[A-Z0-9]{20}", made.access_key)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", made.secret_key)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made.token)
    assert made.data == str(tmp_path / "data")
    assert read_credentials(tmp_path / "data") == made
    assert made.token not in repr(made)
    assert made.secret_key not in repr(made)


async def test_neither_token_nor_secret_key_lies_open_in_the_registry(tmp_path: Path) -> None:
    made = await initialise(tmp_path / "data", None, CLOCK)
    registry = (tmp_path / "data/registry.db").read_bytes()
    assert made.access_key.encode() in registry
    assert made.token.encode() not in registry
    assert made.secret_key.encode() not in registry


async def test_the_project_id_may_be_chosen(tmp_path: Path) -> None:
    assert (await initialise(tmp_path / "data", "plant-7", CLOCK)).project_id == "plant-7"


@pytest.mark.parametrize("project_id", ["", "a b", "x" * 65, "../x", "é"])
async def test_a_project_id_of_another_form_is_refused_and_nothing_is_made(tmp_path: Path, project_id: str) -> None:
    with pytest.raises(UsageError, match="project id"):
        await initialise(tmp_path / "data", project_id, CLOCK)
    assert os.listdir(tmp_path) == []


async def test_the_configuration_that_is_written_is_all_defaults(tmp_path: Path) -> None:
    await initialise(tmp_path / "data", None, CLOCK)
    assert read_config(tmp_path / "data") == Config(data=tmp_path / "data")


async def test_missing_parents_are_made_and_an_empty_directory_is_filled(tmp_path: Path) -> None:
    await initialise(tmp_path / "a/b/data", None, CLOCK)
    (tmp_path / "empty").mkdir()
    await initialise(tmp_path / "empty", None, CLOCK)
    assert (tmp_path / "empty/keyturn.toml").exists()


async def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/mine").write_text("mine")
    for name in ("file", "directory"):
        with pytest.raises(UsageError, match="not an empty directory"):
            await initialise(tmp_path / name, None, CLOCK)
    assert (tmp_path / "file").read_text() == "mine"
    assert os.listdir(tmp_path / "directory") == ["mine"]
    assert sorted(os.listdir(tmp_path)) == ["directory", "file"]


async def test_one_who_was_faster_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the check and the rename somebody else may have made the directory."""
    real = data_directory.create_ca

    def interfere(now: object) -> object:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/theirs").write_text("")
        return real(now)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(data_directory, "create_ca", interfere)
    with pytest.raises(UsageError, match="not an empty directory"):
        await initialise(tmp_path / "data", None, CLOCK)
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(tmp_path / "data") == ["theirs"]


async def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(data_directory, "_write_private", full)
    with pytest.raises(OSError, match="No space left"):
        await initialise(tmp_path / "data", None, CLOCK)
    assert os.listdir(tmp_path) == []


def test_credentials_that_are_damaged_are_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text('{"token": "s3cret", oops')
    with pytest.raises(UsageError) as fault:
        read_credentials(tmp_path)
    assert "credentials.json" in str(fault.value)
    assert "s3cret" not in str(fault.value)
    with pytest.raises(UsageError, match="keyturn init --data"):
        read_credentials(tmp_path / "absent")


def test_a_rename_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_by_rename(tmp_path / "taken", b"new")
    assert os.listdir(tmp_path) == ["taken"]


def prepared(data: Path) -> Path:
    """As much of a data directory as the lock needs."""
    data.mkdir()
    (data / "keyturn.toml").touch()
    return data


def test_two_cannot_use_a_data_directory_and_the_second_learns_who_does(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data")
    with DataLock(data), pytest.raises(UsageError, match=rf"pid {os.getpid()}\) uses {data}"), DataLock(data):
        pytest.fail("locked twice")
    with DataLock(data):
        pass


def test_the_lock_of_nothing_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("absent", "file"):
        with pytest.raises(UsageError, match="keyturn init --data"), DataLock(tmp_path / name):
            pytest.fail("locked")
        with pytest.raises(UsageError, match="keyturn init --data"):
            running_node(tmp_path / name)
    with pytest.raises(UsageError, match="keyturn init --data"):
        running_node(tmp_path)


def test_a_node_is_found_while_it_is_announced(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data")
    assert running_node(data) is None
    with DataLock(data):
        assert running_node(data) is None
        with announced(data, {"api": "127.0.0.1:8080"}):
            node = running_node(data)
            assert node is not None
            assert node.pid == os.getpid()
            assert node.addresses == {"api": "127.0.0.1:8080"}
        assert running_node(data) is None
    assert running_node(data) is None


def test_asking_does_not_take_the_lock(tmp_path: Path) -> None:
    """A command that looks for a node must never make a node that starts just then fail."""
    data = prepared(tmp_path / "data")
    with DataLock(data):
        pass
    assert running_node(data) is None
    with DataLock(data):
        pass


def test_a_killed_node_is_not_taken_for_a_running_one(tmp_path: Path) -> None:
    """kill -9 leaves node.json behind, with an address at which by now anybody may listen."""
    data = prepared(tmp_path / "data")
    program = (
        "import os, signal, sys, pathlib\n"
        "from engine.node.data_directory import DataLock, announced\n"
        "data = pathlib.Path(sys.argv[1])\n"
        "with DataLock(data), announced(data, {'api': '127.0.0.1:1'}):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(data)], check=False).returncode == -9
    assert json.loads((data / "node.json").read_text())["addresses"] == {"api": "127.0.0.1:1"}
    assert running_node(data) is None
    with DataLock(data):
        assert not (data / "node.json").exists()
        assert running_node(data) is None


def test_node_json_of_another_process_is_not_believed(tmp_path: Path) -> None:
    data = prepared(tmp_path / "data")
    with DataLock(data):
        (data / "node.json").write_text('{"pid": 1, "addresses": {"api": "127.0.0.1:1"}}')
        assert running_node(data) is None
        (data / "node.json").write_text("{")
        assert running_node(data) is None


def test_repr_of_credentials_is_the_project_alone() -> None:
    credentials = Credentials(project_id="p", access_key="A", secret_key="S3", token="T3", data="/d")
    assert repr(credentials) == "<Credentials of project 'p'>"
