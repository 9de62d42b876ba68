"""Access keys and tokens in SQLite: an AccessStore, and its changes as functions of the writer's connection."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from engine.limits import Limits
from engine.registry.changes import append_audit, exists, has_project
from engine.registry.readers import Readers
from engine.registry.record import AuditEntry
from engine.registry.rows import Row
from engine.registry.store import StoreRefusal
from engine.registry.store_access import AccessKey, ApiToken, Role
from engine.registry.writer import Writer

_ROLES: Mapping[str, Role] = {role.value: role for role in Role}

# Both in the order of the Struct's fields; a WHERE clause is appended.
_SELECT_ACCESS_KEY = "SELECT access_key, project_id, sealed_secret_key, role, reads_secrets, created_at FROM access_key"
_SELECT_API_TOKEN = "SELECT digest, project_id, name, role, reads_secrets, created_at FROM api_token"


class SqliteAccess:
    """An AccessStore on the connections of a SqliteStore."""

    def __init__(self, readers: Readers, writer: Writer, limits: Limits) -> None:
        self._readers = readers
        self._writer = writer
        self._limits = limits

    async def access_keys(self, access_keys: Sequence[str]) -> Mapping[str, AccessKey]:
        """See AccessStore. No checkpoint for up to limits.inline_reads of them."""
        work = partial(_access_keys, access_keys=access_keys)
        if len(access_keys) > self._limits.inline_reads:
            return await self._readers.read_in_thread(work)
        return self._readers.read_inline(work)

    async def list_access_keys(self, project_id: str) -> Sequence[AccessKey]:
        """See AccessStore."""
        return await self._readers.read_in_thread(partial(_list_access_keys, project_id=project_id))

    async def add_access_key(self, key: AccessKey, audit: AuditEntry) -> StoreRefusal | None:
        """See AccessStore."""
        work = partial(add_access_key, key=key, most=self._limits.project_access_keys, audit=audit)
        return await self._writer.write(work)

    async def revoke_access_key(self, project_id: str, access_key: str, audit: AuditEntry) -> StoreRefusal | None:
        """See AccessStore."""
        work = partial(revoke_access_key, project_id=project_id, access_key=access_key, audit=audit)
        return await self._writer.write(work)

    async def list_api_tokens(self, project_id: str) -> Sequence[ApiToken]:
        """See AccessStore."""
        return await self._readers.read_in_thread(partial(_list_api_tokens, project_id=project_id))

    async def add_api_token(self, token: ApiToken, audit: AuditEntry) -> StoreRefusal | None:
        """See AccessStore."""
        work = partial(add_api_token, token=token, most=self._limits.project_api_tokens, audit=audit)
        return await self._writer.write(work)

    async def revoke_api_token(self, project_id: str, name: str, audit: AuditEntry) -> StoreRefusal | None:
        """See AccessStore."""
        work = partial(revoke_api_token, project_id=project_id, name=name, audit=audit)
        return await self._writer.write(work)


def add_access_key(connection: sqlite3.Connection, key: AccessKey, most: int, audit: AuditEntry) -> StoreRefusal | None:
    """PROJECT_ABSENT, ACCESS_KEY_EXISTS, TOO_MANY_ACCESS_KEYS."""
    if not has_project(connection, key.project_id):
        return StoreRefusal.PROJECT_ABSENT
    if exists(connection, "SELECT 1 FROM access_key WHERE access_key = ?", (key.access_key,)):
        return StoreRefusal.ACCESS_KEY_EXISTS
    if _count(connection, "SELECT count(*) FROM access_key WHERE project_id = ?", key.project_id) >= most:
        return StoreRefusal.TOO_MANY_ACCESS_KEYS
    connection.execute(
        """
        INSERT INTO access_key (access_key, project_id, sealed_secret_key, role, reads_secrets, created_at)
        VALUES (:access_key, :project_id, :sealed_secret_key, :role, :reads_secrets, :created_at)
        """,
        msgspec.structs.asdict(key),
    )
    append_audit(connection, [audit])
    return None


def revoke_access_key(
    connection: sqlite3.Connection, project_id: str, access_key: str, audit: AuditEntry
) -> StoreRefusal | None:
    """ACCESS_KEY_ABSENT. The row goes, and the sealed secret key with it."""
    key = (project_id, access_key)
    if not connection.execute("DELETE FROM access_key WHERE project_id = ? AND access_key = ?", key).rowcount:
        return StoreRefusal.ACCESS_KEY_ABSENT
    append_audit(connection, [audit])
    return None


def add_api_token(connection: sqlite3.Connection, token: ApiToken, most: int, audit: AuditEntry) -> StoreRefusal | None:
    """PROJECT_ABSENT, TOKEN_EXISTS, TOO_MANY_TOKENS. A revoked token's name is free again, its digest never."""
    if not has_project(connection, token.project_id):
        return StoreRefusal.PROJECT_ABSENT
    taken = "SELECT 1 FROM api_token WHERE digest = ? OR (project_id = ? AND name = ? AND revoked_at IS NULL)"
    if exists(connection, taken, (token.digest, token.project_id, token.name)):
        return StoreRefusal.TOKEN_EXISTS
    held = "SELECT count(*) FROM api_token WHERE project_id = ? AND revoked_at IS NULL"
    if _count(connection, held, token.project_id) >= most:
        return StoreRefusal.TOO_MANY_TOKENS
    connection.execute(
        """
        INSERT INTO api_token (digest, project_id, name, role, reads_secrets, created_at)
        VALUES (:digest, :project_id, :name, :role, :reads_secrets, :created_at)
        """,
        msgspec.structs.asdict(token),
    )
    append_audit(connection, [audit])
    return None


