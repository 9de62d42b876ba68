"""Searches are served by indexes, and one that is not is broken off."""

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.clock import Clock
from engine.limits import Limits
from engine.registry.database import create_database, open_for_writing
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField, SearchPage
from engine.registry.searching import search_devices
from engine.registry.sqlite import SqliteStore
from engine.registry.store import StoreRefusal
from tests.registry.samples import NOW, PROJECT, audit, device, record_id, seed
from tests.registry.test_listing import plan_of


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    yield connection
    connection.close()


def condition(field: str, operator: str, *values: str | float) -> Condition:
    return Condition(SearchField(field), Operator(operator), values)


def plan(connection: sqlite3.Connection, search: DeviceSearch) -> list[str]:
    """How SQLite goes about the page and the count."""
    counting = msgspec.structs.replace(search, is_count=True)
    return [
        step
        for one in (search, counting)
        for step in plan_of(connection, lambda one=one: search_devices(connection, PROJECT, one, ["d"]))
    ]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (("app_id", "=", "a"), "device_by_app (project_id=? AND app_id=?"),
        (("device_id", "=", "d"), "(device_id=?)"),
        (("device_id", "in", "d", "e"), "(device_id=?)"),
        (("gateway_id", "=", "g"), "device_by_gateway (project_id=? AND gateway_id=?"),
        (("product_id", "=", "p"), "device_by_product (project_id=? AND product_id=?"),
        (("device_name", "=", "n"), "device_by_name (project_id=? AND device_name=?"),
        (("device_name", "like", "name"), "device_by_name (project_id=? AND device_name>? AND device_name<?"),
        (("node_id", "=", "n"), "device_by_node (project_id=? AND node_id=?"),
        (("node_id", "like", "node"), "device_by_node (project_id=? AND node_id>? AND node_id<?"),
        (("node_type", "=", "ENDPOINT"), "device_by_level (project_id=? AND <expr>=?"),
        (("status", "=", "FROZEN"), "credential_by_state (project_id=? AND frozen=?"),
        (("status", "=", "INACTIVE"), "credential_by_state (project_id=? AND frozen=? AND activated=?"),
        (("status", "=", "OFFLINE"), "credential_by_state (project_id=? AND frozen=? AND activated=?"),
        (("status", "=", "ONLINE"), "(device_id=?)"),
        (("create_time", ">", NOW), "device_by_creation (project_id=? AND created_at>?"),
        (("marker", "<", record_id(1)), "(project_id=? AND record_id<?"),
        (("tag_key", "=", "k"), "(project_id=? AND tag_key=?)"),
        (("tag_value", "=", "v"), "device_tag_by_value (project_id=? AND tag_value=?)"),
    ],
)
def test_condition_is_served_by_its_index(
    connection: sqlite3.Connection, asked: tuple[str, str, str], index: str
) -> None:
    steps = plan(connection, DeviceSearch(any_of=[[condition(*asked)]]))

    assert sum(index in step for step in steps) >= 2, steps
    assert not any(step.startswith(("SCAN device", "SCAN credential")) for step in steps), steps


def test_alternatives_are_each_served_by_their_index(connection: sqlite3.Connection) -> None:
    either = [[condition("product_id", "=", "p")], [condition("node_id", "like", "node")]]

    steps = plan(connection, DeviceSearch(any_of=either))

    for index in ("device_by_product (project_id=? AND product_id=?", "device_by_node (project_id=? AND node_id>?"):
        assert sum(index in step for step in steps) == 2, steps


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
