"""Access keys and tokens from the command line: over the API while a node runs, else in the registry itself."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
import typer

from engine.api.access import AccessKeyAnswer, TokenAnswer, TokenName, access_key_answer, token_answer
from engine.cli.client import ApiClient, open_client, segment
from engine.cli.offline import OfflineRegistry
from engine.cli.output import show_fields, show_json
from engine.errors import UsageError
from engine.node.data_directory import running_node
from engine.registry.minting import mint_access_key, mint_api_token
from engine.registry.sqlite import SqliteStore
from engine.registry.store import StoreRefusal
from engine.registry.store_access import Role

RoleOption = Annotated[
    Role, typer.Option(help="read-only: look and search; operator: change things too; admin: access keys too.")
]
ReadSecretsOption = Annotated[bool, typer.Option("--read-secrets", help="It may read the devices' secrets.")]


class Access(Protocol):
    """What the commands do, over the API or in the registry. Raises UsageError for what is refused."""

    def create_access_key(self, role: Role, *, read_secrets: bool) -> AccessKeyAnswer: ...

    def list_access_keys(self) -> list[AccessKeyAnswer]: ...

    def revoke_access_key(self, access_key: str) -> None: ...

    def create_token(self, name: str, role: Role, *, read_secrets: bool) -> TokenAnswer: ...

    def list_tokens(self) -> list[TokenAnswer]: ...

    def revoke_token(self, name: str) -> None: ...


def open_access(data: Path) -> Access:
    """To the node that runs on this data directory, or to the registry when none does. UsageError."""
    return _StoreAccess(data) if running_node(data) is None else _ApiAccess(open_client(data))


def show_made(made: AccessKeyAnswer | TokenAnswer, secret: str, *, as_json: bool) -> None:
    """A new credential, and that nobody will see its secret again."""
    if as_json:
        show_json(made)
    else:
        show_fields(msgspec.to_builtins(made))
    typer.echo(f"\nThe {secret} is shown this once: nothing keeps it in the clear.", err=True)


class _ApiAccess:
    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def create_access_key(self, role: Role, *, read_secrets: bool) -> AccessKeyAnswer:
        made = self._client.post("/keyturn/access-keys", {"role": role, "read_secrets": read_secrets})
        return msgspec.convert(made, AccessKeyAnswer)

    def list_access_keys(self) -> list[AccessKeyAnswer]:
        return msgspec.convert(self._client.get("/keyturn/access-keys")["access_keys"], list[AccessKeyAnswer])

    def revoke_access_key(self, access_key: str) -> None:
        self._client.delete(f"/keyturn/access-keys/{segment(access_key)}")

    def create_token(self, name: str, role: Role, *, read_secrets: bool) -> TokenAnswer:
        body = {"name": name, "role": role, "read_secrets": read_secrets}
        return msgspec.convert(self._client.post("/keyturn/tokens", body), TokenAnswer)

    def list_tokens(self) -> list[TokenAnswer]:
        return msgspec.convert(self._client.get("/keyturn/tokens")["tokens"], list[TokenAnswer])

    def revoke_token(self, name: str) -> None:
        self._client.delete(f"/keyturn/tokens/{segment(name)}")


class _StoreAccess:
    """Needs no credential of the project: whoever may write the data directory may make one."""

    def __init__(self, data: Path) -> None:
        self._registry = OfflineRegistry(data)

    def create_access_key(self, role: Role, *, read_secrets: bool) -> AccessKeyAnswer:
        key, secret_key = mint_access_key(
            self._registry.project_id,
            role,
            reads_secrets=read_secrets,
            sealer=self._registry.sealer(),
            random=os.urandom,
            now=self._registry.now(),
        )
        detail = {"role": role, "read_secrets": read_secrets}
        audit = self._registry.audit("access-key.create", key.access_key, detail)
        self._change(lambda store: store.access.add_access_key(key, audit))
        return access_key_answer(key, secret_key)

    def list_access_keys(self) -> list[AccessKeyAnswer]:
        keys = self._registry.use(lambda store: store.access.list_access_keys(self._registry.project_id))
        return [access_key_answer(key) for key in keys]

    def revoke_access_key(self, access_key: str) -> None:
        audit = self._registry.audit("access-key.revoke", access_key)
        self._change(lambda store: store.access.revoke_access_key(self._registry.project_id, access_key, audit))

    def create_token(self, name: str, role: Role, *, read_secrets: bool) -> TokenAnswer:
        try:
            msgspec.convert(name, TokenName)
        except msgspec.ValidationError as fault:
            raise UsageError(f"name: {fault}") from None
        registry = self._registry
        token, text = mint_api_token(
            registry.project_id, name, role, reads_secrets=read_secrets, random=os.urandom, now=registry.now()
        )
        audit = registry.audit("token.create", name, {"role": role, "read_secrets": read_secrets})
        self._change(lambda store: store.access.add_api_token(token, audit))
        return token_answer(token, text)

    def list_tokens(self) -> list[TokenAnswer]:
        tokens = self._registry.use(lambda store: store.access.list_api_tokens(self._registry.project_id))
        return [token_answer(token) for token in tokens]

    def revoke_token(self, name: str) -> None:
        audit = self._registry.audit("token.revoke", name)
        self._change(lambda store: store.access.revoke_api_token(self._registry.project_id, name, audit))

    def _change(self, change: Callable[[SqliteStore], Awaitable[StoreRefusal | None]]) -> None:
        refusal = self._registry.use(change)
        if refusal is not None:
            raise UsageError(refusal.value)
