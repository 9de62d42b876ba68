"""The parameters of Register and Update (LwM2M 1.0 section 5.3, 1.1 Core section 6.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, FramingFault, UnsupportedProtocolVersion
from engine.framing.coap.link_format import Link
from engine.framing.lwm2m.registration import Register, Update, read_register, read_update

LINKS = b"</1/0>,</3/0>"
OBJECTS = (Link("/1/0"), Link("/3/0"))


def register(query: str, content_format: int | None = 40, payload: bytes = LINKS) -> Register:
    return read_register(tuple(query.split("&")), content_format, payload)


def update(query: str = "", payload: bytes = b"", version: str = "1.0") -> Update:
    return read_update(tuple(query.split("&")) if query else (), 40 if payload else None, payload, version)


def test_a_register_of_each_version_is_read() -> None:
    assert register("ep=pump&lt=300&lwm2m=1.0&b=UQS&sms=+436641234567") == Register(
        "pump", "1.0", 300, "UQS", True, "+436641234567", OBJECTS
    )
    assert register("ep=pump&lwm2m=1.1&lt=60&b=UT&Q") == Register("pump", "1.1", 60, "UT", True, None, OBJECTS)


def test_what_is_left_out_has_the_value_of_lwm2m_1_0() -> None:
    """The contract's example is POST /rd?ep={nodeId} and no more."""
    assert register("ep=pump", None, b"") == Register("pump", "1.0", 86_400, "U", False, None, ())


def test_lwm2m_1_1_may_leave_the_name_to_the_credential() -> None:
    assert register("lwm2m=1.1&lt=60").endpoint_name is None


def test_queue_mode_is_in_the_binding_of_1_0_and_a_parameter_of_1_1() -> None:
    assert register("ep=pump&b=UQ").has_queue_mode
    assert not register("ep=pump&b=U&Q").has_queue_mode
    assert not register("ep=pump&lwm2m=1.1&lt=60&b=U").has_queue_mode
    assert register("ep=pump&lwm2m=1.1&lt=60&b=U&Q").has_queue_mode


@pytest.mark.parametrize("version", ["", "1", "0.9", "1.2", "2.0", "1.0.2", "1.10", " 1.0"])
def test_another_version_is_told_so(version: str) -> None:
    with pytest.raises(UnsupportedProtocolVersion):
        register(f"ep=pump&lwm2m={version}&lt=60")


@pytest.mark.parametrize(
    "query",
    [
        "lt=300",
        "ep=&lt=300",
        "ep",
        "lwm2m=1.1&ep=pump",
        "ep=pump&ep=pump",
        "ep=pump&lt=300&lt=300",
        "ep=pump&lwm2m=1.0&lwm2m=1.0",
        "ep=pump&b=U&b=U",
        "ep=pump&sms=1&sms=1",
        "lwm2m=1.1&lt=60&ep=pump&Q&Q",
        "ep=pump&lt=",
        "ep=pump&lt=-1",
        "ep=pump&lt=0",
        "ep=pump&lt=1.5",
        "ep=pump&lt=4294967296",
        "ep=pump&lt=12345678901",
        "ep=pump&lt=1_0",
        "ep=pump&lt=٣",
        "ep=pump&b=",
        "ep=pump&b=X",
        "ep=pump&b=QU",
        "ep=pump&b=UT",
        "lwm2m=1.1&lt=60&ep=pump&b=UQ",
        "lwm2m=1.1&lt=60&ep=pump&b=UU",
        "ep=pump&sms=",
        "ep=pump&sms=abc",
    ],
)
def test_a_missing_repeated_or_malformed_parameter_is_a_bad_request(query: str) -> None:
    with pytest.raises(BadRequest):
        register(query)


def test_parameters_that_are_not_known_are_ignored() -> None:
    assert register("ep=pump&d=x&d=y&et=z&pid=1") == register("ep=pump")


def test_a_lifetime_of_0_never_ends_in_1_1() -> None:
    assert register("ep=pump&lwm2m=1.1&lt=0").lifetime_seconds == 0
    assert register("ep=pump&lt=4294967295").lifetime_seconds == 4_294_967_295


def test_malformed_objects_are_a_bad_request() -> None:
    with pytest.raises(BadRequest):
        register("ep=pump", payload=b"/1/0")
    with pytest.raises(BadRequest):
        update(payload=b"/1/0")


def test_octets_of_another_content_format_are_not_read() -> None:
    """The contract's example of a Register carries application/octet-stream."""
    assert register("ep=pump", 42, b"\xff\x00").links == ()


def test_an_update_says_only_what_changes() -> None:
    assert update() == Update(None, None, False, None, None)
    assert update("lt=60&b=UQ&sms=1", LINKS) == Update(60, "UQ", True, "1", OBJECTS)
    assert update("lt=0&b=U&Q", version="1.1") == Update(0, "U", True, None, None)


@pytest.mark.parametrize("query", ["lt=0", "lt=60&lt=60", "b=Z", "sms=x"])
def test_a_malformed_update_is_a_bad_request(query: str) -> None:
    with pytest.raises(BadRequest):
        update(query)


parameters = st.lists(
    st.sampled_from(["ep=pump", "lt=60", "lwm2m=1.0", "lwm2m=1.1", "b=UQ", "Q", "sms=1"]) | st.text(max_size=20),
    max_size=6,
)


@given(query=parameters, payload=st.binary(max_size=30), version=st.sampled_from(["1.0", "1.1"]))
def test_any_query_is_read_or_is_a_framing_fault(query: list[str], payload: bytes, version: str) -> None:
    for read in (
        lambda: read_register(tuple(query), None, payload),
        lambda: read_update(tuple(query), 40, payload, version),
    ):
        try:
            read()
        except FramingFault:
            continue
