"""A count is made once, and again after every change that it could notice."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import changes, device_changes
from engine.registry.counts import Counts
from engine.registry.database import create_database, open_for_writing
from engine.registry.listing import list_devices
from engine.registry.record import Activation
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField
from engine.registry.searching import search_devices
from engine.registry.store import DeviceFilter, DeviceUpdate, PageRequest
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id

COUNTING = "SELECT count(*) FROM device WHERE project_id = :project_id"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    for project_id in (PROJECT, OTHER_PROJECT):
        changes.create_project(connection, project_id, audit())
        changes.add_product(connection, product(project_id=project_id), audit())
    changes.add_device(connection, device(1, device_name="old"), audit())
    yield connection
    connection.close()


def statements_of(connection: sqlite3.Connection, work: Callable[[], object]) -> list[str]:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    work()
    connection.set_trace_callback(None)
    return statements


def test_count_is_made_once_while_no_device_of_its_project_changes(connection: sqlite3.Connection) -> None:
    counts = Counts(9)

    def count() -> int:
        return counts.number(connection, PROJECT, COUNTING, {"project_id": PROJECT})

    assert len(statements_of(connection, count)) == 2
    changes.add_device(connection, device(2, project_id=OTHER_PROJECT), audit())
    assert len(statements_of(connection, count)) == 1
    changes.add_device(connection, device(3), audit())
    assert len(statements_of(connection, count)) == 2
    assert count() == 2


def test_connection_of_a_device_that_was_activated_before_makes_no_count_again(connection: sqlite3.Connection) -> None:
    seen = Activation(device_id="pump-1", record_id=record_id(1), at=float(NOW))
    changes.activate(connection, [seen])
    counts = Counts(9)
    counts.number(connection, PROJECT, COUNTING, {"project_id": PROJECT})

    changes.activate(connection, [seen])

    counting = statements_of(connection, lambda: counts.number(connection, PROJECT, COUNTING, {"project_id": PROJECT}))
    assert len(counting) == 1


def test_same_statement_with_other_values_is_another_count(connection: sqlite3.Connection) -> None:
    counts = Counts(9)
    counting = f"{COUNTING} AND node_id = :node_id"

    numbers = [
        counts.number(connection, PROJECT, counting, {"project_id": PROJECT, "node_id": node_id})
        for node_id in ("node-1", "node-2", "node-1")
    ]

    assert numbers == [1, 0, 1]
    assert counts.number(connection, OTHER_PROJECT, counting, {"project_id": OTHER_PROJECT, "node_id": "node-1"}) == 0
    assert counts.number(connection, "no-project", COUNTING, {"project_id": "no-project"}) == 0


def test_no_more_are_remembered_than_agreed(connection: sqlite3.Connection) -> None:
    counts = Counts(3)

    for number in range(20):
        values = {"project_id": PROJECT, "node_id": f"node-{number}"}
        counts.number(connection, PROJECT, f"{COUNTING} AND node_id = :node_id", values)

    assert len(counts._known) <= 3


CHANGES: dict[str, tuple[Callable[[sqlite3.Connection], object], Condition, int]] = {
    "delete": (
        lambda c: changes.delete_device(c, PROJECT, "pump-1", audit()),
        Condition(SearchField.NODE_ID, Operator.LIKE, ("node-",)),
        -1,
    ),
    "expire": (
        lambda c: c.execute("UPDATE credential SET timeout_at = 1") and device_changes.expire_devices(c, 2.0, 9),
        Condition(SearchField.NODE_ID, Operator.LIKE, ("node-",)),
        -1,
    ),
    "rename": (
        lambda c: device_changes.update_device(c, PROJECT, "pump-1", DeviceUpdate(device_name="new"), audit()),
        Condition(SearchField.DEVICE_NAME, Operator.LIKE, ("new",)),
        1,
    ),
    "tag": (
        lambda c: device_changes.change_tags(c, PROJECT, "pump-1", {"site": "north"}, (), 9, audit()),
        Condition(SearchField.TAG_KEY, Operator.EQUAL, ("site",)),
        1,
    ),
    "activate": (
        lambda c: changes.activate(c, [Activation(device_id="pump-1", record_id=record_id(1), at=float(NOW))]),
        Condition(SearchField.STATUS, Operator.EQUAL, ("INACTIVE",)),
        -1,
    ),
    "freeze": (
        lambda c: changes.set_frozen(c, PROJECT, "pump-1", True, audit()),
        Condition(SearchField.STATUS, Operator.EQUAL, ("FROZEN",)),
        1,
    ),
}


@pytest.mark.parametrize(("change", "condition", "difference"), CHANGES.values(), ids=CHANGES)
def test_every_change_is_in_the_next_count(
    connection: sqlite3.Connection,
    change: Callable[[sqlite3.Connection], object],
    condition: Condition,
    difference: int,
) -> None:
    counts = Counts(9)

    def count() -> int:
        page = search_devices(connection, PROJECT, DeviceSearch(any_of=[[condition]], is_count=True), (), counts)
        assert page.count is not None
        return page.count

    before = count()
    change(connection)
    assert count() - before == difference


def test_count_of_a_list_follows_the_devices(connection: sqlite3.Connection) -> None:
    counts = Counts(9)
    numbers = []
    for number in range(2, 5):
        page = list_devices(connection, PROJECT, DeviceFilter(node_id="node-"), PageRequest(), counts)
        numbers.append((page.count, len(page.devices)))
        changes.add_device(connection, device(number), audit())

    assert numbers == [(1, 1), (2, 2), (3, 3)]
