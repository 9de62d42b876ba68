"""An outage of the registry at any point of a certificate operation changes nothing (see test_application.py)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from engine.registry.certificates import read_device_certificate
from engine.registry.store import PageRequest, Store
from engine.registry.store_certificates import DeviceCertificateFilter
from tests.api.conftest import NOW, PROJECT, Api, api_services, open_store, serve_test_api
from tests.helpers.certificates import NOW as CERTIFICATES_NOW
from tests.helpers.certificates import issue, make_ca
from tests.helpers.crls import make_crl, pem
from tests.helpers.faulty_store import FaultyStore

CA, NEW_CA = make_ca(), make_ca("New")
CRL, NEWER_CRL = (pem(make_crl(CA.certificate, CA.key, now=CERTIFICATES_NOW, number=number)) for number in (1, 2))


class Stock(NamedTuple):
    """What is there to work on: a CA with a CRL that is not verified, the proof for it, a device certificate."""

    ca_id: str
    proof: str
    device_certificate_id: str


Operation = Callable[[Api, Stock], Awaitable[httpx.Response]]

OPERATIONS: dict[str, tuple[Operation, int]] = {
    "add": (lambda api, _: api.post("certificates", {"content": NEW_CA.pem}), 201),
    "list": (lambda api, _: api.get("certificates"), 200),
    "show": (lambda api, stock: api.get(f"certificates/{stock.ca_id}"), 200),
    "update": (lambda api, stock: api.call("PUT", f"certificates/{stock.ca_id}", json={"ocsp_enable": True}), 200),
    "verify": (
        lambda api, stock: api.post(
            f"certificates/{stock.ca_id}/action?action_id=verify", {"verify_content": stock.proof}
        ),
        200,
    ),
    "set crl": (
        lambda api, stock: api.call("PUT", f"certificates/{stock.ca_id}/crl", json={"content": NEWER_CRL}),
        200,
    ),
    "set crl, forced": (
        lambda api, stock: api.call(
            "PUT", f"certificates/{stock.ca_id}/crl", json={"content": NEWER_CRL, "force_disconnect": True}
        ),
        200,
    ),
    "show crl": (lambda api, stock: api.get(f"certificates/{stock.ca_id}/crl"), 200),
    "delete crl": (lambda api, stock: api.delete(f"certificates/{stock.ca_id}/crl"), 204),
    "delete": (lambda api, stock: api.delete(f"certificates/{stock.ca_id}"), 204),
    "list device certificates": (lambda api, _: api.get("device-certificates"), 200),
    "show device certificate": (
        lambda api, stock: api.get(f"device-certificates/{stock.device_certificate_id}"),
        200,
    ),
    "update device certificate": (
        lambda api, stock: api.call(
            "PUT", f"device-certificates/{stock.device_certificate_id}", json={"status": "INACTIVE"}
        ),
        200,
    ),
    "delete device certificate": (
        lambda api, stock: api.delete(f"device-certificates/{stock.device_certificate_id}"),
        204,
    ),
    "list devices of certificate": (
        lambda api, stock: api.post(f"device-certificates/{stock.device_certificate_id}/list-device", {}),
        200,
    ),
}


async def stocked_with(store: Store) -> Stock:
    async with serve_test_api(api_services(store)) as api:
        ca = (await api.post("certificates", {"content": CA.pem})).json()
        crl_path = f"certificates/{ca['certificate_id']}/crl"
        assert (await api.call("PUT", crl_path, json={"content": CRL})).status_code == 200
    record_id = await store.allocate_record_id(NOW)
    certificate = read_device_certificate(issue(CA, "pump").der, PROJECT, record_id, NOW)
    await store.certificates.note_device_certificate(certificate)
    return Stock(ca["certificate_id"], issue(CA, ca["verify_code"]).pem, record_id)


async def contents(store: Store) -> tuple[Any, ...]:
    """All that these operations can change."""
    page = PageRequest(limit=50)
    return (
        (await store.certificates.list_cas(PROJECT, None, page)).certificates,
        (await store.certificates.list_device_certificates(PROJECT, DeviceCertificateFilter(), page)).certificates,
        await store.certificates.crls(),
        (await store.list_audit(PROJECT)).entries,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_outage_at_any_call_is_unavailable_and_changes_nothing(tmp_path: Path, operation: str):
    """The n-th call to the registry fails, for n = 1, 2, 3, ... until the operation makes fewer calls than that."""
    perform, ok = OPERATIONS[operation]
    store = await open_store(tmp_path)
    stock = await stocked_with(store)
    before = await contents(store)
    for fail_at in range(1, 10):
        faulty = FaultyStore(store, fail_at=fail_at)
        async with serve_test_api(api_services(faulty)) as api:
            response = await perform(api, stock)
        if not faulty.has_failed:
            break
        assert (response.status_code, response.json()["error_code"]) == (503, "IOTDA.090008"), f"call {fail_at}"
        assert await contents(store) == before
    assert response.status_code == ok
    assert fail_at > 2, "authentication and the operation are one call each at least"
    await store.close()
