"""How every failure is answered: the one place where exceptions become the contract's error bodies."""

from collections.abc import Callable
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.datastructures import ResponseSpec
from litestar.routes import HTTPRoute

from engine.api.authentication import Caller
from engine.api.body import field_detail
from engine.api.doorway import REQUEST_ID
from engine.api.problems import ApiProblem, Problem, ProblemBody, problem_body
from engine.api.services import ApiServices
from engine.errors import StoreUnavailable
from engine.observe.repeats import Repeats

_OF_PARAMETER = {
    "limit": Problem.LIMIT_OUT_OF_RANGE,
    "marker": Problem.MARKER_OUT_OF_RANGE,
    "start_time": Problem.INVALID_TIME,
    "end_time": Problem.INVALID_TIME,
}
"""Query parameters whose faults have codes of their own (iotda-rest.md A.6)."""
_HEADERS = {
    Problem.UNAUTHENTICATED: {"WWW-Authenticate": "X-Auth-Token, SDK-HMAC-SHA256, V11-HMAC-SHA256"},
    Problem.UNAVAILABLE: {"Retry-After": "1"},
    Problem.BUSY: {"Retry-After": "1"},
}

PROBLEMS = {
    status: ResponseSpec(ProblemBody, generate_examples=False, description=" or ".join(sorted(codes)))
    for status in sorted({problem.value.status for problem in Problem})
    if (codes := {problem.value.code for problem in Problem if problem.value.status == status})
}
"""The error answers of an operation, for the OpenAPI document."""

_log = structlog.get_logger("keyturn.api")

ApiRequest = Request[Any, Caller, Any]


def exception_answer(services: ApiServices) -> Callable[[ApiRequest, Exception], Response[ProblemBody]]:
    """The application's exception handler: every exception, whatever it is, becomes one row of the table."""
    repeats = Repeats(services.clock, services.limits)

    def answer(request: ApiRequest, fault: Exception) -> Response[ProblemBody]:
        request_id = request.state[REQUEST_ID]
        problem, detail = _problem_of(fault)
        if problem is Problem.UNAVAILABLE:
            services.metrics.store_failed()
            if repeats.is_due("unavailable"):
                _log.warning("the registry is unavailable", request_id=request_id, fault=str(fault))
        elif problem is Problem.INTERNAL:
            _log.error("a request failed; this is a bug", request_id=request_id, exc_info=fault)
        headers = _HEADERS.get(problem, {})
        if problem is Problem.METHOD_NOT_ALLOWED:
            headers = {"Allow": ", ".join(sorted(_methods(request.app, request.scope["path"])))}
        return Response(problem_body(problem, detail, request_id), status_code=problem.value.status, headers=headers)

    return answer


def _problem_of(fault: Exception) -> tuple[Problem, str]:
    """Which row of the table an exception is, and what it says of a field."""
    match fault:
        case ApiProblem():
            return fault.problem, fault.detail
        case StoreUnavailable():
            return Problem.UNAVAILABLE, ""
        case ValidationException():
            return _problem_of_argument(fault)
        case NotFoundException():
            return Problem.UNKNOWN_PATH, ""
        case MethodNotAllowedException():
            return Problem.METHOD_NOT_ALLOWED, ""
        case HTTPException(status_code=413):
            return Problem.BODY_TOO_LARGE, ""
        case ClientException():
            return Problem.MALFORMED_REQUEST, ""
    return Problem.INTERNAL, ""


def _problem_of_argument(fault: ValidationException) -> tuple[Problem, str]:
    """Litestar's complaint about a query parameter, or about a body that is not there."""
    complaints = fault.extra if isinstance(fault.extra, list) else []
    if not complaints:
        return Problem.INVALID_INPUT, ""
    name, message = complaints[0].get("key", ""), complaints[0]["message"]
    if name == "data":
        return Problem.MALFORMED_REQUEST, "A JSON body is required."
    return _OF_PARAMETER.get(name, Problem.INVALID_INPUT), field_detail(f"{message} - at `$.{name}`")


def _methods(application: Litestar, path: str) -> set[str]:
    """The methods of the routes at a path (RFC 9110 section 15.5.6 wants them in Allow)."""
    segments = [segment for segment in path.split("/") if segment]
    routes = [route for route in application.routes if isinstance(route, HTTPRoute)]
    return {
        str(method)
        for route in routes
        if len(route.path_components) == len(segments)
        and all(
            not isinstance(component, str) or component == segment
            for component, segment in zip(route.path_components, segments, strict=True)
        )
        for method in route.methods
    }
