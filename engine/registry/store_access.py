"""The part of the Store that knows who may call the API: access keys, tokens, and what each may do."""

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from engine.registry.record import AuditEntry
from engine.registry.store import StoreRefusal


class Role(enum.StrEnum):
    """What a caller may do with its project; each role may do what the ones before it may."""

    READ_ONLY = "read-only"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Whether a caller of this role may do what `needed` may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """An access key. Its secret key is sealed in Slot.ACCESS_KEY, with the access key as record id.

    `reads_secrets`: whether its caller may read devices' secrets, whatever its role. `created_at` is in epoch seconds.
    """

    access_key: str
    project_id: str
    sealed_secret_key: bytes
    role: Role
    reads_secrets: bool
    created_at: int

    @property
    def actor(self) -> str:
        """What the audit calls its caller."""
        return f"access-key:{self.access_key}"


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """An X-Auth-Token, known only by its SHA-256 digest; `name` is unique in the project. The rest as in AccessKey."""

    digest: bytes
    project_id: str
    name: str
    role: Role
    reads_secrets: bool
    created_at: int

    @property
    def actor(self) -> str:
        """What the audit calls its caller."""
        return f"token:{self.digest.hex()[:8]}"


class AccessStore(Protocol):
    """Access keys and tokens. A look-up sees every revocation that has returned: nothing is cached."""

    async def access_keys(self, access_keys: Sequence[str]) -> Mapping[str, AccessKey]:
        """Those of these access keys that exist and are not revoked, whatever their project."""

    async def list_access_keys(self, project_id: str) -> Sequence[AccessKey]:
        """The project's access keys, newest first; limits.project_access_keys at most."""

    async def add_access_key(self, key: AccessKey, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, ACCESS_KEY_EXISTS, TOO_MANY_ACCESS_KEYS."""

    async def revoke_access_key(self, project_id: str, access_key: str, audit: AuditEntry) -> StoreRefusal | None:
        """From the return on the access key opens nothing, and its secret key is gone. ACCESS_KEY_ABSENT."""

    async def list_api_tokens(self, project_id: str) -> Sequence[ApiToken]:
        """The project's tokens that are not revoked, newest first; limits.project_api_tokens at most."""

    async def add_api_token(self, token: ApiToken, audit: AuditEntry) -> StoreRefusal | None:
        """Insert; PROJECT_ABSENT, TOKEN_EXISTS, TOO_MANY_TOKENS. A revoked token's name is free, its digest never."""

    async def revoke_api_token(self, project_id: str, name: str, audit: AuditEntry) -> StoreRefusal | None:
        """From the return on the token opens nothing. TOKEN_ABSENT."""
