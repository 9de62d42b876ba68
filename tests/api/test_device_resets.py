"""ResetDeviceSecret and ResetFingerprint, over the wire."""

import string
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.registry.sealing import Slot
from tests.api.conftest import NOW, PROJECT, Api

ID = "meters_n1"
FINGERPRINT = "aB" * 32
RESET = f"devices/{ID}/action?action_id=resetSecret"
RESET_FINGERPRINT = f"devices/{ID}/reset-fingerprint"


async def unsealed(api: Api) -> tuple[str | None, str | None]:
    """The device's two secrets, as they are stored."""
    row = (await api.store.credentials([ID]))[ID]
    slots = ((row.sealed_primary, Slot.PRIMARY), (row.sealed_secondary, Slot.SECONDARY))
    unseal = api.services.sealer.unseal
    primary, secondary = (
        None if blob is None else unseal(blob, PROJECT, row.record_id, slot).decode() for blob, slot in slots
    )
    return primary, secondary


async def certificate_device(api: Api, **fields: Any) -> dict[str, Any]:
    return await api.create_device(auth_info={"auth_type": "CERTIFICATES", **fields})


async def refused(api: Api, path: str, body: Any) -> tuple[int, str, str]:
    """HTTP status, error_code and error_msg; nothing was changed and nobody told."""
    before = await api.store.devices(PROJECT, [ID])
    response = await api.post(path, body)
    assert await api.store.devices(PROJECT, [ID]) == before
    assert api.bus.invalidations == []
    return response.status_code, response.json()["error_code"], response.json()["error_msg"]


# ResetDeviceSecret


async def test_given_secret_replaces_the_primary(stocked: Api):
    await stocked.create_device()
    response = await stocked.post(RESET, {"secret": "12345678"})
    assert response.status_code == 200
    assert response.json() == {"device_id": ID, "secret": "12345678", "secret_type": "PRIMARY"}
    assert await unsealed(stocked) == ("12345678", None)
    assert stocked.bus.invalidations == [((ID,), False)]


async def test_allocated_secrets_are_32_hex_digits_and_differ(stocked: Api):
    await stocked.create_device()
    made = [(await stocked.post(RESET, {})).json()["secret"] for _ in range(2)]
    assert len(set(made)) == 2
    assert all(len(secret) == 32 and set(secret) <= set(string.hexdigits.lower()) for secret in made)
    assert (await unsealed(stocked))[0] == made[1]


async def test_secondary_secret_stands_beside_the_primary(stocked: Api):
    first = (await stocked.create_device())["auth_info"]["secret"]
    response = await stocked.post(RESET, {"secret": "secondary", "secret_type": "SECONDARY"})
    assert response.json() == {"device_id": ID, "secret": "secondary", "secret_type": "SECONDARY"}
    shown = (await stocked.get(f"devices/{ID}")).json()["auth_info"]
    assert (shown["secret"], shown["secondary_secret"]) == (first, "secondary")


@pytest.mark.parametrize("force_disconnect", [False, True, None])
async def test_session_ends_where_the_call_says_so(stocked: Api, force_disconnect: bool | None):
    await stocked.create_device()
    stocked.bus.live[ID] = NOW
    await stocked.post(RESET, {"force_disconnect": force_disconnect})
    assert stocked.bus.invalidations == [((ID,), force_disconnect is True)]
    assert (ID in stocked.bus.live) is (force_disconnect is not True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?action_id=reboot", "IOTDA.090301"),
        ("?action_id=resetsecret", "IOTDA.090301"),
        ("?action_id=", "IOTDA.090301"),
        ("", "IOTDA.090301"),
    ],
)
async def test_action_that_is_none_is_named(stocked: Api, query: str, code: str):
    await stocked.create_device()
    status, told, message = await refused(stocked, f"devices/{ID}/action{query}", {})
    assert (status, told) == (400, code)
    assert "action_id" in message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"secret": "1234567"}, "secret"),
        ({"secret": "s" * 33}, "secret"),
        ({"secret": "1234567 "}, "secret"),
        ({"secret": 12345678}, "secret"),
        ({"secret_type": "primary"}, "secret_type"),
        ({"secret_type": "TERTIARY"}, "secret_type"),
        ({"force_disconnect": "true"}, "force_disconnect"),
    ],
)
async def test_field_out_of_bounds_is_named(stocked: Api, body: dict[str, Any], field: str):
    await stocked.create_device()
    status, code, message = await refused(stocked, RESET, body)
    assert (status, code) == (400, "IOTDA.000006")
    assert message.startswith(f"Invalid input data. {field}: ")
    assert str(body.get("secret", "-")) not in message


