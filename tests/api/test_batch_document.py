"""Files of batch tasks. CVE-2018-12551: a broken row is refused with its line, and is never a usable device."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.batch_document import BatchDocument, Target, UpdateRow, read_text, target_of
from engine.api.device_schema import CreateDevice
from engine.api.problems import ApiProblem
from engine.registry.store_batches import TaskType

HEADER = "device_id,node_id,product_id,secret"
CREATE = TaskType.CREATE_DEVICES


def document(text: str | bytes, task_type: TaskType = CREATE, most: int = 100) -> BatchDocument:
    return BatchDocument.read(text if isinstance(text, bytes) else text.encode(), task_type, most)


def refusal_of(row: str) -> str:
    """What is said of a line that stands between two good ones, which must still be read."""
    read = document(f"{HEADER}\nd1,n1,p,horse-battery\n{row}\nd3,n3,p,horse-battery\n")
    assert list(read.numbers()) == [2, 3, 4]
    assert [target_of(read.row(number)) for number in (2, 4)] == ["d1", "d3"]
    with pytest.raises(ApiProblem) as refused:
        read.row(3)
    assert "horse" not in refused.value.detail
    return refused.value.detail


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ("d2,n2", "Line 3: it has 2 cells, not 4."),
        ("d2,n2,p,horse-battery,more", "Line 3: it has 5 cells, not 4."),
        ("d2,n2,p,", None),
        ("d2,n2,p,horse", "Line 3: auth_info.secret: expected `str` of length >= 8."),
        ("d2,n2,p,horse battery", "Line 3: auth_info.secret: expected `str` matching regex"),
        ("d2,,p,horse-battery", "Line 3: node_id: is required."),
        ("d2,n2,,horse-battery", "Line 3: product_id: is required."),
        ("d 2,n2,p,horse-battery", "Line 3: device_id: expected `str` matching regex"),
        (f"{'d' * 129},n2,p,horse-battery", "Line 3: device_id: expected `str` of length <= 128."),
        ('"d2,n2,p,horse-battery', "Line 3: it is not CSV: unexpected end of data."),
        ('"d"2,n2,p,horse-battery', "Line 3: it is not CSV: ',' expected after '\"'."),
        (",,,", "Line 3: node_id: is required."),
        ("=cmd|' /C calc'!A0,n2,p,horse-battery", "Line 3: device_id: expected `str` matching regex"),
        ("x" * 200_000, "Line 3: it is not CSV: field larger than field limit"),
    ],
)
def test_cve_2018_12551_broken_row_is_refused_with_its_line(row: str, detail: str | None) -> None:
    if detail is None:
        (made,) = [document(f"{HEADER}\n{row}\n").row(2)]
        assert isinstance(made, CreateDevice)
        assert made.auth_info is None, "an empty cell is no empty secret: one is allocated"
    else:
        assert refusal_of(row).startswith(detail)


def test_lost_quote_swallows_no_other_line() -> None:
    """As a CSV reader with multi-line cells would: lines 3 and 4 would be one cell, and nobody would miss them."""
    read = document(f'{HEADER}\nd1,n1,p,"horse-battery\nd2,n2,p,horse-battery\nd3,n3,p,horse"battery\n')

    assert target_of(read.row(3)) == "d2"
    for number in (2, 4):
        with pytest.raises(ApiProblem, match=f"Line {number}"):
            read.row(number)


def test_row_says_what_the_single_call_says() -> None:
    read = document(
        "\ufeffnode_id,product_id,secure_access,timeout,extension_info,auth_type,device_name\r\n"
        'n1,p,FALSE,60,"{""a"": 1}",SECRET,"泵,east"\r\n'
        "\r\n"
        "n2 ,p,,,,,\r\n"
    )

    assert list(read.numbers()) == [2, 4]
    first, second = read.row(2), read.row(4)
    assert isinstance(first, CreateDevice)
    assert first.auth_info is not None
    assert (first.auth_info.secure_access, first.auth_info.timeout) == (False, 60)
    assert (first.extension_info, first.device_name) == ({"a": 1}, "泵,east")
    assert (target_of(first), target_of(second)) == ("p_n1", "p_n2")
    assert "auth_info=None" in repr(second)


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [
        ("secure_access", "yes", "true or false"),
        ("timeout", "-1", "a number of seconds"),
        ("timeout", "1.5", "a number of seconds"),
        ("timeout", "٣", "a number of seconds"),
        ("timeout", "9" * 5000, "a number of seconds"),
        ("timeout", "2147483648", "expected `int` <= 2147483647"),
        ("extension_info", "{", "not JSON"),
        ("extension_info", "[1]", "expected `object | null`"),
        ("extension_info", '"' + "[" * 5000 + '"', "not JSON"),
        ("auth_type", "NONE", "invalid enum value"),
        ("fingerprint", "abc", "expected `str` matching"),
    ],
)
def test_cell_that_is_not_what_its_column_takes_is_refused(column: str, cell: str, what: str) -> None:
    read = document(f"node_id,product_id,{column}\nn,p,{cell}\n")

    with pytest.raises(ApiProblem, match="Line 2") as refused:
        read.row(2)
    assert what in refused.value.detail


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04rest", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as CSV"),
        ("device_id\n泵\n".encode("gbk"), "line 2 is not UTF-8"),
        ("device_id\n".encode("utf-16"), "line 1 is not UTF-8"),
        (b"device_id\nd1\nd\x002\n", "line 3 has a NUL"),
        (b"\xed\xa0\x80", "line 1 is not UTF-8"),
    ],
)
def test_file_that_is_no_text_is_refused_when_it_is_uploaded(content: bytes, detail: str) -> None:
    with pytest.raises(ApiProblem) as refused:
        read_text(content)
    assert detail in refused.value.detail


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("node_id\nn1\n", "line 1 lacks the column product_id"),
        ("node_id,product_id,password\nn,p,x\n", "line 1 must name columns"),
        ("node_id,product_id,node_id\nn,p,n\n", "each once"),
        ("node_id,product_id,\nn,p,\n", "line 1 must name columns"),
        ("n1,p\nn2,p\n", "line 1 must name columns"),
        ('node_id,"product_id\nn,p\n', "line 1: it is not CSV"),
        ("node_id,product_id\n", "has 0 rows"),
        ("\n\n", "line 1 lacks the column node_id"),
        ("node_id,product_id\n" + "n,p\n" * 4, "has 4 rows, not 1 to 3"),
    ],
)
def test_file_whose_header_or_size_does_not_fit_the_task_is_refused_whole(text: str, detail: str) -> None:
    with pytest.raises(ApiProblem) as refused:
        document(text, most=3)
    assert detail in refused.value.detail


def test_each_type_of_task_has_its_columns() -> None:
    update = document("device_id,device_name\nd,new\n", TaskType.UPDATE_DEVICES).row(2)
    assert isinstance(update, UpdateRow)
    assert (update.device_id, update.device_name, update.auth_info) == ("d", "new", None)
    for task_type in (TaskType.DELETE_DEVICES, TaskType.FREEZE_DEVICES, TaskType.UNFREEZE_DEVICES):
        assert document("device_id\nd\n", task_type).row(2) == Target("d")
        with pytest.raises(ApiProblem):
            document("device_id,node_id\nd,n\n", task_type)


def test_no_line_shows_in_a_repr() -> None:
    assert "horse" not in repr(document(f"{HEADER}\nd,n,p,horse-battery\n"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace")))
def test_whatever_is_uploaded_only_problems_come_out(content: bytes) -> None:
    try:
        read = document(content)
    except ApiProblem:
        return
    for number in read.numbers():
        with suppress(ApiProblem):
            assert isinstance(read.row(number), CreateDevice)
