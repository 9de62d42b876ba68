"""Access keys and tokens, under /keyturn: create, list, revoke. For admins alone (docs/access.md)."""

from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from engine.api.answers import PROBLEMS
from engine.api.authentication import LEAST_ROLE, Caller, CallerOf
from engine.api.body import StrictBody
from engine.api.changes import audit_entry
from engine.api.problems import ApiProblem, Problem, raise_refusal
from engine.api.schema import ID, ProjectIdPath, compact_time
from engine.api.services import ServicesOf
from engine.registry.minting import mint_access_key, mint_api_token
from engine.registry.store_access import AccessKey, ApiToken, Role

RoleField = Annotated[Role, Meta(description="read-only: GET and searches; operator: changes too; admin: access too.")]
ReadSecrets = Annotated[bool, Meta(description="Whether it may read devices' secrets; only who may can say yes.")]
TokenName = Annotated[str, Meta(min_length=1, max_length=64, pattern=ID, description="Unique in the project.")]


class CreateAccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """The body of CreateAccessKey."""

    role: RoleField
    read_secrets: ReadSecrets = False


class CreateToken(CreateAccessKey, frozen=True, kw_only=True):
    """The body of CreateToken."""

    name: TokenName


class AccessKeyAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An access key; its secret key is in the answer of the creation only."""

    access_key: str
    role: Role
    read_secrets: bool
    create_time: str
    secret_key: str | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<AccessKeyAnswer {self.access_key}>"


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A token; what goes into X-Auth-Token is in the answer of the creation only."""

    name: str
    role: Role
    read_secrets: bool
    create_time: str
    token: str | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return f"<TokenAnswer {self.name!r}>"


class AccessKeyList(msgspec.Struct, frozen=True):
    """The project's access keys, newest first."""

    access_keys: list[AccessKeyAnswer]


class TokenList(msgspec.Struct, frozen=True):
    """The project's tokens, newest first."""

    tokens: list[TokenAnswer]


@post(
    "/access-keys",
    dto=StrictBody[CreateAccessKey],
    responses=PROBLEMS,
    summary="CreateAccessKey",
    operation_id="CreateAccessKey",
)
async def create_access_key(
    project_id: ProjectIdPath, data: JSONBody[CreateAccessKey], caller: CallerOf, services: ServicesOf
) -> AccessKeyAnswer:
    """Create an access key. The answer is the only one that holds its secret key."""
    _check_grant(caller, data)
    key, secret_key = mint_access_key(
        project_id,
        data.role,
        reads_secrets=data.read_secrets,
        sealer=services.sealer,
        random=services.randomness,
        now=services.clock.wall(),
    )
    audit = audit_entry(
        services, caller, "access-key.create", key.access_key, role=key.role, read_secrets=key.reads_secrets
    )
    raise_refusal(await services.store.access.add_access_key(key, audit))
    return access_key_answer(key, secret_key)


@get("/access-keys", responses=PROBLEMS, summary="ListAccessKeys", operation_id="ListAccessKeys")
async def list_access_keys(project_id: ProjectIdPath, services: ServicesOf) -> AccessKeyList:
    """List the project's access keys, newest first."""
    return AccessKeyList([access_key_answer(key) for key in await services.store.access.list_access_keys(project_id)])


@delete("/access-keys/{access_key:str}", responses=PROBLEMS, summary="RevokeAccessKey", operation_id="RevokeAccessKey")
async def revoke_access_key(
    project_id: ProjectIdPath,
    access_key: Annotated[str, PathParameter(description="The access key.")],
    caller: CallerOf,
    services: ServicesOf,
) -> None:
    """Revoke an access key: when this returns, it opens nothing any more."""
    audit = audit_entry(services, caller, "access-key.revoke", access_key)
    raise_refusal(await services.store.access.revoke_access_key(project_id, access_key, audit))


@post("/tokens", dto=StrictBody[CreateToken], responses=PROBLEMS, summary="CreateToken", operation_id="CreateToken")
async def create_token(
    project_id: ProjectIdPath, data: JSONBody[CreateToken], caller: CallerOf, services: ServicesOf
) -> TokenAnswer:
    """Create a token. The answer is the only one that holds it."""
    _check_grant(caller, data)
    token, text = mint_api_token(
        project_id,
        data.name,
        data.role,
        reads_secrets=data.read_secrets,
        random=services.randomness,
        now=services.clock.wall(),
    )
    audit = audit_entry(services, caller, "token.create", token.name, role=token.role, read_secrets=token.reads_secrets)
    raise_refusal(await services.store.access.add_api_token(token, audit))
    return token_answer(token, text)


@get("/tokens", responses=PROBLEMS, summary="ListTokens", operation_id="ListTokens")
async def list_tokens(project_id: ProjectIdPath, services: ServicesOf) -> TokenList:
    """List the project's tokens that are not revoked, newest first."""
    return TokenList([token_answer(token) for token in await services.store.access.list_api_tokens(project_id)])


@delete("/tokens/{name:str}", responses=PROBLEMS, summary="RevokeToken", operation_id="RevokeToken")
async def revoke_token(
    project_id: ProjectIdPath,
    name: Annotated[str, PathParameter(description="The token's name.")],
    caller: CallerOf,
    services: ServicesOf,
) -> None:
    """Revoke a token: when this returns, it opens nothing any more."""
    audit = audit_entry(services, caller, "token.revoke", name)
    raise_refusal(await services.store.access.revoke_api_token(project_id, name, audit))


def access_key_answer(key: AccessKey, secret_key: str | None = None) -> AccessKeyAnswer:
    """A stored access key."""
    return AccessKeyAnswer(
        access_key=key.access_key,
        role=key.role,
        read_secrets=key.reads_secrets,
        create_time=compact_time(key.created_at),
        secret_key=secret_key,
    )


def token_answer(token: ApiToken, text: str | None = None) -> TokenAnswer:
    """A stored token."""
    return TokenAnswer(
        name=token.name,
        role=token.role,
        read_secrets=token.reads_secrets,
        create_time=compact_time(token.created_at),
        token=text,
    )


def _check_grant(caller: Caller, data: CreateAccessKey) -> None:
    """ApiProblem when a caller would give what it does not have."""
    if data.read_secrets and not caller.reads_secrets:
        raise ApiProblem(Problem.FORBIDDEN, "read_secrets: the caller may not read secrets itself.")


access_router = Router(
    "/keyturn",
    route_handlers=[
        create_access_key,
        list_access_keys,
        revoke_access_key,
        create_token,
        list_tokens,
        revoke_token,
    ],
    opt={LEAST_ROLE: Role.ADMIN},
    tags=["access"],
)
