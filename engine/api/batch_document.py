"""The file of a batch task: CSV, one physical line a target (docs/batch.md).

Nothing is guessed: a line that does not fit is refused with its number and never becomes a usable device
(CVE-2018-12551). A quoted cell cannot span lines, so that a lost quote costs its own line and swallows no other.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import msgspec

from engine.api.body import field_detail
from engine.api.device_schema import CreateDevice, UpdateDevice
from engine.api.problems import ApiProblem, Problem
from engine.api.schema import DeviceId
from engine.registry.store_batches import TaskType

_BYTE_ORDER_MARK = "\ufeff"
_SPREADSHEET_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx (a zip archive) and .xls (a compound file) begin."""

_DEVICE_COLUMNS = ("device_name", "description", "extension_info", "secure_access", "timeout")
_TARGET_ONLY: tuple[Sequence[str], Sequence[str]] = (("device_id",), ())
COLUMNS: Mapping[TaskType, tuple[Sequence[str], Sequence[str]]] = {
    TaskType.CREATE_DEVICES: (
        ("node_id", "product_id"),
        ("device_id", "gateway_id", "app_id", "auth_type", "secret", "fingerprint", *_DEVICE_COLUMNS),
    ),
    TaskType.UPDATE_DEVICES: (("device_id",), _DEVICE_COLUMNS),
    TaskType.DELETE_DEVICES: _TARGET_ONLY,
    TaskType.FREEZE_DEVICES: _TARGET_ONLY,
    TaskType.UNFREEZE_DEVICES: _TARGET_ONLY,
}
"""The columns that a task's file must have, and those that it may have; in any order."""

_AUTH_COLUMNS = frozenset({"auth_type", "secret", "fingerprint", "secure_access", "timeout"})
_BOOLEANS = {"true": True, "false": False}


class Target(msgspec.Struct, frozen=True):
    """A row of a file that names a device."""

    device_id: DeviceId


class UpdateRow(UpdateDevice, frozen=True, kw_only=True):
    """A row of updateDevices."""

    device_id: DeviceId


class BatchDocument:
    """A file, its header read; rows are read one by one, when they are worked."""

    def __init__(self, task_type: TaskType, columns: Sequence[str], lines: Sequence[str]) -> None:
        self._row_type = _ROW_TYPES[task_type]
        self._columns = columns
        self._lines = lines

    def __repr__(self) -> str:
        """Never a line: there are secrets in it."""
        return f"<BatchDocument of {len(self._lines)} lines>"

    @classmethod
    def read(cls, content: bytes, task_type: TaskType, most: int) -> Self:
        """ApiProblem: the file as a whole cannot be used for this type of task, or has more than `most` rows."""
        lines = [line.removesuffix("\r") for line in read_text(content).split("\n")]
        header = next((number for number, line in enumerate(lines) if line), 0)
        columns = _header(lines[header], header + 1, task_type)
        lines[: header + 1] = [""] * (header + 1)
        document = cls(task_type, columns, lines)
        rows = sum(1 for _ in document.numbers())
        if not 0 < rows <= most:
            raise ApiProblem(Problem.INVALID_INPUT, f"document_source: the file has {rows} rows, not 1 to {most}.")
        return document

    def numbers(self) -> Iterator[int]:
        """The numbers of the lines with a row, counted from 1; empty lines are none."""
        return (number for number, line in enumerate(self._lines, 1) if line)

    def row(self, number: int) -> "Row":
        """What a line says. ApiProblem, which names the line, when it does not say it exactly."""
        try:
            cells = _cells(self._lines[number - 1])
            if len(cells) != len(self._columns):
                raise ApiProblem(Problem.INVALID_INPUT, f"it has {len(cells)} cells, not {len(self._columns)}.")
            present = {column: cell for column, cell in zip(self._columns, cells, strict=True) if cell}
            return msgspec.convert(_fields(present), self._row_type)
        except ApiProblem as problem:
            raise ApiProblem(problem.problem, f"Line {number}: {problem.detail}") from None
        except msgspec.ValidationError as fault:
            raise ApiProblem(Problem.INVALID_INPUT, f"Line {number}: {field_detail(str(fault))}") from None


