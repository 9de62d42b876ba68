"""Lists: filters and paging as SQL. Works on one snapshot, so that a page and its count agree.

A prefix is a range (name >= p AND name < the next text after all that begin with p): an index serves it, and no
character of the prefix has a meaning of its own, as % and _ would have for LIKE. Text compares by code point, as the
bytes of UTF-8 do.
"""

import sqlite3

from engine.registry.rows import (
    SELECT_AUDIT,
    SELECT_DEVICE,
    SELECT_PRODUCT,
    Row,
    audit_from_row,
    device_from_row,
    product_from_row,
)
from engine.registry.store import AuditPage, DeviceFilter, DevicePage, PageRequest, ProductFilter, ProductPage

_LAST_BEFORE_SURROGATES = 0xD7FF
_FIRST_AFTER_SURROGATES = 0xE000
_LAST_CODE_POINT = 0x10FFFF


class _Conditions:
    """A WHERE clause that grows: the conditions are literals of this module, every value is bound."""

    def __init__(self, project_id: str) -> None:
        self.clauses = ["project_id = :project_id"]
        self.values: dict[str, object] = {"project_id": project_id}
        self.is_ranged = False

    def equal(self, column: str, value: object) -> None:
        if value is not None:
            self._add(f"{column} = :{column}", column, value)

    def range(self, column: str, low: object, high: object, *, below: str) -> None:
        """low <= column, and column < or <= high (`below`); None bounds nothing."""
        if low is not None:
            self._add(f"{column} >= :{column}_low", f"{column}_low", low)
        if high is not None:
            self._add(f"{column} {below} :{column}_high", f"{column}_high", high)
        self.is_ranged |= low is not None or high is not None

    def prefix(self, column: str, prefix: str | None) -> None:
        if prefix is not None:
            self.range(column, prefix, after_prefix(prefix), below="<")

    def _add(self, clause: str, name: str, value: object) -> None:
        self.clauses.append(clause)
        self.values[name] = value


def list_devices(
    connection: sqlite3.Connection, project_id: str, matching: DeviceFilter, page: PageRequest
) -> DevicePage:
    """See Store.list_devices."""
    conditions = _Conditions(project_id)
    conditions.equal("product_id", matching.product_id)
    conditions.equal("gateway_id", matching.gateway_id)
    conditions.equal("app_id", matching.app_id)
    conditions.prefix("node_id", matching.node_id)
    conditions.prefix("device_name", matching.device_name)
    conditions.range("created_at", matching.created_from, matching.created_to, below="<=")
    if matching.gateway_id is not None and not matching.is_cascade:
        conditions.clauses.append("device_id <> gateway_id")
    count, rows = _page(connection, "device", SELECT_DEVICE, conditions, page)
    return DevicePage([device_from_row(row) for row in rows], count)


def list_products(
    connection: sqlite3.Connection, project_id: str, matching: ProductFilter, page: PageRequest
) -> ProductPage:
    """See Store.list_products."""
    conditions = _Conditions(project_id)
    conditions.equal("app_id", matching.app_id)
    conditions.prefix("name", matching.product_name)
    count, rows = _page(connection, "product", SELECT_PRODUCT, conditions, page)
    return ProductPage([product_from_row(row) for row in rows], count)


def list_audit(
    connection: sqlite3.Connection, project_id: str, target: str | None, before: int | None, limit: int
) -> AuditPage:
    """See Store.list_audit."""
    conditions = _Conditions(project_id)
    conditions.equal("target", target)
    conditions.range("sequence", None, before, below="<")
    where = " AND ".join(conditions.clauses)
    rows = connection.execute(
        f"{SELECT_AUDIT} WHERE {where} ORDER BY sequence DESC LIMIT :limit", {**conditions.values, "limit": limit}
    )
    return AuditPage([audit_from_row(row) for row in rows])


def after_prefix(prefix: str) -> str | None:
    """The least text above every text that begins with `prefix`; None where there is none."""
    for end in range(len(prefix), 0, -1):
        last = ord(prefix[end - 1])
        if last < _LAST_CODE_POINT:
            following = _FIRST_AFTER_SURROGATES if last == _LAST_BEFORE_SURROGATES else last + 1
            return prefix[: end - 1] + chr(following)
    return None


def _page(
    connection: sqlite3.Connection, table: str, select: str, conditions: _Conditions, page: PageRequest
) -> tuple[int, list[Row]]:
    """How many match, and the rows of the page.

    The inner query picks the page from an index alone, the outer one reads the rows of just that page. Behind a range,
    the + keeps SQLite from walking the whole project in paging order in order to save itself a sort.
    """
    where = " AND ".join(conditions.clauses)
    order = "+record_id" if conditions.is_ranged else "record_id"
    values = {**conditions.values, "marker": page.marker, "limit": page.limit, "offset": page.offset}
    counting = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608 literals of this module, values are bound
    picking = f"SELECT rowid FROM {table} WHERE {where} AND {order} < :marker"  # noqa: S608 the same
    paging = f"{picking} ORDER BY {order} DESC LIMIT :limit OFFSET :offset"
    (count,) = connection.execute(counting, conditions.values).fetchone()
    rows = connection.execute(f"{select} WHERE {table}.rowid IN ({paging}) ORDER BY {table}.record_id DESC", values)
    return count, rows.fetchall()
