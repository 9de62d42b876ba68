"""The device CA operations, over the wire, with real certificates."""

import re
from typing import Any

import httpx
import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec

from engine.registry.record import CaCertificate
from engine.registry.store import NEWEST
from tests.api.conftest import NOW, OTHER_PROJECT, OTHER_TOKEN, PROJECT, Api
from tests.helpers.certificates import Made, issue, make_ca

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
RECORD_ID = re.compile(r"[0-9a-f]{24}")
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]


async def add(api: Api, ca: Made, **fields: Any) -> dict[str, Any]:
    """The certificate as AddCertificate answers it."""
    response = await api.post("certificates", {"content": ca.pem, **fields})
    assert response.status_code == 201, response.text
    return response.json()


async def verify(api: Api, certificate_id: str, content: str, action_id: str | None = "verify") -> httpx.Response:
    query = {} if action_id is None else {"action_id": action_id}
    return await api.post(f"certificates/{certificate_id}/action", {"verify_content": content}, params=query)


async def add_verified(api: Api, ca: Made) -> str:
    added = await add(api, ca)
    assert (await verify(api, added["certificate_id"], issue(ca, added["verify_code"]).pem)).status_code == 200
    return added["certificate_id"]


async def audit_of(api: Api, target: str) -> list[tuple[str, Any]]:
    """Action and detail of the project's audit entries about it, newest first."""
    entries = (await api.get("keyturn/audit", params={"target": target})).json()["entries"]
    return [(entry["action"], entry["detail"]) for entry in entries]


def refused(response: httpx.Response, status: int, code: str) -> str:
    """The message of a refusal, which must be this one."""
    assert (response.status_code, response.json()["error_code"]) == (status, code), response.text
    return response.json()["error_msg"]


async def test_an_uploaded_ca_is_answered_with_exactly_the_contract_s_fields(api: Api):
    ca = make_ca("Fleet CA", organization="Works")

    added = await add(api, ca, app_id="factory")

    assert RECORD_ID.fullmatch(added["certificate_id"])
    assert UUID.fullmatch(added["verify_code"])
    assert added == {
        "certificate_id": added["certificate_id"],
        "cn_name": "Fleet CA",
        "owner": "Works",
        "status": False,
        "verify_code": added["verify_code"],
        "provision_enable": False,
        "ocsp_enable": False,
        "ocsp_ssl_enable": False,
        "create_date": "20231114T221320Z",
        "effective_date": "20231113T221320Z",
        "expiry_date": "20241113T221320Z",
    }
    shown = (await api.get(f"certificates/{added['certificate_id']}")).json()
    assert shown == {**added, "name": "Fleet CA", "content": ca.pem}


async def test_verify_codes_are_never_given_twice(api: Api):
    first, second = await add(api, make_ca("A")), await add(api, make_ca("B"))

    assert first["verify_code"] != second["verify_code"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "content: is required"),
        ({"content": None}, "content: expected"),
        ({"content": 1}, "content: expected"),
        ({"content": ""}, "content: expected"),
        ({"content": "x" * 65536}, "content: expected"),
        ({"content": make_ca().pem, "app_id": "A" * 37}, "app_id: expected"),
        ({"content": make_ca().pem, "app_id": "a b"}, "app_id: expected"),
    ],
)
async def test_one_past_the_bound_is_refused_by_field(api: Api, body: dict[str, Any], named: str):
    message = refused(await api.post("certificates", body), 400, "IOTDA.000006")
    assert message.startswith(f"Invalid input data. {named}")
    assert (await api.get("certificates")).json() == {"certificates": [], "page": {"count": 0}}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("x" * 65535, "exactly one certificate"),
        (make_ca(ca=False, usage=None).pem, "CA=false"),
        (make_ca(usage=None).pem, "keyUsage is missing"),
        (make_ca().pem + make_ca("B").pem, "exactly one certificate"),
        (make_ca().der.decode("latin-1"), "exactly one certificate"),
        (make_ca().pem[:200], "X.509"),
    ],
)
async def test_what_is_no_device_ca_is_refused_and_nothing_is_kept(api: Api, content: str, why: str):
    response = await api.post("certificates", {"content": content})
    assert why in refused(response, 400, "IOTDA.014301")
    assert (await api.get("certificates")).json()["page"] == {"count": 0}


async def test_a_private_key_that_comes_along_is_neither_kept_nor_shown(api: Api, tmp_path: Any):
    """A person's mistake: the whole .pem file, key first. Not even the audit may remember it."""
    ca = make_ca()
    secret = ca.key_pem.splitlines()[1]

    response = await api.post("certificates", {"content": ca.key_pem + ca.pem})
    assert "private key" in refused(response, 400, "IOTDA.014301")
    assert secret not in response.text

    added = await add(api, ca)
    proof = issue(ca, added["verify_code"], key=ca.key)
    answer = await verify(api, added["certificate_id"], proof.pem + ca.key_pem)
    assert "private key" in refused(answer, 400, "IOTDA.014301")
    assert secret not in answer.text
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert ca.der in kept
    assert secret.encode() not in kept


