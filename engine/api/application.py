"""The application API, put together: Litestar behind the Doorway."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from engine.api.answers import exception_answer
from engine.api.authentication import caller_of, project_guard
from engine.api.devices import devices_router
from engine.api.document import TOKEN_SCHEME, document_route
from engine.api.doorway import Doorway
from engine.api.observed import observed_router
from engine.api.probes import PROBES
from engine.api.products import products_router
from engine.api.schema import page_request
from engine.api.services import ApiServices


def build_application(services: ApiServices) -> Doorway:
    """The ASGI application. Nothing in it is shared with another one built in the same program."""
    routes, dependencies = _routes(services), _dependencies(services)
    application = Litestar(
        [*routes, document_route(routes, dependencies)],
        dependencies=dependencies,
        exception_handlers={Exception: exception_answer(services)},
        logging_config=None,
        openapi_config=None,
        request_max_body_size=services.limits.api_body_bytes,
        return_dto=None,
    )
    return Doorway(application, services)


def _routes(services: ApiServices) -> list[ControllerRouterHandler]:
    project = Router(
        "/v5/iot/{project_id:str}",
        route_handlers=[products_router, devices_router, observed_router],
        guards=[project_guard(services.store)],
        security=[{TOKEN_SCHEME: []}],
    )
    return [project, *PROBES]


def _dependencies(services: ApiServices) -> dict[str, Provide]:
    return {
        "services": Provide(lambda: services, sync_to_thread=False),
        "caller": Provide(caller_of, sync_to_thread=False),
        "page": Provide(page_request, sync_to_thread=False),
    }
