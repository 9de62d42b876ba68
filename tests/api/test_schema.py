"""Character classes, instants, pages."""

from typing import Annotated

import msgspec
import pytest

from engine.api.problems import ApiProblem, Problem
from engine.api.schema import (
    COMPACT_TIME,
    FINGERPRINT,
    ID,
    NAME,
    RECORD_ID,
    SERVICE_NAME,
    TEXT,
    Page,
    compact_time,
    json_text,
    page_of,
    page_request,
    precise_time,
    read_compact_time,
)
from engine.registry.store import NEWEST, PageRequest


def fits(pattern: str, text: str) -> bool:
    """Whether msgspec lets a text of this pattern in."""
    try:
        msgspec.convert(text, type=Annotated[str, msgspec.Meta(pattern=pattern)])
    except msgspec.ValidationError:
        return False
    return True


PUNCTUATION = "_?'#().,&%@!-"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ID, "azAZ09_-"),
        (NAME, f"azAZ09{PUNCTUATION}"),
        (NAME, "\u4e00\u9fa5\u6c34\u8868"),
        (NAME, ""),
        (SERVICE_NAME, "$state"),
        (TEXT, "two words;\t\u4e2d\u6587\uff0c\u3001\uff1a\uff1b\u3002/\n"),
        (FINGERPRINT, "aF" * 20),
        (FINGERPRINT, "0" * 64),
        (RECORD_ID, NEWEST),
        (COMPACT_TIME, "20151212T121212Z"),
    ],
)
def test_text_of_the_class_fits(pattern: str, text: str):
    assert fits(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ID, "a b"),
        (ID, "a.b"),
        (ID, "a/b"),
        (ID, "a#"),
        (ID, "a+"),
        (ID, "$a"),
        (ID, "\u6c34"),
        (ID, "a\x00"),
        (ID, "a\n"),
        (NAME, "two words"),
        (NAME, "a\n"),
        (NAME, "<b>"),
        (NAME, "a\x00"),
        (NAME, "\u3042"),
        (NAME, "$state"),
        (TEXT, "<b>"),
        (TEXT, "a\x00"),
        (FINGERPRINT, "a" * 39),
        (FINGERPRINT, "a" * 41),
        (FINGERPRINT, "g" * 40),
        (FINGERPRINT, "a" * 40 + "\n"),
        (RECORD_ID, "F" * 24),
        (RECORD_ID, "f" * 23),
        (COMPACT_TIME, "20151212T121212Z\n"),
        (COMPACT_TIME, "2015-12-12T12:12:12Z"),
        (COMPACT_TIME, "\u0662\u0660151212T121212Z"),
    ],
)
def test_text_outside_the_class_does_not_fit(pattern: str, text: str):
    assert not fits(pattern, text)


def test_instants_are_written_as_the_contract_writes_them():
    assert compact_time(1449922332.9) == "20151212T121212Z"
    assert precise_time(1449922332.0625) == "2015-12-12T12:12:12.062Z"
    assert precise_time(0.0) == "1970-01-01T00:00:00.000Z"


def test_an_instant_is_read_as_it_is_written():
    assert read_compact_time("start_time", "20151212T121212Z") == 1449922332
    assert read_compact_time("start_time", None) is None


def test_a_day_that_does_not_exist_is_named():
    with pytest.raises(ApiProblem) as raised:
        read_compact_time("end_time", "20150230T000000Z")
    assert raised.value.problem is Problem.INVALID_TIME
    assert "end_time" in raised.value.detail


def test_json_text_may_be_as_long_as_the_bound_and_no_longer():
    assert json_text("extension_info", "x" * 8, 10) == b'"xxxxxxxx"'
    with pytest.raises(ApiProblem) as raised:
        json_text("extension_info", "x" * 9, 10)
    assert raised.value.detail == "extension_info: at most 10 bytes of JSON."


def test_json_is_measured_in_octets_not_in_letters():
    with pytest.raises(ApiProblem):
        json_text("extension_info", "\u6c34" * 3, 10)


def test_a_page_names_its_last_record():
    assert page_of(["b", "a"], 7) == Page(7, "a")
    assert page_of([], 0) == Page(0, None)


def test_paging_defaults_to_ten_from_the_newest():
    assert page_request() == PageRequest(10, NEWEST, 0)
