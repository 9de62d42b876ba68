"""The operations on certificates that devices have connected with, over the wire."""

import hashlib
from typing import Any

import httpx
import pytest

from engine.registry.certificates import read_device_certificate
from engine.registry.record import AuditEntry
from engine.registry.store_access import ApiToken, Role
from tests.api.conftest import NOW, OTHER_PROJECT, PROJECT, Api
from tests.helpers.certificates import Made, issue, make_ca

CA = make_ca()


async def seen(api: Api, name: str = "pump-1", project_id: str = PROJECT) -> tuple[Made, str]:
    """A certificate that a device has connected with, as the listener notes it; its id."""
    made = issue(CA, name)
    record_id = await api.store.allocate_record_id(NOW)
    noted = await api.store.certificates.note_device_certificate(
        read_device_certificate(made.der, project_id, record_id, NOW)
    )
    return made, noted.certificate_id


def refused(response: httpx.Response, status: int, code: str) -> str:
    assert (response.status_code, response.json()["error_code"]) == (status, code), response.text
    return response.json()["error_msg"]


async def test_a_device_certificate_is_shown_with_exactly_the_contract_s_fields(api: Api):
    made, certificate_id = await seen(api)
    summary = {
        "certificate_id": certificate_id,
        "common_name": "pump-1",
        "expiry_date": "20241113T221320Z",
        "fingerprint": made.fingerprint.upper(),
        "status": "ACTIVE",
    }

    shown = await api.get(f"device-certificates/{certificate_id}")
    listed = await api.get("device-certificates")

    assert (shown.status_code, shown.json()) == (200, {**summary, "certificate_pem": made.pem})
    assert listed.json() == {"device_certificates": [summary], "page": {"count": 1, "marker": certificate_id}}


async def test_lists_are_newest_first_and_filtered(api: Api):
    first, first_id = await seen(api, "pump-1")
    _, second_id = await seen(api, "pump-2")
    _, third_id = await seen(api, "valve (*)")
    await seen(api, "pump-3", OTHER_PROJECT)

    async def listed(**query: Any) -> list[str]:
        found = (await api.get("device-certificates", params=query)).json()
        return [certificate["certificate_id"] for certificate in found["device_certificates"]]

    assert await listed() == [third_id, second_id, first_id]
    assert await listed(common_name="pump-") == [second_id, first_id]
    assert await listed(common_name="valve (*") == [third_id]
    assert await listed(common_name="%") == []
    assert await listed(limit=1, offset=1) == [second_id]
    assert await listed(marker=second_id) == [first_id]
    for fingerprint in (first.fingerprint, first.fingerprint.upper()):
        assert await listed(fingerprint=fingerprint) == [first_id]
    assert await listed(fingerprint="a" * 40) == []


@pytest.mark.parametrize(
    "query",
    [
        {"common_name": "c" * 33},
        {"common_name": "a;b"},
        {"fingerprint": "a" * 39},
        {"fingerprint": "a" * 63},
        {"fingerprint": "g" * 64},
    ],
)
async def test_a_filter_past_its_bound_is_refused_by_name(api: Api, query: dict[str, str]):
    assert next(iter(query)) in refused(await api.get("device-certificates", params=query), 400, "IOTDA.000006")


async def test_a_certificate_is_deactivated_and_activated_again(api: Api):
    made, certificate_id = await seen(api)
    path = f"device-certificates/{certificate_id}"

    for status in ("INACTIVE", "ACTIVE"):
        answer = await api.call("PUT", path, json={"status": status})
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert answer.json()["certificate_pem"] == made.pem
        assert (await api.get(path)).json() == answer.json()
    entries = (await api.get("keyturn/audit", params={"target": certificate_id})).json()["entries"]
    assert [(entry["action"], entry["detail"].get("after")) for entry in entries] == [
        ("device-certificate.update", {"status": "ACTIVE"}),
        ("device-certificate.update", {"status": "INACTIVE"}),
        ("device-certificate.create", None),
    ]


