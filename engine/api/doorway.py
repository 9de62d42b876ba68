"""In front of every route: the request's own form (THREATS, "The application API"), its id, its deadline.

Plain ASGI around the application, because these rules hold for paths that no route has, too.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec
import structlog
import trio
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.problems import ApiProblem, Problem, problem_body
from engine.api.services import ApiServices
from engine.limits import Limits

REQUEST_ID = "request_id"
"""Where scope["state"] holds the id of the request."""
EXCHANGE = "exchange"
"""Where scope["state"] holds the Exchange."""

_REQUEST_ID_BYTES = 16
_DISCARDED_BODIES = 16
"""So many times the largest body are read and thrown away to let a refused client finish; then it is cut off."""
_ONCE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"instance-id",
        b"transfer-encoding",
        b"x-auth-token",
        b"x-domain-id",
        b"x-project-id",
        b"x-sdk-content-sha256",
        b"x-sdk-date",
        b"x-security-token",
    }
)
"""Headers that decide who is asking for what: given twice, two readers could see two different requests."""
_PATH_OCTETS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
"""RFC 3986 section 2.3, unreserved, and the slash. No path of this API needs an octet that has to be encoded."""

_log = structlog.get_logger("keyturn.api")


class Doorway:
    """The ASGI application that is served: `application` behind the rules that come before any routing."""

    def __init__(self, application: ASGIApp, services: ApiServices) -> None:
        self._application = application
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One lifespan or one request. Nothing is raised for what a peer sent."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        if scope["type"] != ScopeType.HTTP:
            await self._application(scope, receive, send)
            return
        request_id = self._services.randomness(_REQUEST_ID_BYTES).hex()
        scope.setdefault("state", {})[REQUEST_ID] = request_id
        exchange = Exchange(receive, send, request_id, self._services.limits)
        scope["state"][EXCHANGE] = exchange
        problem = find_objection(scope["headers"], scope["raw_path"], self._services.hosts)
        if problem is not None:
            await _answer(problem, request_id, exchange.send)
            return
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except Exception:
            # Litestar answers what fails before the response begins; after that only closing is left.
            _log.exception("a response broke off; this is a bug", request_id=request_id)


class Exchange:
    """One request's `receive` and `send`, with what every one gets: a deadline for the body, and headers.

    Most clients write the whole body before they read. An answer given before that (401, 413) would be lost in the
    reset that closing on unread bytes sends, so the rest of the body is read and thrown away once the answer has left.
    """

    def __init__(self, receive: Receive, send: Send, request_id: str, limits: Limits) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._deadline = trio.current_time() + limits.api_seconds
        self._discardable_bytes = _DISCARDED_BODIES * limits.api_body_bytes
        self._is_body_over = False
        self._kept_body: bytes | None = None

    async def read_body(self, most_bytes: int, note: Callable[[int], None] = lambda _size: None) -> bytes:
        """The whole body, which `receive` gives again after this. `note` is told how much of it is held.

        ApiProblem when it is more than `most_bytes`, or does not come whole and in time.
        """
        body = bytearray()
        while not self._is_body_over:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ApiProblem(Problem.BODY_TOO_SLOW)
            body += message["body"]
            if len(body) > most_bytes:
                raise ApiProblem(Problem.BODY_TOO_LARGE)
            note(len(body))
        self._kept_body = bytes(body)
        return self._kept_body

    async def receive(self) -> Any:
        """The next part of the body. ApiProblem once api_seconds have passed since the request began."""
        if self._kept_body is not None:
            body, self._kept_body = self._kept_body, None
            return {"type": "http.request", "body": body, "more_body": False}
        with trio.move_on_at(self._deadline):
            message = await self._receive()
            self._is_body_over = not (message["type"] == "http.request" and message["more_body"])
            return message
        raise ApiProblem(Problem.BODY_TOO_SLOW)

    async def send(self, message: Message) -> None:
        """Part of the answer. Answers may hold secrets, so nothing keeps them; each can be found again in the log."""
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self._request_id.encode()),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
            ]
        elif message["type"] == "http.response.body" and not message["more_body"] and not self._is_body_over:
            await self._send({"type": "http.response.body", "body": message["body"], "more_body": True})
            await self._discard_body()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _discard_body(self) -> None:
        discarded = 0
        with suppress(ApiProblem):
            while not self._is_body_over and discarded <= self._discardable_bytes:
                discarded += len((await self.receive()).get("body", b""))


def find_objection(headers: Iterable[tuple[bytes, bytes]], raw_path: bytes, hosts: frozenset[str]) -> Problem | None:
    """What is wrong with the form of a request before it is routed; None when nothing is.

    headers: names in lower case. raw_path: the request target's path as it was sent, without the query.
    """
    names = [name for name, _ in headers]
    if any(name in _ONCE and names.count(name) > 1 for name in names):
        return Problem.HEADER_REPEATED
    host = next((value for name, value in headers if name == b"host"), b"")
    if _host_name(host) not in hosts:
        return Problem.MISDIRECTED
    if not is_plain(raw_path):
        return Problem.PATH_NOT_PLAIN
    return None


def is_plain(raw_path: bytes) -> bool:
    """Whether a path can be read in one way only: unreserved octets, no dot segment, no empty one but the last."""
    first, *segments = raw_path.split(b"/")
    if first or not segments or not _PATH_OCTETS.issuperset(raw_path):
        return False
    return not any(segment in (b".", b"..") for segment in segments) and b"" not in segments[:-1]


def _host_name(value: bytes) -> str:
    """The host of a Host header without its port, in lower case (RFC 9110 section 7.2)."""
    host = value.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


async def _answer(problem: Problem, request_id: str, send: Send) -> None:
    body = msgspec.json.encode(problem_body(problem, "", request_id))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.value.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
