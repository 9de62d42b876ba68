"""Defaults of AddDevice, and the rules that tie its fields together."""

from typing import Any

import msgspec
import pytest

from engine.api.device_schema import AuthInfo, CreateDevice
from engine.api.new_device import new_device
from engine.api.problems import ApiProblem, Problem
from engine.registry.record import AuthType, Device, DeviceProtocol
from tests.registry.samples import product, record_id

MQTT, COAP = product("meters", protocol_type="MQTT"), product("nb", protocol_type="CoAP")


def make(given=MQTT, **fields: Any) -> Device:
    body = msgspec.convert({"node_id": "n1", "product_id": given.product_id, **fields}, CreateDevice)
    return new_device(body, given, record_id(1), 1000.9)


def refused(given=MQTT, **fields: Any) -> str:
    """The field that the refusal names."""
    with pytest.raises(ApiProblem) as raised:
        make(given, **fields)
    assert raised.value.problem is Problem.INVALID_INPUT
    return raised.value.detail.partition(":")[0]


def test_defaults():
    device = make()
    assert device.device_id == device.gateway_id == "meters_n1"
    assert device.app_id == "default"
    assert device.auth_type is AuthType.SECRET
    assert device.secure_access
    assert (device.timeout_seconds, device.timeout_at) == (0, None)
    assert device.created_at == 1000
    assert (device.activated_at, device.last_seen_at, device.frozen) == (None, None, False)


def test_a_given_device_id_is_also_the_direct_device_s_gateway_id():
    device = make(device_id="d")
    assert (device.device_id, device.gateway_id) == ("d", "d")


def test_a_gateway_id_makes_a_sub_device():
    assert make(gateway_id="gateway").gateway_id == "gateway"


def test_a_device_that_names_itself_as_gateway_is_direct():
    assert make(device_id="d", gateway_id="d", auth_info={"timeout": 5}).timeout_at == 1005


def test_the_timeout_runs_from_the_creation():
    device = make(auth_info={"timeout": 60})
    assert (device.timeout_seconds, device.timeout_at) == (60, 1060)


def test_only_direct_devices_have_a_timeout():
    assert refused(gateway_id="gateway", auth_info={"timeout": 60}) == "auth_info.timeout"
    assert make(gateway_id="gateway", auth_info={"timeout": 0}).timeout_at is None


@pytest.mark.parametrize(
    ("protocol_type", "protocol"),
    [
        ("MQTT", DeviceProtocol.MQTT),
        ("CoAP", DeviceProtocol.COAP),
        ("HTTP", DeviceProtocol.OTHER),
        ("Modbus", DeviceProtocol.OTHER),
    ],
)
def test_the_protocol_comes_from_the_product(protocol_type: str, protocol: DeviceProtocol):
    assert make(product(protocol_type=protocol_type)).protocol is protocol


@pytest.mark.parametrize("secret", ["0123456789abcdef", "ABCDEF01", "a" * 32])
def test_coap_secrets_are_octets_in_hex(secret: str):
    make(COAP, auth_info={"secret": secret})


@pytest.mark.parametrize("secret", ["abcdefgh", "12345678-", "123456789", "a" * 31])
def test_other_coap_secrets_are_refused_and_mqtt_takes_them(secret: str):
    assert refused(COAP, auth_info={"secret": secret}) == "auth_info.secret"
    make(MQTT, auth_info={"secret": secret})


def test_coap_devices_have_no_certificates():
    assert refused(COAP, auth_info={"auth_type": "CERTIFICATES"}) == "auth_info.auth_type"


def test_a_secret_and_a_certificate_exclude_each_other():
    assert refused(auth_info={"auth_type": "CERTIFICATES", "secret": "12345678"}) == "auth_info.secret"
    assert refused(auth_info={"fingerprint": "a" * 40}) == "auth_info.fingerprint"


def test_fingerprints_are_kept_in_one_case():
    device = make(auth_info={"auth_type": "CERTIFICATES", "fingerprint": "AB" * 32})
    assert device.fingerprint == "ab" * 32


def test_secure_access_is_true_unless_it_is_said_to_be_false():
    assert make(auth_info={"secure_access": None}).secure_access
    assert not make(auth_info={"secure_access": False}).secure_access


def test_extension_info_may_be_one_kilobyte():
    assert len(make(extension_info={"a": "x" * 1016}).extension_info or b"") == 1024
    assert refused(extension_info={"a": "x" * 1017}) == "extension_info"


def test_no_secret_in_a_repr():
    body = msgspec.convert({"node_id": "n", "product_id": "p", "auth_info": {"secret": "12345678"}}, CreateDevice)
    assert "12345678" not in repr(body)
    assert "12345678" not in repr(AuthInfo(secret="12345678"))
