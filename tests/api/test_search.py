"""The small SQL of SearchDevices: what it says, and that any text is a search or the documented problem."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.api.problems import ApiProblem, Problem
from engine.api.search import MAX_CONDITIONS, SELECTABLE, Search, read_search
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField

PREFIX = "select * from device where "


def conditions_of(where: str) -> list[list[tuple[str, str, tuple[str | float, ...]]]]:
    wanted = read_search(PREFIX + where).wanted
    return [[(one.field.value, one.operator.value, one.values) for one in group] for group in wanted.any_of]


def detail_of(sql: str) -> str:
    with pytest.raises(ApiProblem) as raised:
        read_search(sql)
    assert raised.value.problem is Problem.INVALID_INPUT
    return raised.value.detail


def test_the_contracts_own_example() -> None:
    search = read_search("select * from device where device_id = 'as********' limit 0,5")
    condition = Condition(SearchField.DEVICE_ID, Operator.EQUAL, ("as********",))
    assert search == Search(DeviceSearch(any_of=[[condition]], limit=5), None)


def test_the_least_that_can_be_asked() -> None:
    assert read_search("select * from device") == Search(DeviceSearch(any_of=[]), None)


@pytest.mark.parametrize("count", ["count(*)", "COUNT ( 1 )", "Count(*)"])
def test_count(count: str) -> None:
    assert read_search(f"select {count} from device").wanted.is_count


def test_fields_are_selected_by_name() -> None:
    search = read_search("select device_id, marker,device_id from device")
    assert search.fields == {"device_id", "marker"}
    assert read_search(f"select {', '.join(SELECTABLE)} from device").fields == set(SELECTABLE)


def test_keywords_are_in_any_case_and_white_space_is_any() -> None:
    shouted = (
        "SELECT\n*\tFROM device\r\nWHERE node_id LIKE 'abcd%' AND status NOT  IN('ONLINE')ORDER BY marker LIMIT 1 , 2"
    )
    assert read_search(shouted) == read_search(shouted.lower().replace("'online'", "'ONLINE'"))


def test_and_binds_closer_than_or() -> None:
    assert conditions_of("app_id = 'a' or app_id = 'b' and node_id = 'c' or app_id != 'd'") == [
        [("app_id", "=", ("a",))],
        [("app_id", "=", ("b",)), ("node_id", "=", ("c",))],
        [("app_id", "!=", ("d",))],
    ]


@pytest.mark.parametrize(
    ("where", "field", "operator", "values"),
    [
        ("device_name = 'it''s'", "device_name", "=", ("it's",)),
        ("device_name = ''''", "device_name", "=", ("'",)),
        ("device_name = '水表 -- ; or 1=1'", "device_name", "=", ("水表 -- ; or 1=1",)),
        ("device_name like '水表_-%'", "device_name", "like", ("水表_-",)),
        ("tag_key like 'site%'", "tag_key", "like", ("site",)),
        ("node_id in ('a')", "node_id", "in", ("a",)),
        ("node_id not in ('a','b', 'a')", "node_id", "not in", ("a", "b", "a")),
        ("status = 'ABNORMAL'", "status", "=", ("ABNORMAL",)),
        ("node_type in ('GATEWAY', 'ENDPOINT')", "node_type", "in", ("GATEWAY", "ENDPOINT")),
        ("marker < 'ffffffffffffffffffffffff'", "marker", "<", ("f" * 24,)),
        ("create_time > '2023-11-14T22:13:20.250Z'", "create_time", ">", (1_700_000_000.25,)),
        ("create_time <= '1970-01-01T00:00:00.000Z'", "create_time", "<=", (0.0,)),
        ("fw_version != 'v1'", "fw_version", "!=", ("v1",)),
    ],
)
def test_conditions(where: str, field: str, operator: str, values: tuple[str | float, ...]) -> None:
    assert conditions_of(where) == [[(field, operator, values)]]


@pytest.mark.parametrize(
    ("clause", "is_newest_first", "offset", "limit"),
    [
        ("", True, 0, 10),
        ("order by marker", False, 0, 10),
        ("order by marker asc limit 50", False, 0, 50),
        ("order by marker desc limit 500, 1", True, 500, 1),
        ("limit 20,10", True, 20, 10),
    ],
)
def test_order_and_limit(clause: str, is_newest_first: bool, offset: int, limit: int) -> None:
    wanted = read_search(f"select * from device {clause}").wanted
    assert (wanted.is_newest_first, wanted.offset, wanted.limit) == (is_newest_first, offset, limit)


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        ("", "character 1: expected SELECT"),
        ("delete from device", "character 1: expected SELECT"),
        ("select", "character 7: expected *, COUNT(*) or a field"),
        ("select secret from device", "character 8: expected *, COUNT(*) or a field"),
        ("select DEVICE_ID from device", "character 8: expected *"),
        ("select count(2) from device", "character 15: expected * or 1"),
        ("select count(*), device_id from device", "character 16: expected FROM"),
        ("select * from credential", "character 15: expected device"),
        ("select * from Device", "character 15: expected device"),
        ("select * from device;", "character 21: no word begins like this"),
        ("select * from device as d", "character 22: expected WHERE, ORDER BY, LIMIT or the end"),
        ("select * from device, device", "character 21: expected WHERE, ORDER BY, LIMIT or the end"),
        ("select * from device union select * from device", "expected WHERE, ORDER BY, LIMIT or the end"),
        ("select * from device limit 10 where app_id = 'a'", "expected WHERE, ORDER BY, LIMIT or the end"),
        ("select * from device order by device_id", "character 31: expected marker"),
        ("select * from device order marker", "expected BY"),
        ("select * from device limit 51", "1 to 50 rows"),
        ("select * from device limit 0", "1 to 50 rows"),
        ("select * from device limit 501, 1", "offset up to 500"),
        ("select * from device limit -1", "no word begins like this"),
        ("select * from device limit '1'", "expected a number"),
        (PREFIX, "expected a field to search by"),
        (PREFIX + "secret = 'a'", "expected a field to search by"),
        (PREFIX + "(app_id = 'a')", "expected a field to search by"),
        (PREFIX + "app_id", "expected an operator"),
        (PREFIX + "app_id is null", "expected an operator"),
        (PREFIX + "app_id = null", "expected a text in single quotes"),
        (PREFIX + "app_id = ''", "an empty text"),
        (PREFIX + "app_id = 1", "expected a text in single quotes"),
        (PREFIX + 'app_id = "a"', "no word begins like this"),
        (PREFIX + "app_id = 'a", "the text is not ended"),
        (PREFIX + "app_id = 'a' or", "expected a field to search by"),
        (PREFIX + "not app_id = 'a'", "expected a field to search by"),
        (PREFIX + "app_id > 'a'", "app_id does not take >"),
        (PREFIX + "app_id like 'aaaa%'", "app_id does not take LIKE"),
        (PREFIX + "node_id not like 'aaaa%'", "expected IN"),
        (PREFIX + "node_id like 'aaa%'", "LIKE takes at least four"),
        (PREFIX + "node_id like '%aaaa'", "LIKE takes at least four"),
        (PREFIX + "node_id like 'aaaa'", "LIKE takes at least four"),
        (PREFIX + "node_id like 'aa%a%'", "LIKE takes at least four"),
        (PREFIX + "node_id like 'aaaa.%'", "LIKE takes at least four"),
        (PREFIX + "tag_key in ('a')", "tag_key does not take IN"),
        (PREFIX + "app_id in ()", "expected a text in single quotes"),
        (PREFIX + "app_id in ('a'", "expected )"),
        (PREFIX + "status = 'online'", "status is one of"),
        (PREFIX + "node_type = 'X'", "node_type is one of"),
        (PREFIX + "marker = 'f'", "a marker is 24"),
        (PREFIX + "create_time = '20231114T221320Z'", "write an instant as"),
        (PREFIX + "create_time = '2023-02-30T00:00:00.000Z'", "write an instant as"),
        (PREFIX + " or ".join(["app_id = 'a'"] * (MAX_CONDITIONS + 1)), "at most 5 conditions"),
        (PREFIX + "app_id = 'a' -- and so on", "no word begins like this"),
        (PREFIX + "app_id = 'a' /* */", "no word begins like this"),
    ],
)
def test_what_is_not_of_the_grammar_is_named_with_its_place(sql: str, detail: str) -> None:
    told = detail_of(sql)
    assert told.startswith("sql: at character ")
    assert detail in told


def is_read_or_refused(sql: str) -> None:
    try:
        search = read_search(sql)
    except ApiProblem as refused:
        refusal = refused
    else:
        assert 1 <= search.wanted.limit <= 50
        assert sum(len(group) for group in search.wanted.any_of) <= MAX_CONDITIONS
        return
    assert refusal.problem is Problem.INVALID_INPUT
    assert refusal.detail.startswith("sql: at character ")


@given(st.text(max_size=400))
@example("\x00")
@example("'")
@example("select * from device where device_name = '\ud800'")
@example("select * from device limit " + "9" * 370)
@example("sele\u017ft * from device")
def test_any_text_is_read_or_refused(sql: str) -> None:
    is_read_or_refused(sql)


WORDS = st.sampled_from(
    [
        *("select", "*", "from", "device", "where", "and", "or", "not", "in", "like", "order", "by", "asc", "desc"),
        *("limit", ",", "(", ")", "=", "!=", "<", ">", "<=", ">="),
        *SearchField,
        "count",
        "1",
        "50",
        "'abcd%'",
        "'ONLINE'",
        "'a'",
        "''",
        "'",
    ]
)


@given(st.lists(WORDS, max_size=40))
def test_any_row_of_the_grammars_words_is_read_or_refused(words: list[str]) -> None:
    is_read_or_refused(" ".join(words))


@given(st.lists(WORDS, max_size=20))
def test_any_conditions_are_read_or_refused(words: list[str]) -> None:
    is_read_or_refused(PREFIX + " ".join(words))


@given(st.text(min_size=1))
def test_any_text_in_quotes_is_itself(text: str) -> None:
    quoted = text.replace("'", "''")
    assert conditions_of(f"device_name = '{quoted}'") == [[("device_name", "=", (text,))]]
