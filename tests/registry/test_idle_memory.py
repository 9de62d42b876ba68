"""Memory is given back to the system, not only to malloc."""

import sqlite3
from pathlib import Path

from engine.registry.idle_memory import give_back

_MIB = 2**20


def test_pages_that_sqlite_remembers_are_given_back(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    connection.execute(f"PRAGMA cache_size = -{64 * 1024}")
    connection.execute("CREATE TABLE t (y BLOB)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t VALUES (?)", ((bytes(3000),) for _ in range(10_000)))
    connection.execute("COMMIT")
    before = _resident_bytes()
    give_back(connection)
    assert before - _resident_bytes() > 20 * _MIB
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (10_000,)
    connection.close()


def _resident_bytes() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024
