"""The application API, put together: Litestar behind the Doorway."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from engine.api.access import access_router
from engine.api.answers import exception_answer
from engine.api.authentication import caller_of, project_guard
from engine.api.batch_files import batch_files_router
from engine.api.batch_report import batch_report_router
from engine.api.batch_tasks import batch_tasks_router
from engine.api.certificates import certificates_router
from engine.api.crls import crls_router
from engine.api.device_certificates import device_certificates_router
from engine.api.device_resets import device_resets_router
from engine.api.device_search import device_search_router
from engine.api.devices import devices_router
from engine.api.document import SIGNATURE_SCHEME, TOKEN_SCHEME, document_routes
from engine.api.doorway import Doorway
from engine.api.observed import observed_router
from engine.api.probes import PROBES
from engine.api.products import products_router
from engine.api.schema import page_request
from engine.api.services import ApiServices
from engine.api.tags import tags_router


def build_application(services: ApiServices) -> Doorway:
    """The ASGI application. Nothing in it is shared with another one built in the same program."""
    routes, dependencies = _routes(services), _dependencies(services)
    application = Litestar(
        [*routes, *document_routes(routes, dependencies)],
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
        route_handlers=[
            products_router,
            devices_router,
            device_resets_router,
            device_search_router,
            tags_router,
            observed_router,
            access_router,
            certificates_router,
            crls_router,
            device_certificates_router,
            batch_tasks_router(services.limits),
            batch_files_router(services.limits),
            batch_report_router,
        ],
        guards=[project_guard(services)],
        security=[{TOKEN_SCHEME: []}, {SIGNATURE_SCHEME: []}],
    )
    return [project, *PROBES]


def _dependencies(services: ApiServices) -> dict[str, Provide]:
    return {
        "services": Provide(lambda: services, sync_to_thread=False),
        "caller": Provide(caller_of, sync_to_thread=False),
        "page": Provide(page_request, sync_to_thread=False),
    }