async def test_text_around_a_certificate_is_not_kept(api: Api):
    ca = make_ca()

    added = (await api.post("certificates", {"content": f"Subject: <b>us</b>\n{ca.pem}\nend"})).json()

    assert (await api.get(f"certificates/{added['certificate_id']}")).json()["content"] == ca.pem


async def test_a_ca_is_uploaded_once_to_a_project(api: Api):
    ca = make_ca()
    added = await add(api, ca)

    refused(await api.post("certificates", {"content": ca.pem}), 400, "IOTDA.090402")
    elsewhere = {"X-Auth-Token": OTHER_TOKEN}
    other = await api.post(f"/v5/iot/{OTHER_PROJECT}/certificates", {"content": ca.pem}, headers=elsewhere)
    assert other.status_code == 201
    assert other.json()["verify_code"] != added["verify_code"]


async def test_a_project_has_a_hundred_cas_however_many_come_at_once(api: Api):
    statuses = []

    async def upload(number: int) -> None:
        statuses.append(await api.post("certificates", {"content": make_ca(f"CA {number}").pem}))

    async with trio.open_nursery() as nursery:
        for number in range(104):
            nursery.start_soon(upload, number)

    assert [response.status_code for response in statuses].count(201) == 100
    for response in statuses:
        if response.status_code != 201:
            refused(response, 400, "IOTDA.090403")
    assert (await api.get("certificates")).json()["page"]["count"] == 100


async def test_cas_are_listed_newest_first_by_resource_space(api: Api):
    ids = [(await add(api, make_ca(name), app_id=app))["certificate_id"] for name, app in (("a", "x"), ("b", "y"))]
    newest = (await add(api, make_ca("c")))["certificate_id"]

    async def listed(**query: Any) -> list[str]:
        found = (await api.get("certificates", params=query)).json()
        return [certificate["certificate_id"] for certificate in found["certificates"]]

    assert await listed() == [newest, *reversed(ids)]
    assert await listed(app_id="x") == ids[:1]
    assert await listed(app_id="default") == [newest]
    assert await listed(limit=1, offset=1) == ids[1:]
    assert await listed(marker=ids[1], limit=50) == ids[:1]
    assert await listed(marker=NEWEST) == [newest, *reversed(ids)]
    page = (await api.get("certificates", params={"limit": 2})).json()
    assert page["page"] == {"count": 3, "marker": ids[1]}
    assert "content" not in page["certificates"][0]
    refused(await api.get("certificates", params={"limit": 51}), 400, "IOTDA.000017")


async def test_a_certificate_issued_to_the_verify_code_verifies_the_ca(api: Api):
    ca = make_ca()
    added = await add(api, ca)
    path = f"certificates/{added['certificate_id']}"

    answer = await verify(api, added["certificate_id"], issue(ca, added["verify_code"], key=KEYS[0]).pem)

    assert (answer.status_code, answer.content) == (200, b"")
    assert (await api.get(path)).json() == {**added, "status": True, "name": "Fleet CA", "content": ca.pem}
    assert (await verify(api, added["certificate_id"], issue(ca, added["verify_code"]).pem)).status_code == 200
    assert [action for action, _detail in await audit_of(api, added["certificate_id"])] == [
        "certificate.verify",
        "certificate.create",
    ]


async def test_a_proof_to_another_name_or_by_another_key_verifies_nothing(api: Api):
    ca = make_ca()
    added = await add(api, ca)
    certificate_id, code = added["certificate_id"], added["verify_code"]
    impostor = make_ca(key=KEYS[1])

    refused(await verify(api, certificate_id, issue(ca, "somebody").pem), 400, "IOTDA.090404")
    refused(await verify(api, certificate_id, issue(impostor, code).pem), 400, "IOTDA.014308")
    refused(await verify(api, certificate_id, ca.pem), 400, "IOTDA.090404")
    refused(await verify(api, certificate_id, "garbage"), 400, "IOTDA.014301")
    refused(await verify(api, certificate_id, "x" * 65536), 400, "IOTDA.000006")
    refused(await verify(api, certificate_id, ""), 400, "IOTDA.000006")
    refused(await verify(api, certificate_id, issue(ca, code).pem, "remove"), 400, "IOTDA.000006")
    refused(await verify(api, certificate_id, issue(ca, code).pem, None), 400, "IOTDA.000006")

    assert (await api.get(f"certificates/{certificate_id}")).json()["status"] is False
    assert await api.store.certificates.verified_cas() == {}


async def test_the_proof_for_one_project_is_none_for_another(api: Api):
    """Each has its own verify code: what proved the key to one cannot be replayed to the other."""
    ca = make_ca()
    ours = await add(api, ca)
    elsewhere = {"X-Auth-Token": OTHER_TOKEN}
    theirs = (await api.post(f"/v5/iot/{OTHER_PROJECT}/certificates", {"content": ca.pem}, headers=elsewhere)).json()

    path = f"/v5/iot/{OTHER_PROJECT}/certificates/{theirs['certificate_id']}/action?action_id=verify"
    answer = await api.post(path, {"verify_content": issue(ca, ours["verify_code"]).pem}, headers=elsewhere)

    refused(answer, 400, "IOTDA.090404")