def revoke_api_token(
    connection: sqlite3.Connection, project_id: str, name: str, audit: AuditEntry
) -> StoreRefusal | None:
    """TOKEN_ABSENT."""
    revoked = connection.execute(
        "UPDATE api_token SET revoked_at = ? WHERE project_id = ? AND name = ? AND revoked_at IS NULL",
        (int(audit.at), project_id, name),
    ).rowcount
    if not revoked:
        return StoreRefusal.TOKEN_ABSENT
    append_audit(connection, [audit])
    return None


def find_api_token(connection: sqlite3.Connection, digest: bytes) -> ApiToken | None:
    """The token of this digest that is not revoked."""
    row = connection.execute(f"{_SELECT_API_TOKEN} WHERE digest = ? AND revoked_at IS NULL", (digest,)).fetchone()
    return None if row is None else _api_token_from_row(row)


def _access_keys(connection: sqlite3.Connection, access_keys: Sequence[str]) -> Mapping[str, AccessKey]:
    found = {}
    for access_key in access_keys:
        for row in connection.execute(f"{_SELECT_ACCESS_KEY} WHERE access_key = ?", (access_key,)):
            found[access_key] = _access_key_from_row(row)
    return found


def _list_access_keys(connection: sqlite3.Connection, project_id: str) -> Sequence[AccessKey]:
    newest_first = f"{_SELECT_ACCESS_KEY} WHERE project_id = ? ORDER BY created_at DESC, access_key"
    return [_access_key_from_row(row) for row in connection.execute(newest_first, (project_id,))]


def _list_api_tokens(connection: sqlite3.Connection, project_id: str) -> Sequence[ApiToken]:
    newest_first = f"{_SELECT_API_TOKEN} WHERE project_id = ? AND revoked_at IS NULL ORDER BY created_at DESC, name"
    return [_api_token_from_row(row) for row in connection.execute(newest_first, (project_id,))]


def _count(connection: sqlite3.Connection, statement: str, project_id: str) -> int:
    return int(connection.execute(statement, (project_id,)).fetchone()[0])


def _access_key_from_row(row: Row) -> AccessKey:
    fields = dict(zip(AccessKey.__struct_fields__, row, strict=True))
    return AccessKey(**fields | _rights_of(fields))


def _api_token_from_row(row: Row) -> ApiToken:
    fields = dict(zip(ApiToken.__struct_fields__, row, strict=True))
    return ApiToken(**fields | _rights_of(fields))


def _rights_of(fields: Mapping[str, object]) -> dict[str, Role | bool]:
    """SQLite's words for role and permission, as ours."""
    role = _ROLES.get(str(fields["role"]))
    if role is None:
        # The CHECK keeps such a word out; damage does not ask it.
        raise sqlite3.DataError("a row holds an unknown role: the registry is damaged")
    return {"role": role, "reads_secrets": fields["reads_secrets"] == 1}
