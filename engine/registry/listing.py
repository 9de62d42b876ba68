"""Lists: filters and paging as SQL. Works on one snapshot, so that a page and its count agree.

A prefix is a range (name >= p AND name < the next text after all that begin with p): an index serves it, and no
character of the prefix has a meaning of its own, as % and _ would have for LIKE. Text compares by code point, as the
bytes of UTF-8 do.
"""

import sqlite3
from collections.abc import Sequence

from engine.registry.certificate_rows import (
    SELECT_CA,
    SELECT_DEVICE_CERTIFICATE,
    ca_from_row,
    device_certificate_from_row,
)
from engine.registry.counts import Counts
from engine.registry.record import DeviceCertificate
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
from engine.registry.store_certificates import CaPage, DeviceCertificateFilter, DeviceCertificatePage

_OF_CERTIFICATE = """
    device_id IN (
        SELECT device_id FROM credential
        WHERE credential.project_id = :project_id AND fingerprint IN (:sha256, :sha1)
        UNION
        SELECT device_id FROM credential
        WHERE credential.project_id = :project_id AND secondary_fingerprint IN (:sha256, :sha1)
    )
"""
_SHA1_HEX_DIGITS = 40
_LEAST_PART = 5
"""Of one in so many devices on, walking all in the order of paging is cheaper than sorting those that match."""
COUNTED = "coalesce(sum(devices), 0) FROM device_count"
IN_ORDER = "device INDEXED BY device_in_order"
"""All devices of a project in the order of paging, with every column that a filter is about."""
_LAST_BEFORE_SURROGATES = 0xD7FF
_FIRST_AFTER_SURROGATES = 0xE000
_LAST_CODE_POINT = 0x10FFFF


class _Conditions:
    """A WHERE clause that grows: the conditions are literals of this module, every value is bound."""

    def __init__(self, project_id: str) -> None:
        self.clauses = ["project_id = :project_id"]
        self.values: dict[str, object] = {"project_id": project_id}
        self.is_ranged = False
        self.counted: str | None = None
        """Where the count stands ready, if it does."""

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

    def behind(self, gateway_id: str | None, *, is_cascade: bool) -> None:
        """The sub-devices of a gateway; with is_cascade also theirs, and there is no third level."""
        if gateway_id is None:
            return
        if is_cascade:
            children = "SELECT device_id FROM device WHERE project_id = :project_id AND gateway_id = :gateway_id"
            self._add(f"gateway_id IN (SELECT :gateway_id UNION ALL {children})", "gateway_id", gateway_id)
            self.is_ranged = True
        else:
            self.equal("gateway_id", gateway_id)
        # A direct device is its own gateway. By the record id, because that is in the index and device_id is not.
        self.clauses.append("record_id IS NOT (SELECT record_id FROM device WHERE device_id = :gateway_id)")

    def tagged(self, tags: Sequence[tuple[str, str | None]]) -> None:
        """Devices with one of these tags."""
        if not tags:
            return
        tagged = []
        for number, (key, value) in enumerate(tags):
            one = f"SELECT record_id FROM device_tag WHERE project_id = :project_id AND tag_key = :tag_key_{number}"  # noqa: S608 a number of ours
            tagged.append(one if value is None else f"{one} AND tag_value = :tag_value_{number}")
            self.values |= {f"tag_key_{number}": key, f"tag_value_{number}": value}
        self.clauses.append(f"record_id IN ({' UNION ALL '.join(tagged)})")
        self.is_ranged = True

    def _add(self, clause: str, name: str, value: object) -> None:
        self.clauses.append(clause)
        self.values[name] = value


def list_devices(
    connection: sqlite3.Connection, project_id: str, matching: DeviceFilter, page: PageRequest, counts: Counts
) -> DevicePage:
    """See Store.list_devices."""
    conditions = _of_devices(project_id, matching)
    count, rows = _page(connection, "device", SELECT_DEVICE, conditions, page, counts)
    return DevicePage([device_from_row(row) for row in rows], count)


def list_device_ids(
    connection: sqlite3.Connection, project_id: str, matching: DeviceFilter, limit: int
) -> Sequence[str]:
    """See BatchStore.matching_devices."""
    conditions = _of_devices(project_id, matching)
    where = " AND ".join(conditions.clauses)
    order = "+record_id" if conditions.is_ranged else "record_id"
    picking = f"SELECT device_id FROM device WHERE {where} ORDER BY {order} DESC LIMIT :limit"  # noqa: S608 literals of this module, values are bound
    return [device_id for (device_id,) in connection.execute(picking, {**conditions.values, "limit": limit})]


