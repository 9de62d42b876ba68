"""The one table of what the API refuses and how it says so. Generates docs/errors.md (iotda-rest.md A.6)."""

import enum
from typing import TypeVar

import msgspec

from engine.errors import KeyturnError
from engine.registry.store import StoreRefusal

T = TypeVar("T")


class Row(msgspec.Struct, frozen=True):
    """HTTP status, error_code and error_msg of one problem.

    `is_ours`: no public text gives a code, so one was taken from the free block IOTDA.090xxx. `is_gateway`: the
    reference service refuses this in the API gateway in front, whose body also carries the request id.
    """

    status: int
    code: str
    message: str
    is_ours: bool = False
    is_gateway: bool = False


class Problem(enum.Enum):
    """Everything the API can refuse."""

    UNAUTHENTICATED = Row(401, "APIGW.0301", "Incorrect IAM authentication information.", is_gateway=True)
    FORBIDDEN = Row(403, "IOTDA.000022", "The caller has no permission for this.")
    INTERNAL = Row(500, "IOTDA.000001", "Internal server error.")
    INVALID_INPUT = Row(400, "IOTDA.000006", "Invalid input data.")
    MALFORMED_REQUEST = Row(400, "IOTDA.000008", "Malformed request.")
    UNSUPPORTED_MEDIA_TYPE = Row(415, "IOTDA.000008", "The Content-Type of a request body must be application/json.")
    NOT_A_FORM = Row(415, "IOTDA.000008", "The Content-Type of an upload must be multipart/form-data.")
    INVALID_TIME = Row(400, "IOTDA.000009", "Invalid time format; write yyyyMMdd'T'HHmmss'Z'.")
    TIMES_REVERSED = Row(400, "IOTDA.000010", "The start time is after the end time.")
    LIMIT_OUT_OF_RANGE = Row(400, "IOTDA.000017", "The query parameter limit is out of range.")
    MARKER_OUT_OF_RANGE = Row(400, "IOTDA.000018", "The query parameter marker is out of range.")
    DEVICE_ABSENT = Row(404, "IOTDA.014000", "The device does not exist.")
    DEVICE_EXISTS = Row(400, "IOTDA.014031", "The device already exists; change device_id.")
    SUB_DEVICE_FREEZE = Row(403, "IOTDA.014038", "Sub-devices cannot be frozen.")
    ALREADY_FROZEN = Row(403, "IOTDA.014039", "The device is frozen already.")
    NOT_FROZEN = Row(403, "IOTDA.014040", "The device is not frozen.")
    CERTIFICATE_CONTENT = Row(400, "IOTDA.014301", "Invalid certificate content.")
    PROOF_FAILED = Row(400, "IOTDA.014308", "Operation not allowed. The verification certificate failed.")
    UNKNOWN_PATH = Row(404, "IOTDA.090001", "No such path.", is_ours=True)
    METHOD_NOT_ALLOWED = Row(405, "IOTDA.090002", "The path does not take this method.", is_ours=True)
    BODY_TOO_LARGE = Row(413, "IOTDA.090003", "The request body is too large.", is_ours=True)
    MISDIRECTED = Row(421, "IOTDA.090004", "The Host header names no host that is served here.", is_ours=True)
    HEADER_REPEATED = Row(400, "IOTDA.090005", "A header that must be given once is repeated.", is_ours=True)
    PATH_NOT_PLAIN = Row(
        400, "IOTDA.090006", "Paths are written without percent-encoding, dot or empty segments.", is_ours=True
    )
    BODY_TOO_SLOW = Row(408, "IOTDA.090007", "The request body did not arrive in time.", is_ours=True)
    UNAVAILABLE = Row(503, "IOTDA.090008", "The registry is unavailable; nothing was decided, try again.", is_ours=True)
    PRODUCT_ABSENT = Row(404, "IOTDA.090101", "The product does not exist.", is_ours=True)
    PRODUCT_EXISTS = Row(400, "IOTDA.090102", "The product already exists; change product_id.", is_ours=True)
    PRODUCT_IN_USE = Row(403, "IOTDA.090103", "The product has devices and cannot be deleted.", is_ours=True)
    HAS_SUB_DEVICES = Row(403, "IOTDA.090104", "The device has sub-devices and cannot be deleted.", is_ours=True)
    NODE_ID_TAKEN = Row(400, "IOTDA.090105", "The node_id belongs to another CoAP device.", is_ours=True)
    GATEWAY_ABSENT = Row(404, "IOTDA.090106", "The gateway_id names no device that may have sub-devices.", is_ours=True)
    UNSUPPORTED_ACTION = Row(400, "IOTDA.090301", "The device takes no such action_id.", is_ours=True)
    FINGERPRINT_TAKEN = Row(400, "IOTDA.090302", "The fingerprint belongs to another device.", is_ours=True)
    TOO_MANY_TAGS = Row(400, "IOTDA.090303", "The device has as many tags as it may have.", is_ours=True)
    TAG_ABSENT = Row(404, "IOTDA.090304", "The device has no such tag.", is_ours=True)
    SEARCH_TOO_SLOW = Row(
        400, "IOTDA.090305", "The search takes too long; narrow it by a field that has an index.", is_ours=True
    )

    ACCESS_KEY_ABSENT = Row(404, "IOTDA.090201", "The access key does not exist.", is_ours=True)
    TOO_MANY_ACCESS_KEYS = Row(403, "IOTDA.090202", "The project has as many access keys as it may.", is_ours=True)
    TOKEN_ABSENT = Row(404, "IOTDA.090203", "The token does not exist.", is_ours=True)
    TOKEN_EXISTS = Row(400, "IOTDA.090204", "The project has a token of this name.", is_ours=True)
    TOO_MANY_TOKENS = Row(403, "IOTDA.090205", "The project has as many tokens as it may.", is_ours=True)
    BUSY = Row(503, "IOTDA.090206", "Too many requests are under way; nothing was decided, try again.", is_ours=True)
    CERTIFICATE_ABSENT = Row(404, "IOTDA.090401", "The device CA certificate does not exist.", is_ours=True)
    CERTIFICATE_EXISTS = Row(400, "IOTDA.090402", "The device CA certificate exists already.", is_ours=True)
    TOO_MANY_CERTIFICATES = Row(
        400, "IOTDA.090403", "The project has as many device CA certificates as it may have.", is_ours=True
    )
    VERIFY_CODE_MISMATCH = Row(
        400, "IOTDA.090404", "The verification certificate's common name is not the verify code.", is_ours=True
    )
    DEVICE_CERTIFICATE_ABSENT = Row(404, "IOTDA.090405", "The device certificate does not exist.", is_ours=True)
    PRODUCT_TO_COAP = Row(400, "IOTDA.090406", "Another protocol_type cannot be changed into CoAP.", is_ours=True)
    PRODUCT_PROTOCOL_IN_USE = Row(
        403, "IOTDA.090407", "The product has devices of its protocol and cannot change it.", is_ours=True
    )
    CA_LOOKS_ALIKE = Row(
        403,
        "IOTDA.090408",
        "Another verified device CA has the same subject and another key; make yours with a subject of its own.",
        is_ours=True,
    )
    CRL_ABSENT = Row(404, "IOTDA.090409", "The device CA certificate has no CRL.", is_ours=True)
    CRL_CONTENT = Row(400, "IOTDA.090410", "Invalid CRL content.", is_ours=True)
    CRL_OLDER = Row(400, "IOTDA.090411", "The CRL is older than the one that is there.", is_ours=True)
    CRLS_TOO_LARGE = Row(
        400, "IOTDA.090412", "The project's CRLs would be larger together than they may be.", is_ours=True
    )
    BATCH_TASK_ABSENT = Row(404, "IOTDA.090501", "The batch task does not exist.", is_ours=True)
    BATCH_FILE_ABSENT = Row(404, "IOTDA.090502", "The batch file does not exist.", is_ours=True)
    TOO_MANY_BATCH_TASKS = Row(
        403, "IOTDA.090503", "The project has as many unfinished batch tasks of this type as it may.", is_ours=True
    )
    TOO_MANY_BATCH_FILES = Row(403, "IOTDA.090504", "The project has as many batch files as it may.", is_ours=True)
    BATCH_FILE_IN_USE = Row(403, "IOTDA.090505", "An unfinished batch task reads the batch file.", is_ours=True)
    BATCH_TASK_UNFINISHED = Row(403, "IOTDA.090506", "The batch task is not finished; stop it first.", is_ours=True)
    BATCH_TASK_FINISHED = Row(403, "IOTDA.090507", "The batch task is finished or being stopped.", is_ours=True)
    BATCH_TASK_NOT_RETRIED = Row(
        403, "IOTDA.090508", "Only a batch task that is Processing, Fail or PartialSuccess is retried.", is_ours=True
    )
    BATCH_TASK_INITIALIZING = Row(
        403, "IOTDA.090509", "The batch task is being initialized; try again in a moment.", is_ours=True
    )
    BATCH_TARGET_REPEATED = Row(400, "IOTDA.090510", "The batch task names this target already.", is_ours=True)
    BATCH_TARGET_UNFIT = Row(
        400, "IOTDA.090511", "The batch task has no such target in a state for this.", is_ours=True
    )


