"""What triggers keep: the state of a device, and how many devices there are of each kind."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.registry import changes, device_changes, migrations
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import Activation
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id

CHANGES = ("add", "add sub-device", "activate", "freeze", "unfreeze", "delete", "expire")


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    create_database(path)
    connection = open_for_writing(path)
    seed(connection)
    yield connection
    connection.close()


def seed(connection: sqlite3.Connection) -> None:
    for project_id in (PROJECT, OTHER_PROJECT):
        changes.create_project(connection, project_id, audit())
        for product_id in ("pumps", "valves"):
            record = product(product_id, project_id=project_id, record_id=product_id)
            assert changes.add_product(connection, record, audit()) is None


def add(connection: sqlite3.Connection, number: int, gateway: int | None = None) -> None:
    project_id = OTHER_PROJECT if number % 4 == 3 else PROJECT
    fields = {"app_id": f"app-{number % 2}", "product_id": "valves" if number % 3 else "pumps", "timeout_at": NOW + 1}
    if gateway is not None:
        fields["gateway_id"] = f"pump-{gateway}"
    changes.add_device(connection, device(number, project_id=project_id, **fields), audit())


def make(connection: sqlite3.Connection, change: str, number: int) -> None:
    project_id = OTHER_PROJECT if number % 4 == 3 else PROJECT
    device_id = f"pump-{number}"
    if change == "add":
        add(connection, number)
    elif change == "add sub-device":
        add(connection, number, gateway=number % 4)
    elif change == "activate":
        activation = Activation(device_id=device_id, record_id=record_id(number), at=float(NOW))
        changes.activate(connection, [activation])
    elif change == "delete":
        changes.delete_device(connection, project_id, device_id, audit())
    elif change == "expire":
        device_changes.expire_devices(connection, NOW + 2.0, 1)
    else:
        changes.set_frozen(connection, project_id, device_id, change == "freeze", audit())


def assert_kept(connection: sqlite3.Connection) -> None:
    """That what is kept is what the rows say."""
    states = connection.execute("""
        SELECT count(*) FROM device JOIN credential USING (device_id)
        WHERE state <> iif(frozen, 'FROZEN', iif(activated, 'ACTIVE', 'INACTIVE'))
    """)
    assert states.fetchone() == (0,)
    kept = connection.execute("SELECT * FROM device_count ORDER BY 1, 2, 3, 4, 5").fetchall()
    counted = connection.execute("""
        SELECT project_id, product_id, app_id, gateway_id = device_id, state, count(*) FROM device
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    """)
    assert kept == counted.fetchall()


@given(done=st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 11)), max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_counters_and_states_follow_every_change(connection: sqlite3.Connection, done: list[tuple[str, int]]) -> None:
    connection.execute("BEGIN")
    for change, number in done:
        make(connection, change, number)
    assert_kept(connection)
    connection.execute("ROLLBACK")


def test_device_that_is_added_frozen_and_activated_counts_as_frozen(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    changes.add_device(connection, device(frozen=True, activated_at=1.0), audit())
    assert_kept(connection)
    assert connection.execute("SELECT state, devices FROM device_count").fetchall() == [("FROZEN", 1)]
    connection.execute("ROLLBACK")


def test_device_that_is_seen_again_wakes_no_trigger(connection: sqlite3.Connection) -> None:
    """It is the write of every CONNECT. An activation, for comparison, wakes those of its state."""
    connection.execute("BEGIN")
    add(connection, 1)
    statements: list[str] = []

    for expected in (True, False):
        statements.clear()
        connection.set_trace_callback(statements.append)
        make(connection, "activate", 1)
        connection.set_trace_callback(None)
        updates = [one for one in statements if one.lstrip().startswith("UPDATE")]
        steps = [step[1] for one in updates for step in connection.execute(f"EXPLAIN {one}")]
        assert steps, "nothing was written"
        assert ("Program" in steps) is expected

    connection.execute("ROLLBACK")


def test_migration_counts_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that version 5 filled has its counters as if this one had."""
    path = tmp_path / "registry.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:5])
        create_database(path)
        older = open_for_writing(path)
    seed(older)
    for number in range(12):
        make(older, "add", number)
    for change, number in (("activate", 1), ("activate", 2), ("freeze", 2), ("freeze", 4), ("activate", 5)):
        make(older, change, number)
    older.close()

    newer = open_for_writing(path)

    assert_kept(newer)
    states = newer.execute("SELECT state, sum(devices) FROM device_count GROUP BY state ORDER BY state").fetchall()
    assert states == [("ACTIVE", 2), ("FROZEN", 2), ("INACTIVE", 8)]
    newer.close()
