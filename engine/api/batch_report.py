"""What came of a batch task, line by line, as a CSV file: Keyturn's own, for people who mend what failed."""

from typing import Annotated

from litestar import Response, Router, get
from litestar.params import QueryParameter

from engine.api.answers import PROBLEMS
from engine.api.batch_schema import TaskIdPath
from engine.api.batch_tasks import find_task
from engine.api.schema import ProjectIdPath
from engine.api.services import ServicesOf
from engine.api.spreadsheet import spreadsheet_text
from engine.registry.store import NEWEST, PageRequest
from engine.registry.store_batches import LineStatus, marker_of

_HEADER = ("line", "target", "status", "error_code", "error_msg")
_LINES_READ = 1000
"""Lines in a read: 5 ms of the event loop to write them."""


@get(
    "/{task_id:str}/report",
    media_type="text/csv",
    responses=PROBLEMS,
    summary="ReportBatchTask",
    operation_id="ReportBatchTask",
)
async def report_task(
    project_id: ProjectIdPath,
    task_id: TaskIdPath,
    services: ServicesOf,
    status: Annotated[LineStatus | None, QueryParameter(description="Only lines that stand so.")] = None,
) -> Response[str]:
    """Write what came of each line of a batch task as CSV, the last first; what looks like a formula is escaped."""
    await find_task(services, project_id, task_id)
    parts = [spreadsheet_text([_HEADER])]
    marker: str | None = NEWEST
    while marker is not None:
        page = PageRequest(_LINES_READ, marker)
        lines = (await services.store.batches.list_lines(task_id, status, None, page)).lines
        parts.append(
            spreadsheet_text(
                (line.number, line.target, line.status.value, line.error_code, line.error_msg) for line in lines
            )
        )
        marker = marker_of(lines[-1]) if len(lines) == _LINES_READ else None
    return Response("".join(parts))


batch_report_router = Router("/keyturn/batchtasks", route_handlers=[report_task], tags=["keyturn"])
