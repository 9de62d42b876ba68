"""Searches are served by indexes, and one that is not is broken off."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import Clock
from engine.limits import Limits
from engine.registry import changes, searching
from engine.registry.counts import Counts
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import Activation
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField, SearchPage
from engine.registry.searching import search_devices
from engine.registry.sqlite import SqliteStore
from engine.registry.store import StoreRefusal
from engine.registry.tags import tags_text
from tests.registry.samples import NOW, PROJECT, audit, device, product, record_id, seed
from tests.registry.test_listing import plan_of


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    yield connection
    connection.close()


def condition(field: str, operator: str, *values: str | float) -> Condition:
    return Condition(SearchField(field), Operator(operator), values)


def plan(connection: sqlite3.Connection, search: DeviceSearch) -> list[str]:
    """How SQLite goes about it, whether a count still holds aside."""
    steps = plan_of(connection, lambda: search_devices(connection, PROJECT, search, ["d"], Counts(9)))
    return [step for step in steps if not step.startswith("SEARCH project ")]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (("app_id", "=", "a"), "device_by_app (project_id=? AND app_id=?"),
        (("device_id", "=", "d"), "(device_id=?)"),
        (("device_id", "in", "d", "e"), "(device_id=?)"),
        (("gateway_id", "=", "g"), "device_by_gateway (project_id=? AND gateway_id=?"),
        (("product_id", "=", "p"), "device_by_product (project_id=? AND product_id=?"),
        (("device_name", "=", "n"), "device_by_name (project_id=? AND device_name=?"),
        (("device_name", "!=", "n"), "device_in_order (project_id=?"),
        (("device_name", "like", "name"), "device_by_name (project_id=? AND device_name>? AND device_name<?"),
        (("node_id", "=", "n"), "device_by_node (project_id=? AND node_id=?"),
        (("node_id", "like", "node"), "device_by_node (project_id=? AND node_id>? AND node_id<?"),
        (("node_type", "=", "ENDPOINT"), "device_by_level (project_id=? AND is_direct=?"),
        (("status", "=", "FROZEN"), "device_by_state (project_id=? AND state=?"),
        (("status", "=", "INACTIVE"), "device_by_state (project_id=? AND state=?"),
        (("status", "!=", "INACTIVE"), "device_in_order (project_id=?"),
        (("status", "=", "OFFLINE"), "COVERING INDEX device_by_state (project_id=? AND state=?"),
        (("status", "=", "ONLINE"), "(device_id=?)"),
        (("create_time", ">", NOW), "device_by_creation (project_id=? AND created_at>?"),
        (("marker", "<", record_id(1)), "(project_id=? AND record_id<?"),
        (("tag_key", "=", "k"), "device_tag_by_key (project_id=? AND tag_key=?"),
        (("tag_value", "=", "v"), "device_tag_by_value (project_id=? AND tag_value=?)"),
    ],
)
def test_condition_is_served_by_its_index(
    connection: sqlite3.Connection, asked: tuple[str, str, str], index: str
) -> None:
    steps = plan(connection, DeviceSearch(any_of=[[condition(*asked)]]))

    assert any(index in step for step in steps), steps
    assert not any(step.startswith(("SCAN device", "SCAN credential")) for step in steps), steps


COUNTERS = "PRIMARY KEY (project_id=?"


@pytest.mark.parametrize(
    ("asked", "indexes"),
    [
        (("app_id", "!=", "a"), [COUNTERS]),
        (("product_id", "in", "p", "q"), [COUNTERS]),
        (("node_type", "=", "ENDPOINT"), [COUNTERS]),
        (("status", "!=", "INACTIVE"), [COUNTERS]),
        (("device_name", "!=", "n"), [COUNTERS, "COVERING INDEX device_by_name"]),
        (("status", "=", "OFFLINE"), [COUNTERS, "INDEX sqlite_autoindex_device_1 (device_id=?)"]),
        (("tag_key", "=", "k"), ["COVERING INDEX device_tag_by_key"]),
        (("create_time", ">", NOW), ["COVERING INDEX device_by_creation"]),
        (("marker", "<", record_id(1)), ["COVERING INDEX"]),
    ],
)
def test_count_reads_no_row_of_a_device_that_it_need_not(
    connection: sqlite3.Connection, asked: tuple[str, str, str], indexes: list[str]
) -> None:
    """Counters, which alone are read by a primary key, or an index that says it all."""
    steps = plan(connection, DeviceSearch(any_of=[[condition(*asked)]], is_count=True))

    read = [step.partition(" USING ")[2] for step in steps if step.startswith("SEARCH ")]
    assert len(read) == len(indexes), steps
    assert all(one.startswith(index) for one, index in zip(read, indexes, strict=True)), steps


def test_tags_page_is_walked_in_its_order(connection: sqlite3.Connection) -> None:
    tagged = [condition("tag_key", "=", "k"), condition("tag_value", "=", "v")]

    for group in (tagged, tagged[:1]):
        steps = plan(connection, DeviceSearch(any_of=[group]))
        assert sum("TEMP B-TREE" in step for step in steps) <= 1, steps


def test_alternatives_are_each_served_by_their_index(connection: sqlite3.Connection) -> None:
    either = [[condition("product_id", "=", "p")], [condition("node_id", "like", "node")]]

    for is_count in (False, True):
        steps = plan(connection, DeviceSearch(any_of=either, is_count=is_count))
        for index in ("device_by_product (project_id=? AND product_id=?", "device_by_node (project_id=? AND node_id>?"):
            assert any(index in step for step in steps), steps


CONDITIONS = [
    condition("app_id", "=", "app-1"),
    condition("app_id", "!=", "app-1"),
    condition("device_id", "in", "pump-1", "pump-4", "pump-7", "pump-8"),
    condition("device_name", "like", "name-1"),
    condition("device_name", "!=", "name-10"),
    condition("device_name", "not in", "name-10", "name-11"),
    condition("node_type", "=", "ENDPOINT"),
    condition("create_time", ">", NOW + 2),
    condition("marker", "<=", record_id(20)),
    condition("tag_key", "=", "site"),
    condition("tag_key", "!=", "site"),
    condition("status", "=", "ONLINE"),
    condition("status", "=", "OFFLINE"),
    condition("status", "!=", "OFFLINE"),
    condition("status", "in", "INACTIVE", "FROZEN"),
    condition("sw_version", "!=", "1"),
]
ONLINE = [f"pump-{number}" for number in range(0, 24, 5)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Two dozen devices that the conditions tell apart in every way."""
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    create_database(path)
    connection = open_for_writing(path)
    changes.create_project(connection, PROJECT, audit())
    changes.add_product(connection, product(), audit())
    for number in range(24):
        fields = {"app_id": f"app-{number % 3}", "created_at": NOW + number % 5}
        if number % 4:
            fields["device_name"] = f"name-{number}"
        if number % 6 == 5:
            fields["gateway_id"] = "pump-0"
        if number % 2:
            fields["tags"] = tags_text({"site": f"{number}", "floor": "1"})
        assert changes.add_device(connection, device(number, **fields), audit()) is None
    seen = [Activation(device_id=f"pump-{n}", record_id=record_id(n), at=NOW) for n in range(0, 24, 2)]
    changes.activate(connection, seen)
    for number in (3, 4):
        changes.set_frozen(connection, PROJECT, f"pump-{number}", True, audit())
    yield connection
    connection.close()


