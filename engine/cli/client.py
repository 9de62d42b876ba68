"""A small client of the application API, with the credentials in the data directory."""

import http.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from engine.config import Address, read_address
from engine.errors import UsageError
from engine.node.data_directory import Credentials, read_credentials, running_node

_TIMEOUT_SECONDS = 30.0
_PAGE = 50
"""The largest page of the contract (iotda-rest.md A.1)."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to, but replaced: no client connects to "any"


class ApiRefusal(UsageError):
    """The API answered with an error; `status` is HTTP's, `code` the contract's (iotda-rest.md A.6)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message.rstrip('.')} ({code})" if code else message)
        self.status = status
        self.code = code


class ApiClient:
    """Calls below /v5/iot/{project_id}, one connection a call."""

    def __init__(self, address: Address, credentials: Credentials) -> None:
        self._address = reachable(address)
        self._credentials = credentials

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The decoded body."""
        present = {name: value for name, value in (query or {}).items() if value is not None}
        return self.request("GET", f"{path}?{urlencode(present)}" if present else path)[1]

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The decoded body."""
        return self.request("POST", path, body)[1]

    def delete(self, path: str) -> None:
        """Nothing comes back."""
        self.request("DELETE", path)

    def newest(self, path: str, items: str, query: Mapping[str, object], limit: int) -> tuple[list[Any], int]:
        """Up to `limit` entries of a list, newest first, and the count of all that match; a call per page."""
        found: list[Any] = []
        count, marker = 0, None
        while len(found) < limit:
            size = min(limit - len(found), _PAGE)
            answer = self.get(path, {**query, "limit": size, "marker": marker})
            found += answer[items]
            count, marker = answer["page"]["count"], answer["page"].get("marker")
            if len(answer[items]) < size:
                break
        return found, count

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> tuple[int, Any]:
        """The status (2xx) and the decoded body, None when empty; fields of `body` that are None are left out.

        Raises ApiRefusal for every other status, UsageError when nothing that speaks HTTP answers.
        """
        content = None if body is None else msgspec.json.encode({k: v for k, v in body.items() if v is not None})
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=_TIMEOUT_SECONDS)
        headers = {"X-Auth-Token": self._credentials.token, "Content-Type": "application/json"}
        try:
            connection.request(method, f"/v5/iot/{quote(self._credentials.project_id)}{path}", content, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as fault:
            reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
            raise UsageError(f"the node's API at {self._address} does not answer: {reason}") from None
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise _refusal(response.status, response.reason, answer)
        return response.status, _decoded(answer) if answer else None


def open_client(data: Path) -> ApiClient:
    """A client of the node that runs on this data directory. UsageError when none does, or its API is off."""
    credentials = read_credentials(data)
    node = running_node(data)
    if node is None:
        raise UsageError(f"no node runs on {data}; start one with: keyturn serve --data {data}")
    if "api" not in node.addresses:
        raise UsageError(f"the node on {data} (pid {node.pid}) runs with its API off")
    return ApiClient(read_address(node.addresses["api"], "node.json"), credentials)


def reachable(address: Address) -> Address:
    """Where a client on this machine finds a listener: the loopback, when it is bound to every address."""
    return Address(_ANY.get(address.host, address.host), address.port)


def segment(text: str) -> str:
    """An id as one segment of a path."""
    return quote(text, safe="")


def _refusal(status: int, reason: str, content: bytes) -> ApiRefusal:
    try:
        body = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError:
        body = {}
    return ApiRefusal(status, str(body.get("error_code", "")), str(body.get("error_msg") or f"HTTP {status} {reason}"))


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise UsageError("the node's API answered something that is not JSON") from None