Row = CreateDevice | UpdateRow | Target

_ROW_TYPES: Mapping[TaskType, type[Row]] = {
    TaskType.CREATE_DEVICES: CreateDevice,
    TaskType.UPDATE_DEVICES: UpdateRow,
    TaskType.DELETE_DEVICES: Target,
    TaskType.FREEZE_DEVICES: Target,
    TaskType.UNFREEZE_DEVICES: Target,
}


def target_of(row: Row) -> str:
    """The id of the device that a row is about."""
    if isinstance(row, CreateDevice):
        return row.device_id or f"{row.product_id}_{row.node_id}"
    return row.device_id


def read_text(content: bytes) -> str:
    """The text of an uploaded file: UTF-8, a byte order mark allowed, no NUL. ApiProblem says where it is not that."""
    if not content:
        raise ApiProblem(Problem.INVALID_INPUT, "file: it is empty.")
    if content.startswith(_SPREADSHEET_MAGIC):
        raise ApiProblem(Problem.INVALID_INPUT, "file: a spreadsheet; save it as CSV (UTF-8) and upload that.")
    try:
        text = content.decode()
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise ApiProblem(Problem.INVALID_INPUT, f"file: line {line} is not UTF-8.") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ApiProblem(Problem.INVALID_INPUT, f"file: line {line} has a NUL in it.")
    return text.removeprefix(_BYTE_ORDER_MARK)


def _header(line: str, number: int, task_type: TaskType) -> Sequence[str]:
    required, optional = COLUMNS[task_type]
    try:
        columns = _cells(line)
    except ApiProblem as problem:
        raise ApiProblem(problem.problem, f"document_source: line {number}: {problem.detail}") from None
    for column in columns:
        if columns.count(column) > 1 or column not in (*required, *optional):
            known = ", ".join((*required, *optional))
            raise ApiProblem(
                Problem.INVALID_INPUT,
                f"document_source: line {number} must name columns, each once, of: {known}.",
            )
    missing = [column for column in required if column not in columns]
    if missing:
        raise ApiProblem(Problem.INVALID_INPUT, f"document_source: line {number} lacks the column {missing[0]}.")
    return columns


def _cells(line: str) -> list[str]:
    """The cells of one line, the white space around each gone."""
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error as fault:
        raise ApiProblem(Problem.INVALID_INPUT, f"it is not CSV: {fault}.") from None
    return [cell.strip() for cell in rows[0]] if rows else []


def _fields(cells: Mapping[str, str]) -> dict[str, object]:
    """The cells as the JSON body of the single call has them. ApiProblem names the column, and never quotes a cell."""
    fields: dict[str, object] = dict(cells)
    if "extension_info" in cells:
        try:
            fields["extension_info"] = msgspec.json.decode(cells["extension_info"])
        except (msgspec.DecodeError, RecursionError):
            raise ApiProblem(Problem.INVALID_INPUT, "extension_info: not JSON.") from None
    if "secure_access" in cells:
        if cells["secure_access"].lower() not in _BOOLEANS:
            raise ApiProblem(Problem.INVALID_INPUT, "secure_access: true or false.")
        fields["secure_access"] = _BOOLEANS[cells["secure_access"].lower()]
    if "timeout" in cells:
        if not (cells["timeout"].isascii() and cells["timeout"].isdecimal() and len(cells["timeout"]) <= _INT_DIGITS):
            raise ApiProblem(Problem.INVALID_INPUT, "timeout: a number of seconds.")
        fields["timeout"] = int(cells["timeout"])
    auth_info = {column: fields.pop(column) for column in _AUTH_COLUMNS & fields.keys()}
    return {**fields, "auth_info": auth_info} if auth_info else fields


_INT_DIGITS = 10
"""Of 2147483647, the longest timeout."""
