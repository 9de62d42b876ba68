"""Who is asking: X-Auth-Token, signatures, roles; and that nothing else helps."""

import hashlib
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from engine.api import authentication
from engine.limits import Limits
from engine.registry.minting import mint_access_key, mint_api_token
from engine.registry.record import AuditEntry
from engine.registry.sealing import Sealer
from engine.registry.store_access import Role
from tests.api.conftest import (
    NOW,
    OTHER_PROJECT,
    OTHER_TOKEN,
    PROJECT,
    TOKEN,
    Api,
    api_services,
    open_store,
    serve_test_api,
)
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.signed import SignedCall, sign

PATHS = (
    "devices",
    "products",
    "devices/meters_n1",
    "keyturn/audit",
    "keyturn/devices/meters_n1/attempts",
    "keyturn/access-keys",
    "keyturn/tokens",
)
BODY = '{"node_id": "n1", "product_id": "meters"}'
Keys = tuple[str, str]


def audit_of(action: str, target: str) -> AuditEntry:
    return AuditEntry(at=NOW, project_id=PROJECT, actor="keyturn", action=action, target=target)


async def make_keys(
    api: Api, role: Role = Role.ADMIN, *, reads_secrets: bool = True, project_id: str = PROJECT
) -> Keys:
    """A new access key of the project, and its secret key."""
    key, secret_key = mint_access_key(
        project_id, role, reads_secrets=reads_secrets, sealer=api.services.sealer, random=os.urandom, now=NOW
    )
    store = api.services.store
    assert await store.access.add_access_key(key, audit_of("access-key.create", key.access_key)) is None
    return key.access_key, secret_key


async def make_token(api: Api, name: str, role: Role, *, reads_secrets: bool = True) -> str:
    token, text = mint_api_token(PROJECT, name, role, reads_secrets=reads_secrets, random=os.urandom, now=NOW)
    assert await api.store.access.add_api_token(token, audit_of("token.create", name)) is None
    return text


async def send(api: Api, call: SignedCall) -> httpx.Response:
    """The call as it stands, by a client that adds no signature of its own."""
    return await api.client.request(call.method, call.target, headers=call.headers, content=call.body)


def signed(method: str = "GET", path: str = "devices", *, keys: Keys, at: float = NOW, **parts: Any) -> SignedCall:
    """A call of the project, signed by the SDK's signer."""
    return sign(method, f"/v5/iot/{PROJECT}/{path}", at=at, keys=keys, **parts)


def refusal(response) -> dict[str, str]:
    """The body of a 401, without the id that differs each time."""
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "X-Auth-Token, SDK-HMAC-SHA256, V11-HMAC-SHA256"
    body = response.json()
    assert body.pop("request_id") == response.headers["x-request-id"]
    return body


async def test_the_owner_of_the_project_is_let_in(api: Api):
    assert (await api.get("devices")).status_code == 200
    other = await api.get(f"/v5/iot/{OTHER_PROJECT}/devices", headers={"X-Auth-Token": OTHER_TOKEN})
    assert other.status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_no_token_is_unauthenticated(api: Api, path: str):
    response = await api.client.get(f"/v5/iot/{PROJECT}/{path}")
    assert refusal(response) == {
        "error_code": "APIGW.0301",
        "error_msg": "Incorrect IAM authentication information.",
    }


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "\u00ff\u00fe"])
async def test_a_wrong_token_is_unauthenticated(api: Api, token: str):
    refusal(await api.get("devices", headers={"X-Auth-Token": token.encode("latin-1")}))


async def test_a_revoked_token_is_unauthenticated_at_once(api: Api):
    assert (await api.get("devices")).status_code == 200
    assert await api.store.access.revoke_api_token(PROJECT, "test", audit_of("token.revoke", "test")) is None
    refusal(await api.get("devices"))


async def test_another_project_and_an_unknown_one_are_answered_alike(api: Api):
    """Or anybody with a token could find out which projects exist."""
    anothers = await api.get(f"/v5/iot/{OTHER_PROJECT}/devices")
    unknown = await api.get("/v5/iot/no-such-project/devices")
    wrong_token = await api.get("devices", headers={"X-Auth-Token": "wrong"})
    assert refusal(anothers) == refusal(unknown) == refusal(wrong_token)


async def test_a_bad_token_is_not_saved_by_another_header(api: Api):
    headers = {"X-Auth-Token": "wrong", "Authorization": f"Bearer {TOKEN}", "X-Project-Id": PROJECT}
    refusal(await api.get("devices", headers=headers))


