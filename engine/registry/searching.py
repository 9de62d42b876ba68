"""Searches as SQL. Every name in a statement is a literal of this module, every value is bound.

A search that a status narrows is answered from `credential` alone where its other conditions allow it: the narrow
table holds the state, and its index the order of paging. Who is on line is memory, not a row (DESIGN section 3), so the
devices with a live session come along as one JSON text, which SQLite reads into a table of its own.
"""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from engine.registry.listing import after_prefix
from engine.registry.rows import SELECT_DEVICE, device_from_row
from engine.registry.search import NEGATIVE, Condition, DeviceSearch, Operator, SearchField, SearchPage

_COLUMNS = {
    SearchField.APP_ID: "device.app_id",
    SearchField.DEVICE_ID: "device.device_id",
    SearchField.GATEWAY_ID: "device.gateway_id",
    SearchField.PRODUCT_ID: "device.product_id",
    SearchField.DEVICE_NAME: "device.device_name",
    SearchField.NODE_ID: "device.node_id",
    SearchField.CREATE_TIME: "device.created_at",
    SearchField.MARKER: "device.record_id",
    # What Keyturn does not keep, no device has.
    SearchField.SW_VERSION: "NULL",
    SearchField.FW_VERSION: "NULL",
    SearchField.GROUP_ID: "NULL",
}
_LEVELS = {
    "GATEWAY": "(device.gateway_id = device.device_id) = 1",
    "ENDPOINT": "(device.gateway_id = device.device_id) = 0",
    "UNKNOWN": "0",
}
_IS_ONLINE = "device.device_id IN (SELECT value FROM json_each(:online))"
_STATES = {
    "FROZEN": "frozen = 1 AND activated IN (0, 1)",
    "INACTIVE": "frozen = 0 AND activated = 0",
    "ONLINE": f"frozen = 0 AND activated = 1 AND {_IS_ONLINE}",
    "OFFLINE": f"frozen = 0 AND activated = 1 AND NOT {_IS_ONLINE}",
    "ABNORMAL": "0",
}
_WORDS = {SearchField.STATUS: _STATES, SearchField.NODE_TYPE: _LEVELS}
_COMPARISONS = {
    Operator.EQUAL: "=",
    Operator.NOT_EQUAL: "IS NOT",
    Operator.BELOW: "<",
    Operator.ABOVE: ">",
    Operator.AT_MOST: "<=",
    Operator.AT_LEAST: ">=",
}
_TAGS = {SearchField.TAG_KEY: "tag_key", SearchField.TAG_VALUE: "tag_value"}

_DEVICE = "device"
_CREDENTIAL = "credential AS device"
_BOTH = """
    device JOIN credential ON credential.device_id = device.device_id AND credential.project_id = device.project_id
"""
# Where the state is known whole, it is looked up in the index alone, and no row of either table is read for it.
_BOTH_BY_STATE = """
    device CROSS JOIN credential INDEXED BY credential_by_state
    ON credential.project_id = device.project_id AND credential.record_id = device.record_id
"""
_IN_CREDENTIAL = frozenset({SearchField.STATUS, SearchField.DEVICE_ID, SearchField.NODE_ID, SearchField.MARKER, *_TAGS})


def search_devices(
    connection: sqlite3.Connection, project_id: str, search: DeviceSearch, online: Sequence[str]
) -> SearchPage:
    """See Store.search_devices."""
    query = _Query(project_id, search, online)
    if search.is_count:
        (count,) = connection.execute(f"SELECT count(*) {query.body}", query.values).fetchone()
        return SearchPage(count=count)
    direction = "DESC" if search.is_newest_first else "ASC"
    picking = f"SELECT device.record_id {query.body} ORDER BY {query.order} {direction} LIMIT :limit OFFSET :offset"
    rows = connection.execute(
        f"""
        {SELECT_DEVICE} WHERE device.project_id = :project_id AND device.record_id IN ({picking})
        ORDER BY device.record_id {direction}
        """,
        {**query.values, "limit": search.limit, "offset": search.offset},
    )
    return SearchPage([device_from_row(row) for row in rows])


