"""Files of batch tasks: upload, list, delete (iotda-rest.md A.2, batch)."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Router, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from engine.api.answers import PROBLEMS
from engine.api.authentication import TAKES_UNSIGNED_PAYLOAD, Caller, CallerOf
from engine.api.batch_document import read_text
from engine.api.batch_schema import FileAnswer, FileIdPath, FileList, file_answer
from engine.api.changes import audit_entry
from engine.api.form import read_form_file
from engine.api.problems import ApiProblem, Problem, raise_refusal
from engine.api.schema import ProjectIdPath
from engine.api.services import ServicesOf
from engine.limits import Limits
from engine.registry.sealing import Slot
from engine.registry.store_batches import BatchFile

_FORM_BYTES = 16 * 1024
"""What a form may have around its file."""
_NAME_LENGTH = 255


@dataclass
class _Upload(Operation):
    """UploadBatchTaskFile in the document; its body is read by read_form_file, of which Litestar knows nothing."""

    def __post_init__(self) -> None:
        file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="CSV in UTF-8; docs/batch.md.")
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": file}, required=["file"])
        self.request_body = RequestBody({"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


@post(
    "/",
    responses=PROBLEMS,
    summary="UploadBatchTaskFile",
    operation_id="UploadBatchTaskFile",
    operation_class=_Upload,
    opt={TAKES_UNSIGNED_PAYLOAD: True},
)
async def upload_file(
    project_id: ProjectIdPath, request: Request[Any, Caller, Any], caller: CallerOf, services: ServicesOf
) -> FileAnswer:
    """Upload the CSV file of a batch task. It is kept sealed, because a file of new devices holds their secrets."""
    form_file = await read_form_file(request, services.limits.batch_file_bytes)
    if not form_file.name.isprintable() or not 0 < len(form_file.name) <= _NAME_LENGTH:
        raise ApiProblem(Problem.INVALID_INPUT, f"file: a name of 1 to {_NAME_LENGTH} printable characters.")
    read_text(form_file.content)
    now = services.clock.wall()
    file = BatchFile(
        file_id=await services.store.allocate_record_id(now),
        project_id=project_id,
        file_name=form_file.name,
        uploaded_at=int(now),
    )
    sealed = services.sealer.seal(form_file.content, project_id, file.file_id, Slot.BATCH_FILE)
    audit = audit_entry(
        services, caller, "batch-file.create", file.file_id, file_name=file.file_name, bytes=len(form_file.content)
    )
    raise_refusal(await services.store.batches.add_file(file, sealed, audit))
    return file_answer(file)


@get("/", responses=PROBLEMS, summary="ListBatchTaskFiles", operation_id="ListBatchTaskFiles")
async def list_files(project_id: ProjectIdPath, services: ServicesOf) -> FileList:
    """List the uploaded files, newest first."""
    return FileList([file_answer(file) for file in await services.store.batches.files(project_id)])


@delete("/{file_id:str}", responses=PROBLEMS, summary="DeleteBatchTaskFile", operation_id="DeleteBatchTaskFile")
async def delete_file(project_id: ProjectIdPath, file_id: FileIdPath, caller: CallerOf, services: ServicesOf) -> None:
    """Delete a file. Refused while an unfinished task reads it; a task that failed cannot be retried without it."""
    audit = audit_entry(services, caller, "batch-file.delete", file_id)
    raise_refusal(await services.store.batches.delete_file(project_id, file_id, audit))


def batch_files_router(limits: Limits) -> Router:
    """The routes, with the bound of their bodies."""
    return Router(
        "/batchtask-files",
        route_handlers=[upload_file, list_files, delete_file],
        request_max_body_size=limits.batch_file_bytes + _FORM_BYTES,
        tags=["batch tasks"],
    )
