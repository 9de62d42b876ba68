"""Requests signed by the SDK's own signer, every part of them chosen: the oracle of engine/api/signing.py."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import DerivationAKSKSigner, Signer

ACCESS_KEY, SECRET_KEY = "AK0123456789ABCDEFGH", "the secret key of AK0123456789ABCDEFGH.."
SERVICE = "iotdm"


class SignedCall(NamedTuple):
    """What goes over the wire."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI gives them."""
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]

    def changed(self, **headers: str | None) -> "SignedCall":
        """With other headers (x_sdk_date="..."; None takes one away), the signature as it was."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in named}
        return self._replace(headers=kept | {name: value for name, value in named.items() if value is not None})


def sign(
    method: str = "GET",
    path: str = "/v5/iot/p/devices",
    *,
    at: float,
    query: Sequence[tuple[str, object]] = (),
    body: str = "",
    headers: Mapping[str, str] | None = None,
    host: str = "127.0.0.1",
    keys: tuple[str, str] = (ACCESS_KEY, SECRET_KEY),
    region: str | None = None,
    service: str = SERVICE,
) -> SignedCall:
    """A call as the SDK sends it; with `region`, under a key derived for it."""
    date = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    request = SdkRequest(
        method=method,
        schema="http",
        host=host,
        resource_path=path,
        query_params=list(query),
        header_params={"Content-Type": "application/json", "X-Sdk-Date": date, **(headers or {})},
        body=body,
    )
    credentials = BasicCredentials(*keys, "p")
    if region is None:
        Signer(credentials).sign(request)
    else:
        DerivationAKSKSigner(credentials).sign(request, service, region)
    sent = body if isinstance(body, bytes) else body.encode()
    return SignedCall(method, path, request.uri.partition("?")[2], dict(request.header_params), sent)