async def test_a_good_token_is_enough_beside_an_authorization_header(api: Api):
    """The SDK sends "Authorization: none" with a token (iotda-rest.md B.3)."""
    assert (await api.get("devices", headers={"Authorization": "none"})).status_code == 200


async def test_the_token_in_the_query_is_no_token(api: Api):
    refusal(await api.client.get(f"/v5/iot/{PROJECT}/devices", params={"X-Auth-Token": TOKEN}))


async def test_an_unauthenticated_body_is_not_waited_for(api: Api):
    """The answer comes although most of the announced body never does."""
    stream = await trio.open_tcp_stream("127.0.0.1", api.port)
    async with stream:
        await stream.send_all(
            f"POST /v5/iot/{PROJECT}/devices HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: wrong\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{".encode()
        )
        answer = b""
        with trio.fail_after(10):
            while b"APIGW.0301" not in answer:
                answer += await stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 401")


async def test_one_project_s_devices_and_products_are_not_another_s(stocked: Api):
    await stocked.create_device()
    headers = {"X-Auth-Token": OTHER_TOKEN}
    for path in ("devices/meters_n1", "products/meters", "keyturn/devices/meters_n1/attempts"):
        assert (await stocked.get(f"/v5/iot/{OTHER_PROJECT}/{path}", headers=headers)).status_code == 404
    for path in ("devices/meters_n1", "products/meters"):
        assert (await stocked.delete(f"/v5/iot/{OTHER_PROJECT}/{path}", headers=headers)).status_code == 404
    frozen = await stocked.post(f"/v5/iot/{OTHER_PROJECT}/devices/meters_n1/freeze", headers=headers)
    assert frozen.status_code == 404
    assert (await stocked.get("devices/meters_n1")).json()["status"] == "INACTIVE"
    assert stocked.bus.invalidations == []


@pytest.mark.parametrize("region", [None, "cn-north-4"])
async def test_a_signed_request_is_let_in_and_the_audit_names_its_access_key(stocked: Api, region: str | None):
    keys = await make_keys(stocked)

    made = await send(stocked, signed("POST", keys=keys, body=BODY, region=region))
    listed = await send(stocked, signed(keys=keys, query=[("limit", 5), ("node_id", "n")], region=region))

    assert made.status_code == 201
    assert [device["device_id"] for device in listed.json()["devices"]] == ["meters_n1"]
    ((_, entry), *_) = (await stocked.store.list_audit(PROJECT, target="meters_n1")).entries
    assert (entry.action, entry.actor) == ("device.create", f"access-key:{keys[0]}")


@pytest.mark.parametrize("region", [None, "cn-north-4"])
async def test_what_is_signed_wrongly_is_refused_alike_and_changes_nothing(stocked: Api, region: str | None):
    keys = await make_keys(stocked)
    others = await make_keys(stocked, project_id=OTHER_PROJECT)
    call = signed("POST", keys=keys, body=BODY, region=region)
    bodies = [
        refusal(await send(stocked, wrong))
        for wrong in (
            signed("POST", keys=(keys[0], others[1]), body=BODY, region=region),
            signed("POST", keys=("UNKNOWN0123456789ABC", keys[1]), body=BODY, region=region),
            signed("POST", keys=others, body=BODY, region=region),
            signed("POST", keys=keys, body=BODY, region=region, at=NOW - 901),
            signed("POST", keys=keys, body=BODY, region=region, at=NOW + 901),
            sign("POST", "/v5/iot/no-such-project/devices", at=NOW, keys=keys, body=BODY, region=region),
            call._replace(body=BODY.replace("n1", "n2").encode()),
            call._replace(path=f"/v5/iot/{PROJECT}/products"),
            call._replace(query="a=b"),
            call.changed(host="keyturn.example"),
            call.changed(content_type="application/json; charset=utf-8"),
            call.changed(x_security_token="temporary"),
            call.changed(x_sdk_content_sha256="UNSIGNED-PAYLOAD"),
            signed("POST", keys=keys, body=BODY, region=region, headers={"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"}),
            signed("POST", keys=keys, body=BODY, region=region, headers={"X-Sdk-Content-Sha256": "0" * 64}),
            call.changed(authorization=None),
        )
    ]

    assert all(body == bodies[0] for body in bodies)
    assert (await stocked.get("devices")).json()["page"]["count"] == 0
    assert (await send(stocked, call)).status_code == 201


