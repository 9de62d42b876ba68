"""How a stored device is shown."""

import msgspec
import pytest

from engine.api.device_schema import AuthInfoAnswer, device_answer, device_status, device_summary
from tests.registry.samples import device

AUTH = AuthInfoAnswer(auth_type="SECRET", secure_access=True, secret="12345678", secondary_secret="87654321")


@pytest.mark.parametrize(
    ("fields", "online_since", "status"),
    [
        ({}, None, "INACTIVE"),
        ({"activated_at": 5.0}, None, "OFFLINE"),
        ({"activated_at": 5.0}, 6.0, "ONLINE"),
        ({}, 6.0, "ONLINE"),
        ({"frozen": True}, None, "FROZEN"),
        ({"frozen": True, "activated_at": 5.0}, 6.0, "FROZEN"),
    ],
)
def test_status(fields: dict[str, object], online_since: float | None, status: str):
    """iotda-rest.md A.3, status rules."""
    assert device_status(device(**fields), online_since) == status


def test_a_list_shows_no_credential_and_no_creation():
    shown = msgspec.to_builtins(device_summary(device(), None))
    assert not {"auth_info", "secret", "create_time", "extension_info"} & set(shown)
    assert shown["tags"] == []


def test_a_device_behind_a_gateway_is_an_endpoint():
    assert device_summary(device(), None).node_type == "GATEWAY"
    assert device_summary(device(gateway_id="other"), None).node_type == "ENDPOINT"


def test_what_is_not_known_is_left_out():
    shown = msgspec.to_builtins(device_answer(device(), None, AUTH))
    assert not {"active_time", "connection_status_update_time", "extension_info", "device_name"} & set(shown)
    assert "timeout" not in shown["auth_info"]


def test_instants_of_a_device_that_was_on_line():
    shown = device_answer(device(activated_at=1.5, last_seen_at=2.25), None, AUTH)
    assert shown.active_time == "1970-01-01T00:00:01.500Z"
    assert shown.connection_status_update_time == "1970-01-01T00:00:02.250Z"
    shown = device_answer(device(activated_at=1.5, last_seen_at=2.25), 3.0, AUTH)
    assert shown.connection_status_update_time == "1970-01-01T00:00:03.000Z"


def test_stored_json_is_shown_as_json():
    shown = device_answer(device(extension_info=b'{"a":[1,null]}', tags=b'[{"tag_key":"k"}]'), None, AUTH)
    assert shown.extension_info == {"a": [1, None]}
    assert shown.tags == [{"tag_key": "k"}]


def test_no_secret_in_a_repr():
    shown = device_answer(device(), None, AUTH)
    assert "12345678" not in repr(shown)
    assert "87654321" not in repr(shown)