async def test_a_ca_that_expired_since_its_upload_is_not_verified(api: Api):
    ca = make_ca()
    added = await add(api, ca)
    api.hands.wall = NOW + 400 * 86400
    refused(await verify(api, added["certificate_id"], issue(ca, added["verify_code"]).pem), 400, "IOTDA.014308")
    refused(await api.post("certificates", {"content": make_ca("B").pem}), 400, "IOTDA.014301")


async def test_only_verified_cas_can_be_trusted_and_a_deleted_one_no_more(api: Api):
    await add(api, make_ca("Unverified"))
    verified_id = await add_verified(api, make_ca("Verified"))

    async def trusted() -> list[CaCertificate]:
        return list((await api.store.certificates.verified_cas([PROJECT])).get(PROJECT, []))

    assert [certificate.certificate_id for certificate in await trusted()] == [verified_id]
    assert (await api.delete(f"certificates/{verified_id}")).status_code == 204
    assert await trusted() == []


UPDATES = {
    "provision_enable": True,
    "template_id": "template-1",
    "ocsp_enable": True,
    "ocsp_ssl_enable": True,
    "ocsp_server_ca_id": "0123456789abcdef01234567",
}


async def put(api: Api, certificate_id: str, body: dict[str, Any]) -> httpx.Response:
    return await api.call("PUT", f"certificates/{certificate_id}", json=body)


@pytest.mark.parametrize("field", UPDATES)
async def test_an_update_changes_the_field_that_it_names_alone(api: Api, field: str):
    added = await add(api, make_ca())

    answer = await put(api, added["certificate_id"], {field: UPDATES[field]})

    assert (answer.status_code, answer.json()) == (200, {**added, field: UPDATES[field]})
    shown = (await api.get("certificates")).json()["certificates"]
    assert shown == [{**added, field: UPDATES[field]}]
    ((action, detail), _create) = await audit_of(api, added["certificate_id"])
    assert (action, detail["after"]) == ("certificate.update", {field: UPDATES[field]})


async def test_null_unbinds_the_template_and_the_ocsp_server_and_leaves_the_rest(api: Api):
    added = await add(api, make_ca())
    whole = (await put(api, added["certificate_id"], UPDATES)).json()
    assert whole == {**added, **UPDATES}

    assert (await put(api, added["certificate_id"], {})).json() == whole
    unbound = (await put(api, added["certificate_id"], dict.fromkeys(UPDATES))).json()

    assert unbound == {name: value for name, value in whole.items() if name not in ("template_id", "ocsp_server_ca_id")}


@pytest.mark.parametrize(
    "body",
    [
        {"provision_enable": "true"},
        {"ocsp_enable": 1},
        {"template_id": "t" * 37},
        {"template_id": "a b"},
        {"ocsp_server_ca_id": "o" * 37},
    ],
)
async def test_an_update_past_a_bound_changes_nothing(api: Api, body: dict[str, Any]):
    added = await add(api, make_ca())

    assert next(iter(body)) in refused(await put(api, added["certificate_id"], body), 400, "IOTDA.000006")
    assert (await api.get("certificates")).json()["certificates"] == [added]


async def test_an_update_does_not_replace_the_certificate(api: Api):
    """The contract's update has no PEM; fields that it does not name are ignored, as everywhere."""
    ca = make_ca()
    added = await add(api, ca)

    await put(api, added["certificate_id"], {"content": make_ca("B").pem, "status": True})

    shown = (await api.get(f"certificates/{added['certificate_id']}")).json()
    assert (shown["content"], shown["status"]) == (ca.pem, False)


async def test_a_certificate_that_is_not_there_or_not_ours_is_not_found(api: Api):
    headers = {"X-Auth-Token": OTHER_TOKEN}
    ca = make_ca()
    theirs = await api.post(f"/v5/iot/{OTHER_PROJECT}/certificates", {"content": ca.pem}, headers=headers)

    for certificate_id in ("absent", theirs.json()["certificate_id"]):
        path = f"certificates/{certificate_id}"
        refused(await api.get(path), 404, "IOTDA.090401")
        refused(await put(api, certificate_id, {"ocsp_enable": True}), 404, "IOTDA.090401")
        refused(await verify(api, certificate_id, issue(ca, "x").pem), 404, "IOTDA.090401")
        refused(await api.delete(path), 404, "IOTDA.090401")


async def test_a_deleted_ca_is_gone_and_may_be_uploaded_again(api: Api):
    ca = make_ca()
    added = await add(api, ca)

    deleted = await api.delete(f"certificates/{added['certificate_id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    refused(await api.get(f"certificates/{added['certificate_id']}"), 404, "IOTDA.090401")
    again = await add(api, ca)
    assert again["certificate_id"] != added["certificate_id"]
    assert again["verify_code"] != added["verify_code"]
    ((action, detail), _create) = await audit_of(api, added["certificate_id"])
    assert (action, detail) == (
        "certificate.delete",
        {"fingerprint": ca.fingerprint, "cn_name": "Fleet CA", "force_disconnect": False},
    )
