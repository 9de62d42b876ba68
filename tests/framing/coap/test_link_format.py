"""RFC 6690 section 2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.framing.coap.link_format import Link, read_links, write_links


def test_the_objects_of_a_device_are_read() -> None:
    """LwM2M 1.0 section 5.3.1, its example, and an attribute of each kind."""
    payload = b'</lwm2m>;rt="oma.lwm2m";ct=100,</lwm2m/1/101>,</lwm2m/3/0>;ver="1.1";obs'
    assert read_links(payload) == (
        Link("/lwm2m", (("rt", "oma.lwm2m"), ("ct", "100"))),
        Link("/lwm2m/1/101"),
        Link("/lwm2m/3/0", (("ver", "1.1"), ("obs", None))),
    )


@pytest.mark.parametrize(
    ("payload", "links"),
    [
        (b"", ()),
        (b"</>", (Link("/"),)),
        (b"<>", (Link(""),)),
        (b"<coap://[::1]/a%20b?c#d>;title*=UTF-8'en'x", (Link("coap://[::1]/a%20b?c#d", (("title*", "UTF-8'en'x"),)),)),
        (b'</1>;title="a, b; \\"c\\" \\\\";x=""', (Link("/1", (("title", 'a, b; "c" \\'), ("x", ""))),)),
        ('</1>;title="温度"'.encode(), (Link("/1", (("title", "温度"),)),)),
    ],
)
def test_well_formed_links_are_read(payload: bytes, links: tuple[Link, ...]) -> None:
    assert read_links(payload) == links


@pytest.mark.parametrize(
    "payload",
    [
        b"/1/0",
        b"<",
        b"</1",
        b"</1>>",
        b"</1>,",
        b",</1>",
        b"</1>,,</2>",
        b"</1></2>",
        b"</1>;",
        b"</1>;=x",
        b"</1>;x=",
        b'</1>;x="',
        b'</1>;x="\\',
        b'</1>;x="\n"',
        b"</1> ,</2>",
        b"</ 1>",
        b"</1\0>",
        b"</\xff>",
    ],
)
def test_anything_else_is_a_bad_request(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        read_links(payload)


def test_links_are_written_as_they_are_read() -> None:
    links = (Link("/rd", (("rt", "oma.lwm2m"), ("ct", "40"), ("obs", None))), Link("/1/0"))
    assert write_links(links) == b'</rd>;rt="oma.lwm2m";ct=40;obs,</1/0>'
    assert read_links(write_links(links)) == links


names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
texts = st.from_regex(r"[a-zA-Z0-9 ,;<>=/]{0,12}", fullmatch=True)
links = st.builds(
    Link,
    st.from_regex(r"(/[a-z0-9]{1,5}){0,4}", fullmatch=True),
    st.lists(st.tuples(names, st.none() | texts), max_size=3).map(tuple),
)


@given(written=st.lists(links, max_size=5).map(tuple))
def test_every_list_is_read_as_it_was_written(written: tuple[Link, ...]) -> None:
    assert read_links(write_links(written)) == written


@given(payload=st.binary(max_size=60) | st.text('<>/;,="\\a1 ', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_are_a_bad_request(payload: bytes) -> None:
    try:
        read_links(payload)
    except BadRequest:
        return