async def test_live_session_ends_where_the_call_says_so(api: Api):
    made, certificate_id = await seen(api)
    for flag, closed in ((False, []), (None, []), (True, [(PROJECT, frozenset({made.fingerprint}))])):
        body = {"status": "INACTIVE", "force_disconnect": flag}
        assert (await api.call("PUT", f"device-certificates/{certificate_id}", json=body)).status_code == 200
        assert api.bus.certified_closed == closed


@pytest.mark.parametrize("body", [{}, {"status": "active"}, {"status": None}, {"status": "REVOKED"}])
async def test_there_are_two_states(api: Api, body: dict[str, Any]):
    _, certificate_id = await seen(api)

    refused(await api.call("PUT", f"device-certificates/{certificate_id}", json=body), 400, "IOTDA.000006")
    assert (await api.get(f"device-certificates/{certificate_id}")).json()["status"] == "ACTIVE"


async def test_a_deleted_record_is_gone(api: Api):
    _, certificate_id = await seen(api)

    deleted = await api.delete(f"device-certificates/{certificate_id}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(await api.get(f"device-certificates/{certificate_id}"), 404, "IOTDA.090405")


async def test_the_devices_of_a_certificate_are_listed(api: Api):
    await api.create_product()
    made, certificate_id = await seen(api)
    fingerprints = {"n1": made.fingerprint.upper(), "n2": "f" * 64}
    for node_id, fingerprint in fingerprints.items():
        auth_info = {"auth_type": "CERTIFICATES", "fingerprint": fingerprint}
        await api.create_device(node_id=node_id, auth_info=auth_info, device_name=f"Pump-{node_id}")

    answer = await api.post(f"device-certificates/{certificate_id}/list-device", {})

    assert answer.status_code == 200
    (device,) = answer.json()["devices"]
    assert device == {
        "app_id": "default",
        "device_id": "meters_n1",
        "node_id": "n1",
        "gateway_id": "meters_n1",
        "device_name": "Pump-n1",
        "product_id": "meters",
    }
    page = answer.json()["page"]
    assert page["count"] == 1
    path = f"device-certificates/{certificate_id}/list-device"
    after = await api.post(path, {"limit": 1, "marker": page["marker"], "offset": 0})
    assert after.json() == {"devices": [], "page": {"count": 1}}


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 51}, {"marker": "x"}, {"offset": 501}, {"limit": "10"}])
async def test_the_page_of_devices_has_the_bounds_of_every_page(api: Api, body: dict[str, Any]):
    _, certificate_id = await seen(api)

    answer = await api.post(f"device-certificates/{certificate_id}/list-device", body)

    assert next(iter(body)) in refused(answer, 400, "IOTDA.000006")


async def test_a_certificate_that_is_not_there_or_not_ours_is_not_found(api: Api):
    _, theirs = await seen(api, project_id=OTHER_PROJECT)

    for certificate_id in ("absent", theirs):
        path = f"device-certificates/{certificate_id}"
        refused(await api.get(path), 404, "IOTDA.090405")
        refused(await api.call("PUT", path, json={"status": "INACTIVE"}), 404, "IOTDA.090405")
        refused(await api.post(f"{path}/list-device", {}), 404, "IOTDA.090405")
        refused(await api.delete(path), 404, "IOTDA.090405")


async def test_who_may_only_read_sees_the_devices_of_a_certificate_and_changes_nothing(api: Api):
    """Their list is a POST, as the contract has it, but a reading one."""
    _, certificate_id = await seen(api)
    token = ApiToken(
        digest=hashlib.sha256(b"reader").digest(),
        project_id=PROJECT,
        name="reader",
        role=Role.READ_ONLY,
        reads_secrets=False,
        created_at=int(NOW),
    )
    entry = AuditEntry(at=NOW, project_id=PROJECT, actor="keyturn", action="token.create", target="reader")
    assert await api.store.access.add_api_token(token, entry) is None
    headers = {"X-Auth-Token": "reader"}
    path = f"device-certificates/{certificate_id}"

    assert (await api.post(f"{path}/list-device", {}, headers=headers)).status_code == 200
    refused(await api.call("PUT", path, json={"status": "INACTIVE"}, headers=headers), 403, "IOTDA.000022")
    refused(await api.delete(path, headers=headers), 403, "IOTDA.000022")
