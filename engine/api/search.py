"""The small SQL of SearchDevices, read into a DeviceSearch (iotda-rest.md A.2).

    statement:   SELECT fields FROM device [WHERE conditions] [ORDER BY marker [ASC | DESC]] [LIMIT [offset ,] rows]
    fields:      * | COUNT(*) | COUNT(1) | field {, field}
    conditions:  condition {AND condition} {OR condition {AND condition}}        at most five; AND binds closer
    condition:   field operator 'text' | field [NOT] IN ('text' {, 'text'})

Keywords are written in any case, names and texts as they are. A quote in a text is written twice. Without ORDER BY the
newest come first. LIKE takes a prefix of at least four characters and a %. Which field takes which operator is a table.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from engine.api.problems import ApiProblem, Problem
from engine.api.schema import RECORD_ID
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField

T = TypeVar("T")

MAX_CONDITIONS = 5
MAX_OFFSET = 500
MAX_ROWS = 50
SELECTABLE = (
    "app_id",
    "app_name",
    "device_id",
    "node_id",
    "gateway_id",
    "device_name",
    "node_type",
    "fw_version",
    "sw_version",
    "device_sdk_version",
    "product_id",
    "product_name",
    "groups",
    "status",
    "tags",
    "modules",
    "marker",
)
"""The fields of the answer, which SELECT may name."""

_STATUS = frozenset({"ONLINE", "OFFLINE", "ABNORMAL", "INACTIVE", "FROZEN"})
_NODE_TYPE = frozenset({"GATEWAY", "ENDPOINT", "UNKNOWN"})
_WORDS = {SearchField.STATUS: _STATUS, SearchField.NODE_TYPE: _NODE_TYPE}
_ORDERED = frozenset({SearchField.CREATE_TIME, SearchField.MARKER})
_TAGS = frozenset({SearchField.TAG_KEY, SearchField.TAG_VALUE})
_PREFIXED = _TAGS | {SearchField.DEVICE_NAME, SearchField.NODE_ID}
_ALL = frozenset(SearchField)
_TAKEN_BY: Mapping[Operator, frozenset[SearchField]] = {
    Operator.EQUAL: _ALL,
    Operator.NOT_EQUAL: _ALL,
    Operator.BELOW: _ORDERED,
    Operator.ABOVE: _ORDERED,
    Operator.AT_MOST: _ORDERED,
    Operator.AT_LEAST: _ORDERED,
    Operator.LIKE: _PREFIXED,
    Operator.IN: _ALL - _TAGS,
    Operator.NOT_IN: _ALL - _TAGS,
}

_PREFIX = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fffA-Za-z0-9_-]{4,})%")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_RECORD_ID = re.compile(RECORD_ID)
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+)|(?P<text>'(?:[^']|'')*')"
    r"|(?P<sign><=|>=|!=|[=<>(),*])"
)
_Kind = Literal["word", "number", "text", "sign", "end"]


class Search(msgspec.Struct, frozen=True):
    """What is searched for, and which fields of it are wanted; None wants all."""

    wanted: DeviceSearch
    fields: frozenset[str] | None

    @property
    def is_about_sessions(self) -> bool:
        """Whether it takes the devices that are on line to answer it."""
        conditions = (condition for group in self.wanted.any_of for condition in group)
        return any(condition.field is SearchField.STATUS for condition in conditions)


def read_search(sql: str) -> Search:
    """The search that a statement asks for. ApiProblem INVALID_INPUT names the place and what is wrong with it."""
    return _Reader(sql).statement()


class _Token(msgspec.Struct, frozen=True):
    """`at` counts characters from 1; `text` is without its quotes."""

    kind: _Kind
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        """Whether this is the keyword, in any case."""
        return self.kind == "word" and self.text.lower() == word


def _tokens(sql: str) -> Iterator[_Token]:
    place = 0
    while place < len(sql):
        match = _TOKEN.match(sql, place)
        if match is None:
            raise _problem(place + 1, "the text is not ended" if sql[place] == "'" else "no word begins like this")
        if match.lastgroup != "space":
            text = match.group()
            kind: _Kind = match.lastgroup  # type: ignore[assignment] # the groups of _TOKEN are the kinds
            yield _Token(kind, text[1:-1].replace("''", "'") if kind == "text" else text, place + 1)
        place = match.end()
    yield _Token("end", "the end", len(sql) + 1)


class _Reader:
    """Recursive descent: a method a rule of the grammar, each takes the tokens that are its own."""

    def __init__(self, sql: str) -> None:
        self._tokens = _tokens(sql)
        self._next = next(self._tokens)

    def statement(self) -> Search:
        """All of it."""
        self._keyword("select")
        is_count, fields = self._selection()
        self._keyword("from")
        self._resource()
        any_of = self._conditions() if self._is_past("where") else []
        is_newest_first = self._order() if self._is_past("order") else True
        offset, limit = self._window() if self._is_past("limit") else (0, 10)
        if self._next.kind != "end":
            raise self._unexpected("WHERE, ORDER BY, LIMIT or the end")
        wanted = DeviceSearch(
            any_of=any_of, is_count=is_count, is_newest_first=is_newest_first, limit=limit, offset=offset
        )
        return Search(wanted, fields)

    def _selection(self) -> tuple[bool, frozenset[str] | None]:
        if self._is_past_sign("*"):
            return False, None
        if self._next.is_word("count"):
            self._take()
            self._sign("(")
            if not (self._is_past_sign("*") or (self._next.kind == "number" and self._take().text == "1")):
                raise self._unexpected("* or 1")
            self._sign(")")
            return True, None
        return False, frozenset(self._listed(self._selected))

    def _selected(self) -> str:
        if self._next.kind != "word" or self._next.text not in SELECTABLE:
            raise self._unexpected("*, COUNT(*) or a field of the answer")
        return self._take().text

    def _resource(self) -> None:
        if (self._next.kind, self._next.text) != ("word", "device"):
            raise self._unexpected("device")
        self._take()

    def _conditions(self) -> list[list[Condition]]:
        alternatives = [[self._condition()]]
        count = 1
        while (is_or := self._is_past("or")) or self._is_past("and"):
            count += 1
            if count > MAX_CONDITIONS:
                raise _problem(self._next.at, f"at most {MAX_CONDITIONS} conditions")
            if is_or:
                alternatives.append([])
            alternatives[-1].append(self._condition())
        return alternatives

    def _condition(self) -> Condition:
        if self._next.kind != "word" or self._next.text not in _ALL:
            raise self._unexpected("a field to search by")
        field = SearchField(self._take().text)
        at = self._next.at
        operator = self._operator()
        if field not in _TAKEN_BY[operator]:
            raise _problem(at, f"{field} does not take {operator.upper()}")
        if operator in (Operator.IN, Operator.NOT_IN):
            self._sign("(")
            values = self._listed(lambda: self._value(field, operator))
            self._sign(")")
            return Condition(field, operator, tuple(values))
        return Condition(field, operator, (self._value(field, operator),))

    def _operator(self) -> Operator:
        token = self._next
        if token.is_word("not"):
            self._take()
            self._keyword("in")
            return Operator.NOT_IN
        text = token.text.lower()
        if token.kind not in ("word", "sign") or text not in _TAKEN_BY:
            raise self._unexpected("an operator")
        self._take()
        return Operator(text)

    def _value(self, field: SearchField, operator: Operator) -> str | float:
        token = self._next
        if token.kind != "text":
            raise self._unexpected("a text in single quotes")
        self._take()
        if operator is Operator.LIKE:
            match = _PREFIX.fullmatch(token.text)
            if match is None:
                raise _problem(token.at, "LIKE takes at least four Chinese characters, letters, digits, _ or -, then %")
            return match[1]
        return _value_of(field, token)

    def _order(self) -> bool:
        self._keyword("by")
        if (self._next.kind, self._next.text) != ("word", "marker"):
            raise self._unexpected("marker")
        self._take()
        if self._is_past("desc"):
            return True
        self._is_past("asc")
        return False

    def _window(self) -> tuple[int, int]:
        at = self._next.at
        first = self._number()
        offset, rows = (first, self._number()) if self._is_past_sign(",") else (0, first)
        if offset > MAX_OFFSET or not 1 <= rows <= MAX_ROWS:
            raise _problem(at, f"LIMIT takes an offset up to {MAX_OFFSET} and 1 to {MAX_ROWS} rows")
        return offset, rows

    def _number(self) -> int:
        if self._next.kind != "number":
            raise self._unexpected("a number")
        return int(self._take().text)

    def _listed(self, element: Callable[[], T]) -> list[T]:
        elements = [element()]
        while self._is_past_sign(","):
            elements.append(element())
        return elements

    def _take(self) -> _Token:
        taken = self._next
        self._next = next(self._tokens)
        return taken

    def _is_past(self, word: str) -> bool:
        """Whether the keyword was next; then it is taken."""
        return self._next.is_word(word) and self._take() is not None

    def _is_past_sign(self, sign: str) -> bool:
        return (self._next.kind, self._next.text) == ("sign", sign) and self._take() is not None

    def _keyword(self, word: str) -> None:
        if not self._is_past(word):
            raise self._unexpected(word.upper())

    def _sign(self, sign: str) -> None:
        if not self._is_past_sign(sign):
            raise self._unexpected(sign)

    def _unexpected(self, expected: str) -> ApiProblem:
        return _problem(self._next.at, f"expected {expected}")


def _value_of(field: SearchField, token: _Token) -> str | float:
    """The value as the registry compares it."""
    if not token.text:
        raise _problem(token.at, "an empty text is nothing to search for")
    if field in _WORDS and token.text not in _WORDS[field]:
        raise _problem(token.at, f"{field} is one of {', '.join(sorted(_WORDS[field]))}")
    if field is SearchField.MARKER and _RECORD_ID.match(token.text) is None:
        raise _problem(token.at, "a marker is 24 hexadecimal digits in lower case")
    if field is SearchField.CREATE_TIME:
        return _instant(token)
    return token.text


def _instant(token: _Token) -> float:
    try:
        if _TIME.fullmatch(token.text) is None:
            raise ValueError
        return datetime.strptime(token.text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _problem(token.at, "write an instant as yyyy-MM-dd'T'HH:mm:ss.SSS'Z'") from None


def _problem(at: int, what: str) -> ApiProblem:
    return ApiProblem(Problem.INVALID_INPUT, f"sql: at character {at}: {what}.")