class _Query:
    """FROM and WHERE of a search, what they bind, and by what to order."""

    def __init__(self, project_id: str, search: DeviceSearch, online: Sequence[str]) -> None:
        groups = search.any_of or [()]
        conditions = [condition for group in groups for condition in group]
        self.values: dict[str, object] = {"project_id": project_id}
        if any(condition.field is SearchField.STATUS for condition in conditions):
            self.values["online"] = msgspec.json.encode(online).decode()
        sources = [self._source(group) for group in groups]
        # Several are united rather than joined by OR, so that each is looked up in an index of its own.
        united = " UNION ".join(f"SELECT device.record_id {source}" for source in sources)
        self.body = sources[0] if len(sources) == 1 else f"FROM ({united}) AS device"
        # Behind these, + keeps SQLite from walking the whole project in paging order to save itself a sort.
        is_sorted = len(sources) > 1 or any(_is_scattered(condition) for condition in conditions)
        self.order = "+device.record_id" if is_sorted else "device.record_id"

    def _source(self, group: Sequence[Condition]) -> str:
        # + hides every index of the project: who is on line is looked up one by one.
        project = "+device.project_id" if any(_is_online(condition) for condition in group) else "device.project_id"
        where = " AND ".join((f"{project} = :project_id", *self._clauses(group)))
        return f"FROM {_tables(group)} WHERE {where}"

    def _clauses(self, group: Sequence[Condition]) -> Iterator[str]:
        """The conditions of one alternative."""
        for first, *its_value in _with_tag_values(group):
            if first.field in _TAGS:
                yield self._tag_clause(first, *its_value)
            elif first.field in _WORDS:
                yield _word_clause(first)
            else:
                yield self._comparison(_COLUMNS[first.field], first)

    def _tag_clause(self, *conditions: Condition) -> str:
        """That the device has a tag of which all of these are true; of a negative one, that it has no such tag."""
        is_negative = conditions[0].operator in NEGATIVE
        tests = [self._comparison(_TAGS[one.field], _positive(one) if is_negative else one) for one in conditions]
        wanted = " AND ".join(("project_id = :project_id", *tests))
        tagged = f"device.record_id IN (SELECT record_id FROM device_tag WHERE {wanted})"  # noqa: S608 see the module
        return f"NOT {tagged}" if is_negative else tagged

    def _comparison(self, column: str, condition: Condition) -> str:
        if condition.operator is Operator.LIKE:
            prefix = str(condition.values[0])
            end = after_prefix(prefix)
            low = f"{column} >= {self._bind(prefix)}"
            return low if end is None else f"{low} AND {column} < {self._bind(end)}"
        if condition.operator in (Operator.IN, Operator.NOT_IN):
            listed = f"{column} IN ({', '.join(self._bind(value) for value in condition.values)})"
            return listed if condition.operator is Operator.IN else f"{listed} IS NOT TRUE"
        return f"{column} {_COMPARISONS[condition.operator]} {self._bind(condition.values[0])}"

    def _bind(self, value: object) -> str:
        name = f"value_{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def _tables(conditions: Sequence[Condition]) -> str:
    fields = {condition.field for condition in conditions}
    if SearchField.STATUS not in fields:
        return _DEVICE
    if fields <= _IN_CREDENTIAL:
        return _CREDENTIAL
    states = [one for one in conditions if one.field is SearchField.STATUS]
    is_known = any(one.operator is Operator.EQUAL and one.values[0] != "ABNORMAL" for one in states)
    return _BOTH_BY_STATE if is_known else _BOTH


def _word_clause(condition: Condition) -> str:
    words = _WORDS[condition.field]
    one_of = " OR ".join(f"({words[str(value)]})" for value in condition.values)
    return f"NOT ({one_of})" if condition.operator in NEGATIVE else f"({one_of})"


def _with_tag_values(group: Sequence[Condition]) -> Sequence[Sequence[Condition]]:
    """The conditions one by one, but a tag's value together with the key that stands right before it."""
    joined: list[list[Condition]] = []
    for condition in group:
        if condition.field is SearchField.TAG_VALUE and joined and _is_one_tag_key(joined[-1]):
            joined[-1].append(condition)
        else:
            joined.append([condition])
    return joined


def _is_one_tag_key(conditions: Sequence[Condition]) -> bool:
    return [one.field for one in conditions] == [SearchField.TAG_KEY] and conditions[0].operator not in NEGATIVE


def _positive(condition: Condition) -> Condition:
    return msgspec.structs.replace(condition, operator=Operator.EQUAL)


def _is_online(condition: Condition) -> bool:
    return (
        condition.field is SearchField.STATUS
        and condition.operator not in NEGATIVE
        and set(condition.values) == {"ONLINE"}
    )


def _is_scattered(condition: Condition) -> bool:
    """Whether an index answers the condition, but not in the order of paging."""
    if condition.operator in NEGATIVE or condition.field is SearchField.MARKER:
        return False
    if condition.field is SearchField.STATUS:
        return _is_online(condition)
    return condition.field in _TAGS or condition.operator is not Operator.EQUAL