async def test_coap_devices_take_hex_secrets_and_no_secondary(stocked: Api):
    await stocked.create_product(product_id="nb", protocol_type="CoAP")
    await stocked.create_device(product_id="nb", device_id=ID)
    for body in ({"secret": "not-hexadecimal"}, {"secret": "123456789"}, {"secret_type": "SECONDARY"}):
        assert (await refused(stocked, RESET, body))[:2] == (400, "IOTDA.000006")
    assert (await stocked.post(RESET, {"secret": "0123456789abcdef"})).status_code == 200


async def test_certificate_device_has_no_secret_to_reset(stocked: Api):
    await certificate_device(stocked)
    assert (await refused(stocked, RESET, {}))[:2] == (400, "IOTDA.000006")


@pytest.mark.parametrize("path", [RESET, RESET_FINGERPRINT])
async def test_device_that_is_not_there_is_a_404(stocked: Api, path: str):
    assert (await refused(stocked, path, {}))[:2] == (404, "IOTDA.014000")


async def test_secrets_are_in_no_audit_entry_and_no_log(stocked: Api):
    await stocked.create_device()
    with capture_logs() as logs:
        given = (await stocked.post(RESET, {"secret": "given-secret"})).json()["secret"]
        allocated = (await stocked.post(RESET, {"secret_type": "SECONDARY"})).json()["secret"]
    audit = (await stocked.get("keyturn/audit")).json()["entries"]
    assert [entry["action"] for entry in audit[:2]] == ["device.reset-secret"] * 2
    assert audit[0]["detail"] == {
        "secret_type": "SECONDARY",
        "force_disconnect": False,
        "before": {"generation": 2, "is_set": False},
        "after": {"generation": 3, "is_set": True},
    }
    for secret in (given, allocated):
        assert secret not in f"{audit} {logs}"


# ResetFingerprint


async def test_fingerprints_are_given_and_emptied(stocked: Api):
    await certificate_device(stocked, fingerprint="cd" * 20)
    given = await stocked.post(RESET_FINGERPRINT, {"fingerprint": FINGERPRINT, "fingerprint_type": "SECONDARY"})
    assert given.status_code == 200
    assert given.json() == {"device_id": ID, "fingerprint": FINGERPRINT.lower(), "fingerprint_type": "SECONDARY"}
    emptied = await stocked.post(RESET_FINGERPRINT, {})
    assert emptied.json() == {"device_id": ID, "fingerprint_type": "PRIMARY"}
    shown = (await stocked.get(f"devices/{ID}")).json()["auth_info"]
    assert "fingerprint" not in shown
    assert shown["secondary_fingerprint"] == FINGERPRINT.lower()
    assert stocked.bus.invalidations == [((ID,), False)] * 2


async def test_reset_fingerprint_ends_the_session_where_it_says_so(stocked: Api):
    await certificate_device(stocked)
    await stocked.post(RESET_FINGERPRINT, {"force_disconnect": True})
    assert stocked.bus.invalidations == [((ID,), True)]


async def test_certificate_belongs_to_one_device(stocked: Api):
    await certificate_device(stocked)
    other = {"auth_type": "CERTIFICATES", "fingerprint": FINGERPRINT}
    await stocked.create_device(node_id="n2", auth_info=other)
    body = {"fingerprint": FINGERPRINT.upper()}
    assert (await refused(stocked, RESET_FINGERPRINT, body))[:2] == (400, "IOTDA.090302")
    response = await stocked.post("devices", {"node_id": "n3", "product_id": "meters", "auth_info": other})
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.090302")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fingerprint": "ab"}, "fingerprint"),
        ({"fingerprint": "g" * 40}, "fingerprint"),
        ({"fingerprint": ""}, "fingerprint"),
        ({"fingerprint_type": "FIRST"}, "fingerprint_type"),
    ],
)
async def test_fingerprint_out_of_bounds_is_named(stocked: Api, body: dict[str, Any], field: str):
    await certificate_device(stocked)
    status, code, message = await refused(stocked, RESET_FINGERPRINT, body)
    assert (status, code) == (400, "IOTDA.000006")
    assert message.startswith(f"Invalid input data. {field}: ")


async def test_secret_device_has_no_fingerprint(stocked: Api):
    await stocked.create_device()
    assert (await refused(stocked, RESET_FINGERPRINT, {}))[:2] == (400, "IOTDA.000006")
