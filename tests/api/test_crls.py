"""The CRL operations, over the wire, with real lists."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.conftest import OTHER_PROJECT, OTHER_TOKEN, PROJECT, Api
from tests.api.test_certificates import add, add_verified, audit_of, refused
from tests.helpers.certificates import KEY, NOW, Made, issue, make_ca
from tests.helpers.crls import make_crl, pem

CA = make_ca()
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def crl(ca: Made = CA, *revoked: int, **fields: Any) -> str:
    return pem(make_crl(ca.certificate, ca.key, *revoked, now=NOW, **fields))


async def put(api: Api, certificate_id: str, content: str, **fields: Any) -> httpx.Response:
    return await api.call("PUT", f"certificates/{certificate_id}/crl", json={"content": content, **fields})


async def test_crl_is_set_shown_and_deleted_and_every_step_is_audited_and_told(api: Api):
    certificate_id = await add_verified(api, CA)
    told = api.bus.certificate_invalidations
    content = crl(CA, 7, 8, number=2**70)
    response = await put(api, certificate_id, content)
    expected = {
        "certificate_id": certificate_id,
        "crl_number": str(2**70),
        "this_update": "20231114T211320Z",
        "next_update": "20231115T221320Z",
        "upload_date": "20231114T221320Z",
        "revoked": 2,
    }
    assert (response.status_code, response.json()) == (200, expected)
    shown = await api.get(f"certificates/{certificate_id}/crl")
    assert shown.json() == {**expected, "content": content}
    assert api.bus.certificate_invalidations == told + 1
    assert (await api.delete(f"certificates/{certificate_id}/crl")).status_code == 204
    assert api.bus.certificate_invalidations == told + 2
    refused(await api.get(f"certificates/{certificate_id}/crl"), 404, "IOTDA.090409")
    refused(await api.delete(f"certificates/{certificate_id}/crl"), 404, "IOTDA.090409")
    deleted, made = (await audit_of(api, certificate_id))[:2]
    assert deleted == ("certificate.delete-crl", {})
    numbers = {name: expected[name] for name in ("crl_number", "this_update", "next_update", "revoked")}
    assert made == ("certificate.set-crl", {**numbers, "force_disconnect": False})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("nonsense", "not an X.509 CRL"),
        (CA.pem, "one CRL"),
        (crl(make_ca("Other")), "issuer is not the subject"),
        (crl(make_ca(key=OTHER_KEY)), "not by this CA's key"),
        (crl(ends=0), "not in force"),
        (crl(begins=1), "not in force"),
        (CA.key_pem + crl(), "private key"),
    ],
)
async def test_what_would_revoke_nothing_or_everything_is_refused(api: Api, content: str, why: str):
    certificate_id = await add_verified(api, CA)
    response = await put(api, certificate_id, content)
    assert why in refused(response, 400, "IOTDA.090410")
    refused(await api.get(f"certificates/{certificate_id}/crl"), 404, "IOTDA.090409")


async def test_older_crl_and_one_too_many_bytes_are_refused(api: Api):
    certificate_id = await add_verified(api, CA)
    assert (await put(api, certificate_id, crl(number=2))).status_code == 200
    refused(await put(api, certificate_id, crl(number=1)), 400, "IOTDA.090411")
    refused(await put(api, certificate_id, crl(number=3, begins=-2)), 400, "IOTDA.090411")
    await api.delete(f"certificates/{certificate_id}/crl")
    assert (await put(api, certificate_id, crl(number=1))).status_code == 200, "a person's decision, and audited"
    most = api.services.limits.crl_bytes
    many = crl(CA, *range(2**150, 2**150 + most // 30))
    assert "larger than" in refused(await put(api, certificate_id, many), 400, "IOTDA.090410")


async def test_crl_of_a_certificate_that_is_not_there_is_not_found(api: Api):
    for response in (await put(api, "absent", crl()), await api.get("certificates/absent/crl")):
        refused(response, 404, "IOTDA.090401")
    refused(await api.delete("certificates/absent/crl"), 404, "IOTDA.090401")


async def test_live_sessions_end_where_the_call_says_so_those_by_way_of_its_issuer_too(api: Api):
    extensions = [extension.value for extension in CA.certificate.extensions]
    low = issue(CA, "Low CA", key=OTHER_KEY, extensions=extensions)
    unrelated = make_ca("Unrelated", key=OTHER_KEY)
    for ca in (CA, unrelated):
        await add_verified(api, ca)
    certificate_id = await add_verified(api, low)
    for flag, closed in ((False, []), (None, []), (True, [(PROJECT, frozenset({CA.fingerprint, low.fingerprint}))])):
        api.bus.certified_closed.clear()
        assert (await put(api, certificate_id, crl(low), force_disconnect=flag)).status_code == 200
        assert api.bus.certified_closed == closed


async def test_removed_ca_ends_live_sessions_where_the_call_says_so(api: Api):
    for query, closed in (({}, []), ({"force_disconnect": "true"}, [(PROJECT, frozenset({CA.fingerprint}))])):
        certificate_id = await add_verified(api, CA)
        deleted = await api.call("DELETE", f"certificates/{certificate_id}", params=query)
        assert deleted.status_code == 204
        assert api.bus.certified_closed == closed
        assert (await audit_of(api, certificate_id))[0][1]["force_disconnect"] is bool(closed)


async def test_look_alike_of_another_project_s_ca_cannot_be_verified(api: Api):
    theirs = make_ca("FLEET ca", key=KEY)
    mine = make_ca("Fleet CA", key=OTHER_KEY)
    await verify_elsewhere(api, theirs)
    added = await add(api, mine)
    proof = {"verify_content": issue(mine, added["verify_code"]).pem}
    response = await api.post(f"certificates/{added['certificate_id']}/action?action_id=verify", proof)
    assert "subject" in refused(response, 403, "IOTDA.090408")
    assert (await api.get(f"certificates/{added['certificate_id']}")).json()["status"] is False


async def verify_elsewhere(api: Api, ca: Made) -> None:
    """As the other project's own calls would."""
    headers = {"X-Auth-Token": OTHER_TOKEN}
    path = f"/v5/iot/{OTHER_PROJECT}/certificates"
    made = (await api.post(path, {"content": ca.pem}, headers=headers)).json()
    proof = {"verify_content": issue(ca, made["verify_code"]).pem}
    response = await api.post(f"{path}/{made['certificate_id']}/action?action_id=verify", proof, headers=headers)
    assert response.status_code == 200, response.text
