"""Searches as SQL. Every name in a statement is a literal of this module, every value is bound.

Of a page, each alternative gives its newest (or oldest) few, found in an index that has them in the order of paging
wherever there is one. A count is read from device_count as far as that tells the devices apart (schema_lists.py). Who
is on line is memory, not a row (DESIGN section 3), so the devices with a live session come along as one JSON text,
which SQLite reads into a table of its own.
"""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from engine.registry.counts import Counts
from engine.registry.listing import COUNTED, IN_ORDER, after_prefix, many_devices
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
_LEVELS = {"GATEWAY": "device.is_direct = 1", "ENDPOINT": "device.is_direct = 0", "UNKNOWN": "0"}
_IS_ONLINE = "device.device_id IN (SELECT value FROM json_each(:online))"
_ACTIVE = "ACTIVE"
"""On line or off line: no word of the contract, but what the registry knows."""
_STATES = {
    "FROZEN": "device.state = 'FROZEN'",
    "INACTIVE": "device.state = 'INACTIVE'",
    _ACTIVE: "device.state = 'ACTIVE'",
    "ONLINE": f"device.state = 'ACTIVE' AND {_IS_ONLINE}",
    "OFFLINE": f"device.state = 'ACTIVE' AND NOT {_IS_ONLINE}",
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
_COUNTED = frozenset({SearchField.APP_ID, SearchField.PRODUCT_ID, SearchField.NODE_TYPE, SearchField.STATUS})
_AFFIRMATIVE = {Operator.NOT_EQUAL: Operator.EQUAL, Operator.NOT_IN: Operator.IN}

_Group = Sequence[Condition]


def search_devices(
    connection: sqlite3.Connection, project_id: str, search: DeviceSearch, online: Sequence[str], counts: Counts
) -> SearchPage:
    """See Store.search_devices."""
    query = _Query(connection, project_id, online, counts)
    groups = search.any_of or [()]
    if search.is_count:
        return SearchPage(count=query.count(groups))
    direction = "DESC" if search.is_newest_first else "ASC"
    picking = query.picking(groups, direction)
    rows = connection.execute(
        f"""
        {SELECT_DEVICE} WHERE device.project_id = :project_id AND device.record_id IN ({picking})
        ORDER BY device.record_id {direction}
        """,
        {**query.values, "limit": search.limit, "offset": search.offset},
    )
    return SearchPage([device_from_row(row) for row in rows])


class _Query:
    """The statements of a search, and what they bind."""

    def __init__(self, connection: sqlite3.Connection, project_id: str, online: Sequence[str], counts: Counts) -> None:
        self._connection = connection
        self._project_id = project_id
        self._counts = counts
        self.values: dict[str, object] = {"project_id": project_id, "online": msgspec.json.encode(online).decode()}

    def picking(self, groups: Sequence[_Group], direction: str) -> str:
        """The record_ids of the page."""
        # Each alternative in an index of its own, and no more of each than the page could show.
        each = [f"({self._in_order(group, direction)} LIMIT :limit + :offset)" for group in groups]
        united = " UNION ".join(f"SELECT record_id FROM {foremost}" for foremost in each)  # noqa: S608 see the module
        return f"{united} ORDER BY record_id {direction} LIMIT :limit OFFSET :offset"

    def count(self, groups: Sequence[_Group]) -> int:
        """How many devices one of the groups is true of."""
        if all(_is_counted(condition) for group in groups for condition in group):
            any_of = " OR ".join(f"({self._where(group)})" for group in groups)
            return self._number(f"SELECT {COUNTED} AS device WHERE {any_of}")
        if len(groups) > 1:
            sources = [f"device WHERE {self._where(group)}" for group in groups]
            united = " UNION ".join(f"SELECT device.record_id FROM {source}" for source in sources)  # noqa: S608 the same
            return self._number(f"SELECT count(*) FROM ({united})")  # noqa: S608 the same
        (group,) = groups
        if (difference := _difference(group)) is not None:
            whole, part = difference
            return self.count([whole]) - self.count([part])
        return self._number(f"SELECT count(*) FROM {self._source(group)}")  # noqa: S608 the same

    def _in_order(self, group: _Group, direction: str) -> str:
        """The record_ids of a group in the order of paging."""
        source, order = self._source(group), "device.record_id"
        if self._is_walked(group):
            source = f"{IN_ORDER} WHERE {self._where(group)}"
        elif _is_scattered(group):
            # + keeps SQLite from walking the whole project in paging order to save itself a sort.
            order = f"+{order}"
        return f"SELECT device.record_id FROM {source} ORDER BY {order} {direction}"  # noqa: S608 the same

    def _is_walked(self, group: _Group) -> bool:
        """Whether the project is to be walked: no index is narrower, or so many match that sorting them costs more."""
        if not _is_scattered(group):
            return not any(condition.operator is Operator.EQUAL for condition in group)
        if any(condition.field in _TAGS or _is_named(condition) for condition in group):
            return False
        many = many_devices(self._connection, self._project_id)
        some = f"SELECT 1 FROM device WHERE {self._where(group)} LIMIT {many}"  # noqa: S608 the same, and a number
        return self._number(f"SELECT count(*) FROM ({some})") == many  # noqa: S608 the same

    def _source(self, group: _Group) -> str:
        # The devices of one tag are in the table of tags, once each and in order.
        is_tag = _is_tag(group)
        return f"{'device_tag AS device' if is_tag else 'device'} WHERE {self._where(group, is_tag=is_tag)}"

    def _where(self, group: _Group, *, is_tag: bool = False) -> str:
        # + hides every index of the project: devices that are named are looked up one by one.
        project = "+device.project_id" if any(_is_named(condition) for condition in group) else "device.project_id"
        clauses = [self._comparison(_TAGS[one.field], one) for one in group] if is_tag else self._clauses(group)
        return " AND ".join((f"{project} = :project_id", *clauses))

    def _number(self, counting: str) -> int:
        if ":online" not in counting:
            # Without what it does not bind: whose sessions live says nothing about it.
            bound = {name: value for name, value in self.values.items() if f":{name}" in counting}
            return self._counts.number(self._connection, self._project_id, counting, bound)
        (number,) = self._connection.execute(counting, self.values).fetchone()
        return int(number)

    def _clauses(self, group: _Group) -> Iterator[str]:
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
        tests = [self._comparison(_TAGS[one.field], _affirmed(one) if is_negative else one) for one in conditions]
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


def _is_counted(condition: Condition) -> bool:
    """Whether device_count tells the devices apart by it."""
    is_about_sessions = condition.field is SearchField.STATUS and not {"ONLINE", "OFFLINE"}.isdisjoint(condition.values)
    return condition.field in _COUNTED and not is_about_sessions


def _difference(group: _Group) -> tuple[_Group, _Group] | None:
    """Two groups, the second a part of the first, that differ in this one; None where counting them is not cheaper."""
    uncounted = [condition for condition in group if not _is_counted(condition)]
    if len(uncounted) != 1:
        return None
    (condition,) = uncounted
    rest = [one for one in group if one is not condition]
    if condition.operator in NEGATIVE:
        return rest, [*rest, _affirmed(condition)]
    if condition.field is SearchField.STATUS and condition.values == ("OFFLINE",):
        active, online = (msgspec.structs.replace(condition, values=(word,)) for word in (_ACTIVE, "ONLINE"))
        return [*rest, active], [*rest, online]
    return None


def _is_tag(group: _Group) -> bool:
    """Whether it is one tag's key, and perhaps its value, that is asked for and nothing else."""
    fields = [condition.field for condition in group]
    is_equal = all(condition.operator is Operator.EQUAL for condition in group)
    return is_equal and fields in ([SearchField.TAG_KEY], [SearchField.TAG_KEY, SearchField.TAG_VALUE])


def _word_clause(condition: Condition) -> str:
    words = _WORDS[condition.field]
    one_of = " OR ".join(f"({words[str(value)]})" for value in condition.values)
    return f"NOT ({one_of})" if condition.operator in NEGATIVE else f"({one_of})"


def _with_tag_values(group: _Group) -> Sequence[_Group]:
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


def _affirmed(condition: Condition) -> Condition:
    """The condition of which this NEGATIVE one is the complement."""
    return msgspec.structs.replace(condition, operator=_AFFIRMATIVE[condition.operator])


def _is_named(condition: Condition) -> bool:
    """Whether it is true of a few devices whose device_ids are known: those given, or those on line."""
    is_online = condition.field is SearchField.STATUS and set(condition.values) == {"ONLINE"}
    return condition.operator not in NEGATIVE and (is_online or condition.field is SearchField.DEVICE_ID)


def _is_scattered(group: _Group) -> bool:
    """Whether an index finds the devices, but not in the order of paging."""
    return not _is_tag(group) and any(
        condition.operator not in NEGATIVE
        and condition.field is not SearchField.MARKER
        and (condition.operator is not Operator.EQUAL or condition.field in _TAGS or _is_named(condition))
        for condition in group
    )
