"""The OpenAPI 3.1 document, generated from the routes and their Structs, and the route that serves it."""

from collections.abc import Mapping, Sequence

from litestar import Litestar, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.serialization import encode_json
from litestar.types import ControllerRouterHandler

TOKEN_SCHEME = "X-Auth-Token"
"""What the document calls the authentication by token."""

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
                type="apiKey", name="X-Auth-Token", security_scheme_in="header", description="Made by keyturn init."
            )
        }
    ),
)


def document_route(routes: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Provide]) -> HTTPRouteHandler:
    """GET /openapi.json. The document never changes, so it is written once.

    It is asked of an application of its own, because the document routes that Litestar would add to the one that is
    served answer every unknown path beside them in HTML.
    """
    described = Litestar(
        routes, dependencies=dict(dependencies), logging_config=None, openapi_config=_CONFIG, return_dto=None
    )
    document = encode_json(described.openapi_schema.to_schema())

    @get("/openapi.json", media_type="application/json", include_in_schema=False)
    async def openapi_document() -> bytes:
        return document

    return openapi_document