def list_products(
    connection: sqlite3.Connection, project_id: str, matching: ProductFilter, page: PageRequest
) -> ProductPage:
    """See Store.list_products."""
    conditions = _Conditions(project_id)
    conditions.equal("app_id", matching.app_id)
    conditions.prefix("name", matching.product_name)
    count, rows = _page(connection, "product", SELECT_PRODUCT, conditions, page)
    return ProductPage([product_from_row(row) for row in rows], count)


def list_cas(connection: sqlite3.Connection, project_id: str, app_id: str | None, page: PageRequest) -> CaPage:
    """See CertificateStore.list_cas."""
    conditions = _Conditions(project_id)
    conditions.equal("app_id", app_id)
    count, rows = _page(connection, "ca_certificate", SELECT_CA, conditions, page)
    return CaPage([ca_from_row(row) for row in rows], count)


def list_device_certificates(
    connection: sqlite3.Connection, project_id: str, matching: DeviceCertificateFilter, page: PageRequest
) -> DeviceCertificatePage:
    """See CertificateStore.list_device_certificates."""
    conditions = _Conditions(project_id)
    conditions.prefix("common_name", matching.common_name)
    is_sha1 = matching.fingerprint is not None and len(matching.fingerprint) == _SHA1_HEX_DIGITS
    conditions.equal("fingerprint_sha1" if is_sha1 else "fingerprint", matching.fingerprint)
    count, rows = _page(connection, "device_certificate", SELECT_DEVICE_CERTIFICATE, conditions, page)
    return DeviceCertificatePage([device_certificate_from_row(row) for row in rows], count)


def list_devices_of_certificate(
    connection: sqlite3.Connection, certificate: DeviceCertificate, page: PageRequest
) -> DevicePage:
    """See CertificateStore.devices_of_certificate."""
    conditions = _Conditions(certificate.project_id)
    conditions.clauses.append(_OF_CERTIFICATE)
    conditions.values |= {"sha256": certificate.fingerprint, "sha1": certificate.fingerprint_sha1}
    # As behind a range: the few that match are sorted, the project is not walked.
    conditions.is_ranged = True
    count, rows = _page(connection, "device", SELECT_DEVICE, conditions, page)
    return DevicePage([device_from_row(row) for row in rows], count)


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


def many_devices(connection: sqlite3.Connection, project_id: str) -> int:
    """From so many matches on the page is to be walked from IN_ORDER; at least 1."""
    (total,) = connection.execute(f"SELECT {COUNTED} WHERE project_id = ?", (project_id,)).fetchone()
    return int(total) // _LEAST_PART + 1


def _of_devices(project_id: str, matching: DeviceFilter) -> _Conditions:
    conditions = _Conditions(project_id)
    conditions.equal("product_id", matching.product_id)
    conditions.behind(matching.gateway_id, is_cascade=matching.is_cascade)
    conditions.equal("app_id", matching.app_id)
    conditions.prefix("node_id", matching.node_id)
    conditions.prefix("device_name", matching.device_name)
    conditions.range("created_at", matching.created_from, matching.created_to, below="<=")
    conditions.tagged(matching.tags)
    if matching == DeviceFilter(product_id=matching.product_id, app_id=matching.app_id):
        conditions.counted = COUNTED
    return conditions


def _page(
    connection: sqlite3.Connection,
    table: str,
    select: str,
    conditions: _Conditions,
    page: PageRequest,
    counts: Counts | None = None,
) -> tuple[int, list[Row]]:
    """How many match, and the rows of the page.

    The inner query picks the page from an index alone, the outer one reads the rows of just that page. Behind a range,
    the + keeps SQLite from walking the whole project in paging order in order to save itself a sort; of devices, it is
    told to do so when many match.
    """
    where = " AND ".join(conditions.clauses)
    counting = f"SELECT {conditions.counted or f'count(*) FROM {table}'} WHERE {where}"  # noqa: S608 literals of this module, values are bound
    project_id = str(conditions.values["project_id"])
    if counts is not None:
        count = counts.number(connection, project_id, counting, conditions.values)
    else:
        (count,) = connection.execute(counting, conditions.values).fetchone()
    source, order = table, "record_id"
    if conditions.is_ranged:
        is_walk = table == "device" and count >= many_devices(connection, project_id)
        source, order = (IN_ORDER, order) if is_walk else (table, f"+{order}")
    picking = f"SELECT rowid FROM {source} WHERE {where} AND {order} < :marker"  # noqa: S608 the same
    paging = f"{picking} ORDER BY {order} DESC LIMIT :limit OFFSET :offset"
    reading = f"{select} WHERE {table}.rowid IN ({paging}) ORDER BY {table}.record_id DESC"
    values = {**conditions.values, "marker": page.marker, "limit": page.limit, "offset": page.offset}
    return count, connection.execute(reading, values).fetchall()