def found(connection: sqlite3.Connection, group: Sequence[Condition]) -> list[str]:
    devices = search_devices(connection, PROJECT, DeviceSearch(any_of=[group], limit=50), ONLINE, Counts(9)).devices
    return [one.device_id for one in devices]


@pytest.mark.parametrize("many", [0, 1000])
@given(groups=st.lists(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3), min_size=1, max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_search_finds_what_all_its_conditions_find_and_counts_as_many(
    filled: sqlite3.Connection, many: int, groups: list[list[Condition]]
) -> None:
    """Whichever way the page is found, walked or sorted, and whatever the count is made of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "many_devices", lambda *_of: many)
        wanted = {
            one for group in groups for one in set.intersection(*(set(found(filled, [alone])) for alone in group))
        }
        newest_first = sorted(wanted, key=lambda one: -int(one.removeprefix("pump-")))

        whole, part, counted = (
            search_devices(filled, PROJECT, search, ONLINE, Counts(9))
            for search in (
                DeviceSearch(any_of=groups, limit=50),
                DeviceSearch(any_of=groups, limit=3, offset=2, is_newest_first=False),
                DeviceSearch(any_of=groups, is_count=True),
            )
        )

    assert [one.device_id for one in whole.devices] == newest_first
    assert [one.device_id for one in part.devices] == newest_first[::-1][2:5]
    assert counted.count == len(wanted)


async def test_search_that_takes_too_long_is_broken_off_and_the_next_is_not(tmp_path: Path) -> None:
    """Time is an argument: for this clock a minute passes between two looks at it."""
    minutes = itertools.count(0, 60)
    clock = Clock(wall=lambda: float(NOW), monotonic=lambda: float(next(minutes)))
    store = SqliteStore.open(
        tmp_path / "registry.db", limits=Limits(search_seconds=30.0, read_threads=1), clock=clock, create=True
    )
    await seed(store)
    for number in range(200):
        await store.add_device(device(number), audit())
    unlike = [[condition("node_id", "!=", f"n{number}") for number in range(100)]]

    slow = DeviceSearch(any_of=unlike * 10, is_count=True)

    assert await store.search_devices(PROJECT, slow, ()) is StoreRefusal.SEARCH_TOO_SLOW
    assert await store.search_devices(PROJECT, DeviceSearch(is_count=True), ()) == SearchPage(count=200)
    await store.close()
