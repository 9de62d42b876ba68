"""Who is asking: the caller of a request, and that the project in the path is the caller's.

X-Auth-Token is looked at first (iotda-rest.md B.3). When it is there, it alone decides: a bad token never falls through
to another way of authenticating.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from engine.api.problems import ApiProblem, Problem
from engine.registry.store import Store

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class Caller(msgspec.Struct, frozen=True):
    """An authenticated application: its project, and the name that the audit writes."""

    project_id: str
    actor: str


CallerOf = NamedDependency[Caller]
"""The type of a route handler's `caller` argument."""


def caller_of(request: Request[Any, Caller, Any]) -> Caller:
    """The caller that the guard let in, as a Litestar dependency."""
    return request.auth


def project_guard(store: Store) -> Guard:
    """A Litestar guard that lets only the owner of the path's project_id in, and leaves the Caller in request.auth.

    Guards run before the body is read, so an unauthenticated peer's body is never held.
    """

    async def guard(connection: Connection, _handler: BaseRouteHandler) -> None:
        caller = await _authenticate(connection, store)
        # An unknown project and another's project get the same answer: which exist is the owners' business.
        if caller is None or caller.project_id != connection.path_params["project_id"]:
            raise ApiProblem(Problem.UNAUTHENTICATED)
        connection.scope["auth"] = caller

    return guard


async def _authenticate(connection: Connection, store: Store) -> Caller | None:
    token = connection.headers.get("x-auth-token")
    return None if token is None else await _token_caller(token, store)


async def _token_caller(token: str, store: Store) -> Caller | None:
    """The owner of a token, which the store knows only by its SHA-256. Header octets reach us as Latin-1."""
    known = await store.api_token(hashlib.sha256(token.encode("latin-1")).digest())
    return None if known is None else Caller(known.project_id, known.actor)
