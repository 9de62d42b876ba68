"""The one multipart form of this API: a file, in the field "file" (RFC 7578), as the SDK's FormFile sends it.

Read from memory, which the route's bound on the body limits: Litestar's own reader would put secrets into /tmp.
"""

from typing import Any

import msgspec
from litestar import Request
from multipart import (  # type: ignore[import-untyped] # it ships no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from engine.api.problems import ApiProblem, Problem

_FIELD = "file"
_BOUNDARY_BYTES = 70
"""RFC 2046 section 5.1.1."""


class FormFile(msgspec.Struct, frozen=True):
    """A file as it was sent: the name is its sender's."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        """Never the content."""
        return f"<FormFile of {len(self.content)} bytes>"


async def read_form_file(request: Request[Any, Any, Any], most_bytes: int) -> FormFile:
    """The file of a request's form. ApiProblem: another media type, not a form, no such field or more than that."""
    media_type, parameters = request.content_type
    if media_type != "multipart/form-data":
        raise ApiProblem(Problem.NOT_A_FORM)
    boundary = parameters.get("boundary", "")
    if not 0 < len(boundary) <= _BOUNDARY_BYTES or not boundary.isascii():
        raise ApiProblem(Problem.MALFORMED_REQUEST, "The form has no boundary.")
    file = _file_of(await request.body(), boundary)
    if len(file.content) > most_bytes:
        raise ApiProblem(Problem.BODY_TOO_LARGE)
    return file


def _file_of(body: bytes, boundary: str) -> FormFile:
    found: MultipartSegment | None = None
    content = bytearray()
    try:
        with PushMultipartParser(boundary, max_segment_count=1, strict=True) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    found = event
                elif event:
                    content += event
    except MultipartError as fault:
        raise ApiProblem(Problem.MALFORMED_REQUEST, f"The form cannot be read: {fault}.") from None
    if found is None or found.name != _FIELD or found.filename is None:
        raise ApiProblem(Problem.INVALID_INPUT, f"{_FIELD}: a file is required, and nothing else.")
    return FormFile(found.filename, bytes(content))
