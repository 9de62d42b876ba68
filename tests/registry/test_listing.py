"""Prefixes as ranges, and the indexes that serve the filters."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.registry import changes, listing
from engine.registry.counts import Counts
from engine.registry.database import create_database, open_for_writing
from engine.registry.listing import after_prefix
from engine.registry.store import NEWEST, DeviceFilter, PageRequest, ProductFilter
from tests.registry.samples import NOW, PROJECT, audit, device, product, record_id


@given(st.text(max_size=4), st.text(max_size=4))
@example("\ud7ff", "\ud7ff\U0010ffff")
@example("\U0010ffff", "\U0010ffff\U0010ffff")
@example("a\U0010ffff", "b")
def test_range_holds_what_begins_with_the_prefix_and_nothing_else(prefix: str, text: str) -> None:
    end = after_prefix(prefix)
    # SQLite compares the bytes of UTF-8.
    in_range = prefix.encode() <= text.encode() and (end is None or text.encode() < end.encode())

    assert in_range == text.startswith(prefix)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    yield connection
    connection.close()


def plan_of(connection: sqlite3.Connection, work: Callable[[], object]) -> list[str]:
    """How SQLite goes about each statement that `work` runs."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    work()
    connection.set_trace_callback(None)
    return [step for one in statements for (*_ids, step) in connection.execute(f"EXPLAIN QUERY PLAN {one}")]


@pytest.mark.parametrize(
    ("matching", "index"),
    [
        (DeviceFilter(product_id="p"), "device_by_product (project_id=? AND product_id=?"),
        (DeviceFilter(gateway_id="g"), "device_by_gateway (project_id=? AND gateway_id=?"),
        (DeviceFilter(app_id="a"), "device_by_app (project_id=? AND app_id=?"),
        (DeviceFilter(node_id="n"), "device_by_node (project_id=? AND node_id>? AND node_id<?"),
        (DeviceFilter(device_name="n"), "device_by_name (project_id=? AND device_name>? AND device_name<?"),
        (DeviceFilter(created_from=NOW), "device_by_creation (project_id=? AND created_at>?"),
        (DeviceFilter(created_to=NOW), "device_by_creation (project_id=? AND created_at<?"),
    ],
)
def test_every_filter_alone_is_served_by_its_index(
    connection: sqlite3.Connection, matching: DeviceFilter, index: str
) -> None:
    """Once for the count, once for the page; without an index a list would walk two million rows."""
    plan = plan_of(connection, lambda: listing.list_devices(connection, PROJECT, matching, PageRequest(), Counts(9)))

    is_counted = any(step.startswith("SEARCH device_count") for step in plan[:2])
    assert sum(index in step for step in plan) + is_counted == 2, plan
    assert not any(step.startswith("SCAN") for step in plan), plan


def test_page_without_filters_is_walked_in_its_order(connection: sqlite3.Connection) -> None:
    plan = plan_of(
        connection, lambda: listing.list_devices(connection, PROJECT, DeviceFilter(), PageRequest(), Counts(9))
    )

    assert any("(project_id=? AND record_id<?)" in step for step in plan), plan
    assert sum("TEMP B-TREE" in step for step in plan) <= 1, plan


@pytest.mark.parametrize("matching", [ProductFilter(), ProductFilter(product_name="p"), ProductFilter(app_id="a")])
def test_products_are_never_scanned(connection: sqlite3.Connection, matching: ProductFilter) -> None:
    plan = plan_of(connection, lambda: listing.list_products(connection, PROJECT, matching, PageRequest()))

    assert not any(step.startswith("SCAN") for step in plan), plan


@pytest.mark.parametrize("target", [None, "pump-1"])
def test_audit_is_walked_in_its_order(connection: sqlite3.Connection, target: str | None) -> None:
    plan = plan_of(connection, lambda: listing.list_audit(connection, PROJECT, target, 1000, 50))

    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    "matching", [DeviceFilter(node_id="node-"), DeviceFilter(created_from=NOW + 3), DeviceFilter(device_name="absent")]
)
def test_walk_in_the_order_of_paging_changes_no_page(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, matching: DeviceFilter
) -> None:
    """Where many match, the project is walked, where few do they are sorted."""
    changes.add_product(connection, product(), audit())
    for number in range(30):
        changes.add_device(connection, device(number, created_at=NOW + number % 7), audit())
    pages = [
        PageRequest(limit=limit, marker=marker, offset=offset)
        for limit in (1, 3, 10, 50)
        for marker in (NEWEST, record_id(12), record_id(2), record_id(0))
        for offset in (0, 2, 20)
    ]
    sorted_and_walked = []
    for many in (1000, 0):
        monkeypatch.setattr(listing, "many_devices", lambda *_of, many=many: many)
        sorted_and_walked.append(
            [listing.list_devices(connection, PROJECT, matching, page, Counts(9)) for page in pages]
        )

    assert sorted_and_walked[0] == sorted_and_walked[1]


def test_page_of_many_that_match_is_walked_and_not_sorted(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "many_devices", lambda *_of: 0)
    matching = DeviceFilter(device_name="p", created_from=NOW)
    plan = plan_of(connection, lambda: listing.list_devices(connection, PROJECT, matching, PageRequest(), Counts(9)))

    assert any("COVERING INDEX device_in_order (project_id=? AND record_id<?)" in step for step in plan), plan
    assert sum("TEMP B-TREE" in step for step in plan) <= 1, plan


def test_many_is_a_part_of_the_devices_of_the_project(connection: sqlite3.Connection) -> None:
    assert listing.many_devices(connection, PROJECT) == 1
    changes.add_product(connection, product(), audit())
    for number in range(30):
        changes.add_device(connection, device(number), audit())

    assert listing.many_devices(connection, PROJECT) == 7
    assert listing.many_devices(connection, "another") == 1
