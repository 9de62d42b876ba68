"""Who is asking: the caller of a request, that the project in the path is the caller's, and what the caller may do.

X-Auth-Token is looked at first (iotda-rest.md B.3). When it is there, it alone decides: a bad token never falls through
to the signature. Whoever is let in is looked up after the last octet of the body has come, so that a credential that is
revoked while a body trickles in opens nothing.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from engine.api.doorway import EXCHANGE, Exchange
from engine.api.problems import ApiProblem, Problem
from engine.api.services import ApiServices
from engine.api.signing import (
    UNSIGNED_PAYLOAD,
    SignatureClaim,
    SignedRequest,
    body_hash,
    claim_from_headers,
    expected_signature,
    has_one_reading,
)
from engine.api.unproved import UnprovedBodies
from engine.registry.minting import mint_access_key, token_digest
from engine.registry.sealing import Slot
from engine.registry.store_access import AccessKey, ApiToken, Role

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

LEAST_ROLE = "least_role"
"""In a handler's or router's opt: the Role that its callers need. Without it READ_ONLY for GET, OPERATOR for others."""
TAKES_UNSIGNED_PAYLOAD = "takes_unsigned_payload"
"""In a handler's opt: true where a signature need not cover the body (iotda-rest.md B.1, the upload of a file)."""


class Caller(msgspec.Struct, frozen=True):
    """An authenticated application: its project, the name that the audit writes, and what it may do."""

    project_id: str
    actor: str
    role: Role
    reads_secrets: bool


CallerOf = NamedDependency[Caller]
"""The type of a route handler's `caller` argument."""


def caller_of(request: Request[Any, Caller, Any]) -> Caller:
    """The caller that the guard let in, as a Litestar dependency."""
    return request.auth


def project_guard(services: ApiServices) -> Guard:
    """A Litestar guard that lets only the owner of the path's project_id in, and leaves the Caller in request.auth.

    Guards run before a handler's body is read. An unknown token's never is; a signature's is read here, within bounds.
    """
    signatures = _Signatures(services)
    unproved = UnprovedBodies(services.limits.api_unproved_bytes)

    def credential_of(connection: Connection, handler: BaseRouteHandler) -> "_Credential":
        token = connection.headers.get("x-auth-token")
        if token is not None:
            return _Token(token, services)
        return signatures.credential_of(connection, takes_unsigned=bool(handler.opt.get(TAKES_UNSIGNED_PAYLOAD)))

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        project_id = connection.path_params["project_id"]
        credential = credential_of(connection, handler)
        exchange: Exchange = connection.scope["state"][EXCHANGE]
        most_bytes: int = connection.route_handler.resolve_request_max_body_size()
        if credential.covers_body:
            body = await unproved.read(exchange, most_bytes)
        else:
            _owner(await credential.caller(b""), project_id)
            body = await exchange.read_body(most_bytes)
        caller = _owner(await credential.caller(body), project_id)
        if not caller.role.includes(_needed_role(connection, handler)):
            raise ApiProblem(Problem.FORBIDDEN)
        connection.scope["auth"] = caller

    return guard


class _Credential(Protocol):
    """What a request brings to prove who it is from. `covers_body`: it proves nothing before the body is whole."""

    @property
    def covers_body(self) -> bool: ...

    async def caller(self, body: bytes) -> Caller | None: ...


class _Token:
    """An X-Auth-Token."""

    covers_body = False

    def __init__(self, token: str, services: ApiServices) -> None:
        self._digest = token_digest(token)
        self._store = services.store

    async def caller(self, _body: bytes) -> Caller | None:
        return _caller(await self._store.api_token(self._digest))


class _Signatures:
    """What every signature is judged with: an unknown access key costs the work of a known one."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._dummy, _ = mint_access_key(
            "0" * 32,
            Role.READ_ONLY,
            reads_secrets=False,
            sealer=services.sealer,
            random=services.randomness,
            now=0.0,
        )

    def credential_of(self, connection: Connection, *, takes_unsigned: bool) -> "_Signature":
        """The signature of a request. ApiProblem when its form already says that it can prove nothing."""
        scope = cast(HTTPScope, connection.scope)
        request = SignedRequest(
            method=scope["method"],
            raw_path=scope["raw_path"],
            query=list(connection.query_params.multi_items()),
            headers=list(scope["headers"]),
        )
        claim = claim_from_headers(request.headers, self._services.clock.wall(), self._services.region)
        if claim is None or not has_one_reading(request.query):
            raise ApiProblem(Problem.UNAUTHENTICATED)
        if claim.content_hash == UNSIGNED_PAYLOAD and not takes_unsigned:
            raise ApiProblem(Problem.UNAUTHENTICATED)
        return _Signature(claim, request, self._services, self._dummy)


class _Signature:
    """A signed request."""

    def __init__(self, claim: SignatureClaim, request: SignedRequest, services: ApiServices, dummy: AccessKey) -> None:
        self._claim = claim
        self._request = request
        self._services = services
        self._dummy = dummy
        self.covers_body = claim.content_hash != UNSIGNED_PAYLOAD

    async def caller(self, body: bytes) -> Caller | None:
        claim, services = self._claim, self._services
        key = (await services.store.access.access_keys([claim.access_key])).get(claim.access_key)
        subject = key or self._dummy
        secret_key = services.sealer.unseal(
            subject.sealed_secret_key, subject.project_id, subject.access_key, Slot.ACCESS_KEY
        )
        payload_hash = body_hash(body) if self.covers_body else UNSIGNED_PAYLOAD
        expected = expected_signature(claim, self._request, payload_hash, secret_key)
        is_right = hmac.compare_digest(expected, claim.signature)
        is_of_body = claim.content_hash in (None, payload_hash)
        return _caller(key) if is_right and is_of_body else None


def _caller(known: AccessKey | ApiToken | None) -> Caller | None:
    return None if known is None else Caller(known.project_id, known.actor, known.role, known.reads_secrets)


def _owner(caller: Caller | None, project_id: str) -> Caller:
    """The caller, when there is one and the project is its own.

    An unknown project and another's project get the same answer: which exist is the owners' business.
    """
    if caller is None or caller.project_id != project_id:
        raise ApiProblem(Problem.UNAUTHENTICATED)
    return caller


def _needed_role(connection: Connection, handler: BaseRouteHandler) -> Role:
    usual = Role.READ_ONLY if cast(HTTPScope, connection.scope)["method"] == "GET" else Role.OPERATOR
    role: Role = handler.opt.get(LEAST_ROLE, usual)
    return role