async def test_the_signed_hash_of_the_body_may_be_said(stocked: Api):
    """Then it is what the signature covers, so the body is held against it."""
    keys = await make_keys(stocked)
    hashed = hashlib.sha256(BODY.encode()).hexdigest()
    call = signed("POST", keys=keys, body=BODY, headers={"X-Sdk-Content-Sha256": hashed})

    refusal(await send(stocked, call._replace(body=BODY.replace("n1", "n2").encode())))
    assert (await send(stocked, call)).status_code == 201


async def test_unsigned_headers_change_nothing(stocked: Api):
    keys = await make_keys(stocked)
    call = signed(keys=keys)

    extra = call.changed(x_project_id=OTHER_PROJECT, instance_id="i", x_http_method_override="DELETE")

    assert (await send(stocked, extra)).json() == (await send(stocked, call)).json()


async def test_a_bad_token_is_not_saved_by_a_good_signature(api: Api):
    call = signed(keys=await make_keys(api))

    refusal(await send(api, call.changed(x_auth_token="wrong")))
    assert (await send(api, call.changed(x_auth_token=TOKEN))).status_code == 200


async def test_a_revoked_access_key_is_unauthenticated_at_once(api: Api):
    keys = await make_keys(api)
    assert (await send(api, signed(keys=keys))).status_code == 200

    assert await api.store.access.revoke_access_key(PROJECT, keys[0], audit_of("access-key.revoke", keys[0])) is None

    refusal(await send(api, signed(keys=keys)))


async def test_derived_keys_are_for_the_region_that_is_configured(tmp_path: Path):
    store = await open_store(tmp_path)
    async with serve_test_api(api_services(store, region="cn-north-4")) as api:
        keys = await make_keys(api)
        assert (await send(api, signed(keys=keys, region="cn-north-4"))).status_code == 200
        refusal(await send(api, signed(keys=keys, region="eu-west-1")))
    await store.close()


@pytest.mark.parametrize("how", ["token", "signature"])
async def test_a_credential_revoked_while_the_body_trickles_in_opens_nothing(stocked: Api, how: str):
    """Whoever holds a request open across its revocation must not be let in by what was true at its first octet."""
    keys = await make_keys(stocked)
    if how == "token":
        headers = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nX-Auth-Token: {TOKEN}\r\n"
    else:
        call = signed("POST", keys=keys, body=BODY)
        headers = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
    stream = await trio.open_tcp_stream("127.0.0.1", stocked.port)
    async with stream:
        await stream.send_all(
            f"POST /v5/iot/{PROJECT}/devices HTTP/1.1\r\n{headers}Content-Length: {len(BODY)}\r\n"
            f"Connection: close\r\n\r\n{BODY[:-1]}".encode()
        )
        await trio.testing.wait_all_tasks_blocked(0.05)
        await stocked.store.access.revoke_access_key(PROJECT, keys[0], audit_of("access-key.revoke", keys[0]))
        await stocked.store.access.revoke_api_token(PROJECT, "test", audit_of("token.revoke", "test"))
        await stream.send_all(BODY[-1:].encode())
        answer = await stream.receive_some()

    assert answer.startswith(b"HTTP/1.1 401")
    assert await stocked.store.devices(PROJECT, ["meters_n1"]) == {}


@pytest.mark.parametrize("how", ["token", "signature"])
async def test_an_unknown_credential_asks_the_store_once(tmp_path: Path, how: str):
    real = await open_store(tmp_path)
    store = FaultyStore(real, fail_at=1_000)
    async with serve_test_api(api_services(store)) as api:  # type: ignore[arg-type] # it does what a Store does
        if how == "token":
            refusal(await api.get("devices", headers={"X-Auth-Token": "wrong"}))
        else:
            refusal(await send(api, signed("POST", keys=("UNKNOWN", "secret"), body=BODY)))
    assert store.calls == 1
    await real.close()


async def test_what_cannot_be_looked_up_is_unavailable_not_unauthenticated(tmp_path: Path):
    real = await open_store(tmp_path)
    store = FaultyStore(real, fail_at=1)
    async with serve_test_api(api_services(store)) as api:  # type: ignore[arg-type] # it does what a Store does
        assert (await send(api, signed(keys=("AK", "secret")))).status_code == 503
    await real.close()