BY_REFUSAL = {
    StoreRefusal.DEVICE_EXISTS: Problem.DEVICE_EXISTS,
    StoreRefusal.NODE_ID_TAKEN: Problem.NODE_ID_TAKEN,
    StoreRefusal.FINGERPRINT_TAKEN: Problem.FINGERPRINT_TAKEN,
    StoreRefusal.TOO_MANY_TAGS: Problem.TOO_MANY_TAGS,
    StoreRefusal.TAG_ABSENT: Problem.TAG_ABSENT,
    StoreRefusal.SEARCH_TOO_SLOW: Problem.SEARCH_TOO_SLOW,
    StoreRefusal.DEVICE_ABSENT: Problem.DEVICE_ABSENT,
    StoreRefusal.DEVICE_HAS_SUB_DEVICES: Problem.HAS_SUB_DEVICES,
    StoreRefusal.SUB_DEVICE: Problem.SUB_DEVICE_FREEZE,
    StoreRefusal.ALREADY_FROZEN: Problem.ALREADY_FROZEN,
    StoreRefusal.NOT_FROZEN: Problem.NOT_FROZEN,
    StoreRefusal.GATEWAY_ABSENT: Problem.GATEWAY_ABSENT,
    StoreRefusal.PROJECT_ABSENT: Problem.UNAUTHENTICATED,
    StoreRefusal.ACCESS_KEY_ABSENT: Problem.ACCESS_KEY_ABSENT,
    StoreRefusal.TOO_MANY_ACCESS_KEYS: Problem.TOO_MANY_ACCESS_KEYS,
    StoreRefusal.TOKEN_ABSENT: Problem.TOKEN_ABSENT,
    StoreRefusal.TOKEN_EXISTS: Problem.TOKEN_EXISTS,
    StoreRefusal.TOO_MANY_TOKENS: Problem.TOO_MANY_TOKENS,
    StoreRefusal.BATCH_TASK_ABSENT: Problem.BATCH_TASK_ABSENT,
    StoreRefusal.BATCH_FILE_ABSENT: Problem.BATCH_FILE_ABSENT,
    StoreRefusal.TOO_MANY_BATCH_TASKS: Problem.TOO_MANY_BATCH_TASKS,
    StoreRefusal.TOO_MANY_BATCH_FILES: Problem.TOO_MANY_BATCH_FILES,
    StoreRefusal.BATCH_FILE_IN_USE: Problem.BATCH_FILE_IN_USE,
    StoreRefusal.BATCH_TASK_UNFINISHED: Problem.BATCH_TASK_UNFINISHED,
    StoreRefusal.BATCH_TASK_FINISHED: Problem.BATCH_TASK_FINISHED,
    StoreRefusal.BATCH_TASK_NOT_RETRIED: Problem.BATCH_TASK_NOT_RETRIED,
    StoreRefusal.BATCH_TASK_INITIALIZING: Problem.BATCH_TASK_INITIALIZING,
    StoreRefusal.PRODUCT_EXISTS: Problem.PRODUCT_EXISTS,
    StoreRefusal.PRODUCT_ABSENT: Problem.PRODUCT_ABSENT,
    StoreRefusal.PRODUCT_IN_USE: Problem.PRODUCT_IN_USE,
    StoreRefusal.PRODUCT_TO_COAP: Problem.PRODUCT_TO_COAP,
    StoreRefusal.PRODUCT_PROTOCOL_IN_USE: Problem.PRODUCT_PROTOCOL_IN_USE,
    StoreRefusal.CERTIFICATE_EXISTS: Problem.CERTIFICATE_EXISTS,
    StoreRefusal.CERTIFICATE_ABSENT: Problem.CERTIFICATE_ABSENT,
    StoreRefusal.TOO_MANY_CERTIFICATES: Problem.TOO_MANY_CERTIFICATES,
    StoreRefusal.CA_LOOKS_ALIKE: Problem.CA_LOOKS_ALIKE,
    StoreRefusal.CRL_ABSENT: Problem.CRL_ABSENT,
    StoreRefusal.CRL_OLDER: Problem.CRL_OLDER,
    StoreRefusal.CRLS_TOO_LARGE: Problem.CRLS_TOO_LARGE,
    StoreRefusal.DEVICE_CERTIFICATE_ABSENT: Problem.DEVICE_CERTIFICATE_ABSENT,
}
"""What each refusal of the store that the API can meet is called over HTTP."""


