"""Making and opening the file."""

import os
import sqlite3
from pathlib import Path

import pytest

from engine.errors import ConfigError, StoreUnavailable
from engine.registry.database import create_database, open_for_reading, open_for_writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # A name that a URI would misread, were it not quoted.
    path = tmp_path / "100% #1?mode=memory.db"
    create_database(path)
    return path


def test_all_of_its_files_are_the_owners_alone(path: Path) -> None:
    connection = open_for_writing(path)
    connection.execute("INSERT INTO project (project_id, created_at) VALUES ('p', 0)")

    modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    connection.close()

    assert modes == {f"{path.name}{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}


def test_commits_are_synchronous_in_wal_with_foreign_keys(path: Path) -> None:
    connection = open_for_writing(path)

    settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    (foreign_keys,) = connection.execute("PRAGMA foreign_keys").fetchone()
    connection.close()

    assert settings == ["wal", 2]
    assert foreign_keys == 1


def test_savepoint_of_many_pages_makes_no_temporary_file(path: Path) -> None:
    """SQLite would put what a savepoint brings back into one from 64 KiB on, at half of what adding a device takes."""
    connection = open_for_writing(path)
    connection.execute("CREATE TABLE page (number INTEGER PRIMARY KEY, content BLOB)")
    connection.executemany("INSERT INTO page VALUES (?, zeroblob(3000))", [(number,) for number in range(100)])
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT one_write")
    connection.execute("UPDATE page SET content = randomblob(3000)")

    files = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if is_open(name)]
    connection.execute("ROLLBACK")
    connection.close()

    assert not [name for name in files if "etilqs" in name]


def is_open(name: str) -> bool:
    """The descriptor that listed the directory is closed by the time it is looked at."""
    return Path(f"/proc/self/fd/{name}").is_symlink()


def test_existing_file_is_never_made_anew(path: Path) -> None:
    with pytest.raises(ConfigError, match="exists"):
        create_database(path)


def test_absent_registry_is_never_made_in_passing(tmp_path: Path) -> None:
    """An empty registry would refuse every device: an outage must not look like a refusal."""
    with pytest.raises(ConfigError, match="keyturn init"):
        open_for_writing(tmp_path / "registry.db")
    with pytest.raises(StoreUnavailable):
        open_for_reading(tmp_path / "registry.db")
    assert list(tmp_path.iterdir()) == []


def test_absent_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        create_database(tmp_path / "absent" / "registry.db")


def test_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    open_for_writing(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConfigError, match="newer"):
        open_for_writing(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_file_that_is_no_database_is_an_outage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be read as one " * 100)

    with pytest.raises(StoreUnavailable, match="not a database"):
        open_for_writing(path)
