"""Tags as text and back."""

from hypothesis import given
from hypothesis import strategies as st

from engine.registry.tags import tags_of, tags_text


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4)))
def test_tags_come_back_as_they_were_in_their_order(tags: dict[str, str]) -> None:
    assert list(tags_of(tags_text(tags)).items()) == list(tags.items())


def test_device_without_tags_has_none() -> None:
    assert tags_of(None) == {}


def test_tags_are_stored_as_the_api_shows_them() -> None:
    assert tags_text({"site": "north"}) == b'[{"tag_key":"site","tag_value":"north"}]'
