"""The contract of who may call the API: projects, access keys, tokens, roles."""

import pytest

from engine.registry.sqlite import SqliteStore
from engine.registry.store import StoreRefusal
from engine.registry.store_access import Role
from tests.registry.contract import Contract, OpenStore
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, access_key, api_token, audit


class AccessContract(Contract):
    """What init, the API and the command line need."""

    async def test_access_keys_are_read_as_they_were_added(self, store: SqliteStore) -> None:
        least = access_key("AK-2", role=Role.READ_ONLY, reads_secrets=False, project_id=OTHER_PROJECT)
        for key in (access_key("AK-1"), least):
            assert await store.access.add_access_key(key, audit()) is None

        found = await store.access.access_keys(["AK-1", "absent", "AK-2"])

        assert found == {"AK-1": access_key("AK-1"), "AK-2": least}
        assert [key.actor for key in found.values()] == ["access-key:AK-1", "access-key:AK-2"]

    @pytest.mark.parametrize("asked", [1, 64, 65, 600])
    async def test_a_batch_of_any_size_answers_the_same_access_keys(self, store: SqliteStore, asked: int) -> None:
        await store.access.add_access_key(access_key(), audit())
        padding = [f"absent-{number}" for number in range(asked - 1)]

        assert await store.access.access_keys([*padding, "AK"]) == {"AK": access_key()}
        assert await store.access.access_keys(padding) == {}

    async def test_revoked_access_key_is_gone_and_its_secret_key_with_it(self, store: SqliteStore) -> None:
        for name in ("AK-1", "AK-2"):
            await store.access.add_access_key(access_key(name), audit())

        assert await store.access.revoke_access_key(PROJECT, "AK-1", audit()) is None

        assert await store.access.access_keys(["AK-1", "AK-2"]) == {"AK-2": access_key("AK-2")}
        assert await store.access.list_access_keys(PROJECT) == [access_key("AK-2")]
        again = await store.access.revoke_access_key(PROJECT, "AK-1", audit())
        assert again is StoreRefusal.ACCESS_KEY_ABSENT

    async def test_access_key_is_revoked_by_its_own_project_alone(self, store: SqliteStore) -> None:
        await store.access.add_access_key(access_key(), audit())

        refusal = await store.access.revoke_access_key(OTHER_PROJECT, "AK", audit())

        assert refusal is StoreRefusal.ACCESS_KEY_ABSENT
        assert set(await store.access.access_keys(["AK"])) == {"AK"}

    async def test_access_keys_and_tokens_are_listed_newest_first_and_by_project(self, store: SqliteStore) -> None:
        for age, name in enumerate("cab"):
            await store.access.add_access_key(access_key(name, created_at=NOW - age), audit())
            await store.access.add_api_token(api_token(name, created_at=NOW - age), audit())
        await store.access.add_access_key(access_key("d", project_id=OTHER_PROJECT), audit())
        await store.access.add_api_token(api_token("d", project_id=OTHER_PROJECT), audit())
        await store.access.revoke_api_token(PROJECT, "a", audit())

        assert [key.access_key for key in await store.access.list_access_keys(PROJECT)] == ["c", "a", "b"]
        assert [token.name for token in await store.access.list_api_tokens(PROJECT)] == ["c", "b"]
        assert await store.access.list_access_keys("absent") == []

    async def test_token_opens_its_project_until_it_is_revoked(self, store: SqliteStore) -> None:
        token = api_token(digest=bytes(range(32)), role=Role.OPERATOR, reads_secrets=False)
        assert await store.access.add_api_token(token, audit()) is None

        found = await store.api_token(token.digest)
        assert found == token
        assert found.actor == "token:00010203"
        assert await store.api_token(bytes(32)) is None
        assert await store.access.revoke_api_token(PROJECT, "init", audit()) is None
        assert await store.api_token(token.digest) is None
        assert await store.access.revoke_api_token(PROJECT, "init", audit()) is StoreRefusal.TOKEN_ABSENT

    async def test_revoked_token_never_comes_back_but_its_name_may(self, store: SqliteStore) -> None:
        first, second = api_token("init"), api_token("init", digest=bytes(32))
        await store.access.add_api_token(first, audit())

        assert await store.access.add_api_token(second, audit()) is StoreRefusal.TOKEN_EXISTS
        await store.access.revoke_api_token(PROJECT, "init", audit())
        again = api_token("again", digest=first.digest)
        assert await store.access.add_api_token(again, audit()) is StoreRefusal.TOKEN_EXISTS
        assert await store.access.add_api_token(second, audit()) is None

    async def test_administration_is_refused_with_its_reason(self, store: SqliteStore) -> None:
        elsewhere = access_key(project_id="absent"), api_token(project_id="absent")
        assert await store.create_project(PROJECT) is StoreRefusal.PROJECT_EXISTS
        assert await store.access.add_access_key(elsewhere[0], audit()) is StoreRefusal.PROJECT_ABSENT
        assert await store.access.add_api_token(elsewhere[1], audit()) is StoreRefusal.PROJECT_ABSENT
        assert await store.access.add_access_key(access_key(), audit()) is None
        taken = access_key(project_id=OTHER_PROJECT)
        assert await store.access.add_access_key(taken, audit()) is StoreRefusal.ACCESS_KEY_EXISTS

    async def test_a_project_has_only_so_many_access_keys_and_tokens(self, open_store: OpenStore) -> None:
        store = await open_store(project_access_keys=2, project_api_tokens=2)
        for name in "ab":
            assert await store.access.add_access_key(access_key(name), audit()) is None
            assert await store.access.add_api_token(api_token(name), audit()) is None

        assert await store.access.add_access_key(access_key("c"), audit()) is StoreRefusal.TOO_MANY_ACCESS_KEYS
        assert await store.access.add_api_token(api_token("c"), audit()) is StoreRefusal.TOO_MANY_TOKENS
        elsewhere = access_key("c", project_id=OTHER_PROJECT), api_token("c", project_id=OTHER_PROJECT)
        assert await store.access.add_access_key(elsewhere[0], audit()) is None
        assert await store.access.add_api_token(elsewhere[1], audit()) is None
        await store.access.revoke_access_key(PROJECT, "a", audit())
        await store.access.revoke_api_token(PROJECT, "a", audit())
        assert await store.access.add_access_key(access_key("e"), audit()) is None
        assert await store.access.add_api_token(api_token("e"), audit()) is None

    async def test_every_change_of_access_writes_its_audit_entry_and_a_refused_one_none(
        self, store: SqliteStore
    ) -> None:
        before = len((await store.list_audit(PROJECT)).entries)
        await store.access.add_access_key(access_key(), audit("access-key.create", "AK"))
        await store.access.add_access_key(access_key(), audit("access-key.create", "AK"))
        await store.access.add_api_token(api_token(), audit("token.create", "init"))
        await store.access.revoke_api_token(PROJECT, "absent", audit("token.revoke", "absent"))
        await store.access.revoke_api_token(PROJECT, "init", audit("token.revoke", "init"))
        await store.access.revoke_access_key(PROJECT, "AK", audit("access-key.revoke", "AK"))

        entries = (await store.list_audit(PROJECT)).entries

        assert [(entry.action, entry.target) for _sequence, entry in entries][: len(entries) - before] == [
            ("access-key.revoke", "AK"),
            ("token.revoke", "init"),
            ("token.create", "init"),
            ("access-key.create", "AK"),
        ]
