"""Access keys and tokens over the API: shown once, given by admins, gone when the call returns."""

import re

import pytest

from tests.api.conftest import NOW, OTHER_PROJECT, OTHER_TOKEN, PROJECT, TOKEN, Api
from tests.helpers.signed import sign


async def lists_devices(api: Api, made: dict[str, str]) -> int:
    """The status of a call with a new credential."""
    if "token" in made:
        return (await api.get("devices", headers={"X-Auth-Token": made["token"]})).status_code
    call = sign("GET", f"/v5/iot/{PROJECT}/devices", at=NOW, keys=(made["access_key"], made["secret_key"]))
    return (await api.client.get(call.path, headers=call.headers)).status_code


async def test_an_access_key_works_until_it_is_revoked(api: Api):
    response = await api.post("keyturn/access-keys", {"role": "operator"})
    made = response.json()

    assert response.status_code == 201
    assert re.fullmatch(r"[A-Z0-9]{20}", made["access_key"])
    assert re.fullmatch(r"[A-Za-z0-9]{40}", made["secret_key"])
    assert (made["role"], made["read_secrets"], made["create_time"]) == ("operator", False, "20231114T221320Z")
    assert await lists_devices(api, made) == 200
    assert (await api.delete(f"keyturn/access-keys/{made['access_key']}")).status_code == 204
    assert await lists_devices(api, made) == 401


async def test_a_token_works_until_it_is_revoked(api: Api):
    body = {"name": "ci", "role": "read-only", "read_secrets": True}
    response = await api.post("keyturn/tokens", body)
    made = response.json()

    assert response.status_code == 201
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made["token"])
    assert {field: made[field] for field in body} == body
    assert await lists_devices(api, made) == 200
    assert (await api.delete("keyturn/tokens/ci")).status_code == 204
    assert await lists_devices(api, made) == 401


async def test_lists_show_everything_but_the_secrets(api: Api):
    key = (await api.post("keyturn/access-keys", {"role": "operator"})).json()
    token = (await api.post("keyturn/tokens", {"name": "ci", "role": "admin"})).json()
    del key["secret_key"], token["token"]

    assert (await api.get("keyturn/access-keys")).json() == {"access_keys": [key]}
    listed = (await api.get("keyturn/tokens")).json()["tokens"]
    assert token in listed
    assert [one["name"] for one in listed] == ["ci", "test"]
    other = {"X-Auth-Token": OTHER_TOKEN}
    assert (await api.get(f"/v5/iot/{OTHER_PROJECT}/keyturn/access-keys", headers=other)).json() == {"access_keys": []}


async def test_another_project_s_credentials_cannot_be_revoked(api: Api):
    key = (await api.post("keyturn/access-keys", {"role": "operator"})).json()
    other = {"X-Auth-Token": OTHER_TOKEN}

    answer = await api.delete(f"/v5/iot/{OTHER_PROJECT}/keyturn/access-keys/{key['access_key']}", headers=other)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "IOTDA.090201")
    assert await lists_devices(api, key) == 200


async def test_changes_are_audited_without_secrets(api: Api):
    key = (await api.post("keyturn/access-keys", {"role": "operator", "read_secrets": True})).json()
    token = (await api.post("keyturn/tokens", {"name": "ci", "role": "read-only"})).json()
    await api.delete("keyturn/tokens/ci")
    await api.delete(f"keyturn/access-keys/{key['access_key']}")

    answer = await api.get("keyturn/audit?limit=4")

    assert [(entry["action"], entry["target"], entry["detail"]) for entry in answer.json()["entries"]] == [
        ("access-key.revoke", key["access_key"], {}),
        ("token.revoke", "ci", {}),
        ("token.create", "ci", {"role": "read-only", "read_secrets": False}),
        ("access-key.create", key["access_key"], {"role": "operator", "read_secrets": True}),
    ]
    assert key["secret_key"] not in answer.text
    assert token["token"] not in answer.text


async def test_nobody_gives_the_permission_that_it_does_not_have(api: Api):
    limited = (await api.post("keyturn/tokens", {"name": "limited", "role": "admin"})).json()["token"]
    headers = {"X-Auth-Token": limited}

    for path, body in (("access-keys", {}), ("tokens", {"name": "t"})):
        body |= {"role": "read-only", "read_secrets": True}
        answer = await api.post(f"keyturn/{path}", body, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "IOTDA.000022")
        assert (await api.post(f"keyturn/{path}", body | {"read_secrets": False}, headers=headers)).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("access-keys", {}, 400, "IOTDA.000006"),
        ("access-keys", {"role": "owner"}, 400, "IOTDA.000006"),
        ("access-keys", {"role": "admin", "read_secrets": "yes"}, 400, "IOTDA.000006"),
        ("tokens", {"role": "admin"}, 400, "IOTDA.000006"),
        ("tokens", {"role": "admin", "name": ""}, 400, "IOTDA.000006"),
        ("tokens", {"role": "admin", "name": "a/b"}, 400, "IOTDA.000006"),
        ("tokens", {"role": "admin", "name": "x" * 65}, 400, "IOTDA.000006"),
        ("tokens", {"role": "admin", "name": "test"}, 400, "IOTDA.090204"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_made(
    api: Api, path: str, body: dict[str, object], status: int, code: str
):
    before = (await api.get(f"keyturn/{path}")).json()

    answer = await api.post(f"keyturn/{path}", body)

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert (await api.get(f"keyturn/{path}")).json() == before


async def test_an_unknown_credential_is_not_found(api: Api):
    for path, code in (("access-keys/ABC", "IOTDA.090201"), ("tokens/absent", "IOTDA.090203")):
        answer = await api.delete(f"keyturn/{path}")
        assert (answer.status_code, answer.json()["error_code"]) == (404, code)


async def test_a_project_has_only_so_many(api: Api):
    for path, code in (("access-keys", "IOTDA.090202"), ("tokens", "IOTDA.090205")):
        answers = [await api.post(f"keyturn/{path}", {"role": "read-only", "name": f"t{n}"}) for n in range(101)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert {(answer.status_code, answer.json()["error_code"]) for answer in refused} == {(403, code)}
        assert len(refused) == (1 if path == "access-keys" else 2)  # the test's own token is one more


async def test_a_caller_may_revoke_itself(api: Api):
    assert (await api.delete("keyturn/tokens/test")).status_code == 204
    assert (await api.get("devices", headers={"X-Auth-Token": TOKEN})).status_code == 401