async def test_an_unknown_access_key_costs_what_a_known_one_costs(api: Api, monkeypatch: pytest.MonkeyPatch):
    """The same look-up, the same unsealing, the same HMACs: else timing would tell which access keys exist."""
    keys = await make_keys(api)
    done: list[str] = []
    unseal, expected = Sealer.unseal, authentication.expected_signature

    def counted_unseal(sealer: Sealer, *arguments: Any) -> bytes:
        done.append("unseal")
        return unseal(sealer, *arguments)

    def counted_signature(*arguments: Any) -> bytes:
        done.append(f"sign with {len(arguments[-1])} octets")
        return expected(*arguments)

    monkeypatch.setattr(Sealer, "unseal", counted_unseal)
    monkeypatch.setattr(authentication, "expected_signature", counted_signature)
    work = []
    for wrong in ((keys[0], "wrong"), ("UNKNOWN0123456789ABC", "wrong")):
        done.clear()
        refusal(await send(api, signed("POST", keys=wrong, body=BODY)))
        work.append(list(done))

    assert work[0] == work[1] == ["unseal", "sign with 40 octets"]


async def test_a_body_that_is_too_large_is_not_held_to_be_hashed(tmp_path: Path):
    store = await open_store(tmp_path)
    async with serve_test_api(api_services(store, limits=Limits(api_body_bytes=1000))) as api:
        keys = await make_keys(api)
        answer = await send(api, signed("POST", keys=keys, body='"' + "x" * 1000 + '"'))
        assert (answer.status_code, answer.json()["error_code"]) == (413, "IOTDA.090003")
        assert (await send(api, signed("POST", keys=keys, body='"' + "x" * 900 + '"'))).status_code == 400
    await store.close()


CALLS_BY_ROLE = [
    ("GET", "devices", "", Role.READ_ONLY),
    ("GET", "devices/meters_n1", "", Role.READ_ONLY),
    ("GET", "keyturn/audit", "", Role.READ_ONLY),
    ("POST", "search/query-devices", '{"sql": "select * from device"}', Role.READ_ONLY),
    ("POST", "devices", BODY.replace("n1", "n2"), Role.OPERATOR),
    ("POST", "devices/meters_n1/freeze", "", Role.OPERATOR),
    ("DELETE", "devices/meters_n1", "", Role.OPERATOR),
    ("GET", "keyturn/access-keys", "", Role.ADMIN),
    ("GET", "keyturn/tokens", "", Role.ADMIN),
    ("POST", "keyturn/access-keys", '{"role": "read-only"}', Role.ADMIN),
    ("POST", "keyturn/tokens", '{"role": "read-only", "name": "t"}', Role.ADMIN),
    ("DELETE", "keyturn/tokens/test", "", Role.ADMIN),
]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "path", "body", "needed"), CALLS_BY_ROLE)
async def test_a_role_may_do_its_part_and_no_more(
    stocked: Api, role: Role, method: str, path: str, body: str, needed: Role
):
    await stocked.create_device()
    keys, token = await make_keys(stocked, role), await make_token(stocked, "limited", role)
    before = await stocked.store.list_audit(PROJECT)

    by_signature = await send(stocked, signed(method, path, keys=keys, body=body))

    if role.includes(needed):
        assert by_signature.status_code < 300, by_signature.text
        return
    headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
    by_token = await stocked.call(method, path, headers=headers, content=body)
    for refused in (by_signature, by_token):
        assert (refused.status_code, refused.json()["error_code"]) == (403, "IOTDA.000022")
    assert await stocked.store.list_audit(PROJECT) == before


async def test_secrets_are_shown_to_those_who_may_read_them(stocked: Api):
    made = await stocked.create_device(auth_info={"secret": "0123456789abcdef"})
    assert made["auth_info"]["secret"] == "0123456789abcdef"
    shown = {}
    for reads_secrets in (False, True):
        name = f"reads-{reads_secrets}"
        token = await make_token(stocked, name, Role.READ_ONLY, reads_secrets=reads_secrets)
        answer = await stocked.get("devices/meters_n1", headers={"X-Auth-Token": token})
        shown[reads_secrets] = answer.json()["auth_info"]

    assert "secret" not in shown[False]
    assert "secondary_secret" not in shown[False]
    assert shown[True]["secret"] == "0123456789abcdef"
    entries = (await stocked.store.list_audit(PROJECT, target="meters_n1")).entries
    assert [entry.action for _, entry in entries] == ["secret.read", "device.create"]
