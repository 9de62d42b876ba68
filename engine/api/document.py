"""The OpenAPI 3.1 document, generated from the routes and their Structs, and the routes that serve it."""

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import trio
from litestar import Litestar, Response, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.serialization import encode_json
from litestar.types import ControllerRouterHandler

from engine.api.document_page import CONTENT_SECURITY_POLICY, document_page
from engine.api.glossary import MEANINGS

TOKEN_SCHEME = "X-Auth-Token"
"""What the document calls the authentication by token."""
SIGNATURE_SCHEME = "AK-SK"
"""What the document calls the authentication by signature."""

_CONFIG = OpenAPIConfig(
    title="Keyturn: the application API",
    version="v5",
    description=(
        "Wire-compatible with the application side of IoTDA v5. Every error has the body of ProblemBody, and every "
        "answer the header X-Request-Id. Fields of a request body that an operation does not name are ignored. What is "
        "under /keyturn is Keyturn's own."
    ),
    use_handler_docstrings=True,
    components=Components(
        security_schemes={
            TOKEN_SCHEME: SecurityScheme(
                type="apiKey",
                name="X-Auth-Token",
                security_scheme_in="header",
                description="Made by keyturn init or keyturn token create.",
            ),
            SIGNATURE_SCHEME: SecurityScheme(
                type="apiKey",
                name="Authorization",
                security_scheme_in="header",
                description=(
                    "The signature of the request: SDK-HMAC-SHA256 with an access key's secret key, or V11-HMAC-SHA256 "
                    "with a key derived from it. Access keys are made by keyturn init or keyturn access-key create."
                ),
            ),
        }
    ),
)


_ANSWERS = {"200": "Done", "201": "Created", "204": "Done, and nothing is answered"}


def document_routes(
    routes: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Provide]
) -> Sequence[HTTPRouteHandler]:
    """GET /openapi.json, and GET /docs: the same for people. Neither ever changes, so each is written once, when
    it is first asked for: that takes half a second, which a starting node has better use for.

    The document is asked of an application of its own, because the routes that Litestar would add to the one that is
    served answer every unknown path beside them in HTML.
    """

    @functools.cache
    def written() -> tuple[bytes, bytes]:
        described = Litestar(
            routes, dependencies=dict(dependencies), logging_config=None, openapi_config=_CONFIG, return_dto=None
        )
        document = described.openapi_schema.to_schema()
        _complete(document)
        return encode_json(document), document_page(document)

    @get("/openapi.json", media_type="application/json", include_in_schema=False)
    async def openapi_document() -> bytes:
        return (await trio.to_thread.run_sync(written))[0]

    @get("/docs", media_type="text/html", include_in_schema=False)
    async def documentation() -> Response[bytes]:
        page = (await trio.to_thread.run_sync(written))[1]
        return Response(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    return [openapi_document, documentation]


def _complete(document: dict[str, Any]) -> None:
    """What Litestar does not know: the Structs' docstrings, the glossary, and what a success means."""
    docstrings = {struct.__name__: struct.__doc__ for struct in _structs(msgspec.Struct)}
    for name, schema in document["components"]["schemas"].items():
        schema.setdefault("description", inspect.cleandoc(docstrings.get(name) or ""))
        for field, described in schema.get("properties", {}).items():
            described.setdefault("description", MEANINGS.get(field, ""))
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                answer["description"] = _ANSWERS.get(status, answer["description"])


def _structs(base: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """Every Struct of the API, below `base`."""
    for struct in base.__subclasses__():
        if struct.__module__.startswith(("engine.api.", "engine.observe.")):
            yield struct
        yield from _structs(struct)