class ApiProblem(KeyturnError):
    """The request is refused. `detail` follows the table's message and names the field; never a secret."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{problem.name}: {detail}")
        self.problem = problem
        self.detail = detail


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error (iotda-rest.md A.1)."""

    error_code: str
    error_msg: str
    request_id: str | None = None


def problem_body(problem: Problem, detail: str, request_id: str) -> ProblemBody:
    """The error body of a problem; the request id is in it where the reference service's gateway speaks."""
    row = problem.value
    message = f"{row.message} {detail}" if detail else row.message
    return ProblemBody(row.code, message, request_id if row.is_gateway else None)


def raise_refusal(refusal: StoreRefusal | None) -> None:
    """ApiProblem when the store refused the change; nothing when it was made."""
    if refusal is not None:
        raise ApiProblem(BY_REFUSAL[refusal])


def unless_refused(answer: T | StoreRefusal) -> T:
    """What the store answered; ApiProblem when that is a refusal."""
    if isinstance(answer, StoreRefusal):
        raise ApiProblem(BY_REFUSAL[answer])
    return answer


def errors_document() -> str:
    """docs/errors.md, whole."""
    lines = [
        "# Errors of the application API",
        "",
        "Generated from `engine/api/problems.py` by `python -m engine.api.problems > docs/errors.md`.",
        "",
        'Every error has the body `{"error_code": ..., "error_msg": ...}` and the header `X-Request-Id`; APIGW codes',
        "carry `request_id` in the body too. `error_msg` goes on with the field and what is wrong with it. The message",
        "is for people and may change; the code does not. Codes marked *ours* stand where no public text gives the",
        "reference service's code; they come from the free block IOTDA.090xxx.",
        "",
        "A token or access key that is unknown or revoked, a signature that is wrong or too old, and credentials that",
        "do not own the project in the path all get the same 401: which projects and access keys exist is nobody",
        "else's business. What is not HTTP at all is answered by a bare 400.",
        "",
        "| HTTP | error_code | error_msg | |",
        "|---|---|---|---|",
    ]
    rows = sorted((problem.value for problem in Problem), key=lambda row: (row.code, row.status))
    lines += [f"| {row.status} | {row.code} | {row.message} | {'ours' if row.is_ours else ''} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(errors_document(), end="")  # noqa: T201 - this is the generator's output
