"""What needs no token: whether the process lives, whether it may be given connections, and its metrics."""

import msgspec
from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec

from engine.api.services import ServicesOf
from engine.observe.health import Readiness
from engine.observe.metrics import MEDIA_TYPE


class Liveness(msgspec.Struct, frozen=True):
    """That this was answered is the whole of it."""

    alive: bool


@get("/livez", summary="Liveness", operation_id="Livez", tags=["probes"])
async def livez() -> Liveness:
    """Say that the event loop turns."""
    return Liveness(alive=True)


_NOT_READY = {503: ResponseSpec(Readiness, generate_examples=False, description="Not ready.")}


@get("/readyz", responses=_NOT_READY, summary="Readiness", operation_id="Readyz", tags=["probes"])
async def readyz(services: ServicesOf) -> Response[Readiness]:
    """Say whether connections may come (200) or not (503), and the state of what decides it."""
    readiness = await services.health.report()
    return Response(readiness, status_code=200 if readiness.ready else 503)


@get("/metrics", media_type=MEDIA_TYPE, summary="Metrics", operation_id="Metrics", tags=["probes"])
async def metrics(services: ServicesOf) -> bytes:
    """Counters, gauges and histograms in the Prometheus text format."""
    return services.metrics.exposition()


PROBES = [livez, readyz, metrics]
