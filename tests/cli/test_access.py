"""Access keys and tokens: the same through a node that serves and, when none does, in the registry itself."""

import json
from pathlib import Path

import msgspec
import pytest

from engine.cli.access import Access, open_access
from engine.cli.application import run
from engine.cli.client import ApiClient
from engine.config import read_address
from engine.errors import UsageError
from engine.node.data_directory import DataLock, read_credentials
from engine.registry.store_access import Role
from tests.helpers.nodes import serve_process


@pytest.fixture(params=["api", "store"])
def access(request: pytest.FixtureRequest) -> Access:
    """Both ways."""
    return open_access(request.getfixturevalue("served" if request.param == "api" else "data"))


def test_access_keys_are_made_listed_and_revoked(access: Access) -> None:
    before = access.list_access_keys()
    made = access.create_access_key(Role.OPERATOR, read_secrets=True)

    assert made.secret_key is not None
    assert len(made.secret_key) == 40
    assert (made.role, made.read_secrets) == (Role.OPERATOR, True)
    (listed,) = [key for key in access.list_access_keys() if key.access_key == made.access_key]
    assert listed.secret_key is None
    access.revoke_access_key(made.access_key)
    assert access.list_access_keys() == before
    with pytest.raises(UsageError, match="access key"):
        access.revoke_access_key(made.access_key)


def test_tokens_are_made_listed_and_revoked(access: Access) -> None:
    made = access.create_token("ci", Role.READ_ONLY, read_secrets=False)

    assert made.token is not None
    assert len(made.token) == 43
    assert [(token.name, token.role, token.token) for token in access.list_tokens() if token.name == "ci"] == [
        ("ci", Role.READ_ONLY, None)
    ]
    with pytest.raises(UsageError, match="name"):
        access.create_token("ci", Role.READ_ONLY, read_secrets=False)
    access.revoke_token("ci")
    assert "ci" not in [token.name for token in access.list_tokens()]
    with pytest.raises(UsageError, match="token"):
        access.revoke_token("ci")


def test_a_token_s_name_is_checked_both_ways(access: Access) -> None:
    """A name with a slash could be made and then never be revoked over the API."""
    with pytest.raises(UsageError, match="name"):
        access.create_token("a/b", Role.ADMIN, read_secrets=False)


def test_what_is_made_without_a_node_works_on_the_next_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way back in when the last admin's token is revoked: whoever may write the data directory may make another."""
    on = ("--data", str(data))
    assert run(["token", "revoke", "init", *on]) == 0
    assert run(["token", "create", "--name", "again", "--role", "admin", "--json", *on]) == 0
    made = json.loads(capsys.readouterr().out)
    with serve_process(data) as node:
        address, old = read_address(node.addresses["api"], "api"), read_credentials(data)
        with pytest.raises(UsageError, match=r"APIGW\.0301"):
            ApiClient(address, old).get("/products")
        again = msgspec.structs.replace(old, token=made["token"])
        assert ApiClient(address, again).get("/products")["products"] == []


def test_a_data_directory_in_use_is_not_written(data: Path) -> None:
    access = open_access(data)

    with DataLock(data), pytest.raises(UsageError, match="another keyturn process"):
        access.create_access_key(Role.ADMIN, read_secrets=False)


def test_what_is_done_without_a_node_is_audited(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    access = open_access(data)
    made = access.create_access_key(Role.ADMIN, read_secrets=False)
    access.revoke_access_key(made.access_key)

    assert run(["audit", "--json", "--limit", "2", "--data", str(data)]) == 0

    entries = json.loads(capsys.readouterr().out)
    assert [(entry["actor"], entry["action"], entry["target"]) for entry in entries] == [
        ("keyturn", "access-key.revoke", made.access_key),
        ("keyturn", "access-key.create", made.access_key),
    ]
