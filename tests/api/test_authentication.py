"""X-Auth-Token: whose it is, and that nothing else helps."""

import pytest
import trio

from tests.api.conftest import OTHER_PROJECT, OTHER_TOKEN, PROJECT, TOKEN, Api

PATHS = ("devices", "products", "devices/meters_n1", "keyturn/audit", "keyturn/devices/meters_n1/attempts")


def refusal(response) -> dict[str, str]:
    """The body of a 401, without the id that differs each time."""
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "X-Auth-Token"
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
    assert await api.store.revoke_api_token(PROJECT, "test") is None
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
