"""The upload form: read in memory, strictly."""

from typing import Any

import pytest

from engine.api.form import FormFile, read_form_file
from engine.api.problems import ApiProblem, Problem

PART = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ncontent'


def body_of(*parts: bytes, boundary: bytes = b"B", end: bytes = b"--\r\n") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + end


class Sent:
    """As much of a Request as the form reads."""

    def __init__(self, body: bytes, media_type: str = "multipart/form-data", boundary: str = "B") -> None:
        self.content_type = (media_type, {"boundary": boundary} if boundary else {})
        self._body = body

    async def body(self) -> bytes:
        return self._body


async def read(sent: Any, most_bytes: int = 100) -> FormFile:
    return await read_form_file(sent, most_bytes)


async def test_file_comes_out_as_it_was_sent() -> None:
    file = await read(Sent(body_of(PART)))

    assert (file.name, file.content) == ("a.csv", b"content")
    assert "content" not in repr(file)
    binary = bytes(range(256)) + b"\r\n--"
    part = b'Content-Type: text/csv\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + binary
    assert (await read(Sent(body_of(part)), 300)).content == binary


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (Sent(b"{}", "application/json"), Problem.NOT_A_FORM),
        (Sent(body_of(PART), boundary=""), Problem.MALFORMED_REQUEST),
        (Sent(body_of(PART), boundary="B" * 71), Problem.MALFORMED_REQUEST),
        (Sent(body_of(PART), boundary="é"), Problem.MALFORMED_REQUEST),
        (Sent(b""), Problem.MALFORMED_REQUEST),
        (Sent(b"content"), Problem.MALFORMED_REQUEST),
        (Sent(body_of(PART, end=b"")), Problem.MALFORMED_REQUEST),
        (Sent(body_of(PART)[:-20]), Problem.MALFORMED_REQUEST),
        (Sent(body_of(PART, PART)), Problem.MALFORMED_REQUEST),
        (Sent(body_of(b"no header\r\n\r\ncontent")), Problem.MALFORMED_REQUEST),
        (Sent(body_of(b'Content-Disposition: form-data; name="file"\r\n\r\ntext')), Problem.INVALID_INPUT),
        (Sent(body_of(PART.replace(b'"file"', b'"other"'))), Problem.INVALID_INPUT),
        (Sent(body_of()), Problem.INVALID_INPUT),
        (Sent(body_of(PART + b"x" * 100)), Problem.BODY_TOO_LARGE),
    ],
)
async def test_anything_else_is_refused(sent: Sent, problem: Problem) -> None:
    with pytest.raises(ApiProblem) as refused:
        await read(sent)
    assert refused.value.problem is problem
