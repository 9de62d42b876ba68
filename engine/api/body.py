"""Request bodies: JSON decoded strictly into a Struct, by msgspec in one pass.

Litestar's own way converts leniently ("20" passes for the number 20), which the contract does not.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from engine.api.problems import ApiProblem, Problem

T = TypeVar("T")

_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")


class StrictBody(AbstractDTO[T]):
    """`dto=StrictBody[CreateDevice]` on a handler: its `data` is a CreateDevice, or the request is refused.

    Fields that the Struct does not name are ignored, as the reference service ignores them.
    """

    def decode_bytes(self, value: bytes) -> T:
        """The body as the Struct. ApiProblem names the field that does not fit."""
        request = cast(Request[Any, Any, Any], self.asgi_connection)
        if request.content_type[0] != "application/json":
            raise ApiProblem(Problem.UNSUPPORTED_MEDIA_TYPE)
        try:
            return msgspec.json.decode(value, type=self.model_type)
        except msgspec.ValidationError as fault:
            raise ApiProblem(Problem.INVALID_INPUT, field_detail(str(fault))) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise ApiProblem(Problem.MALFORMED_REQUEST, f"{fault}.") from None
        except RecursionError:
            raise ApiProblem(Problem.MALFORMED_REQUEST, "The JSON is nested too deeply.") from None

    @classmethod
    def create_for_field_definition(cls, *_arguments: Any, **_options: Any) -> None:
        """No transfer model: the Struct itself is the model."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """The Struct's own schema."""
        del handler_id
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[DTOFieldDefinition]:  # type: ignore[override] # the base asks for a Generator, whose send and return nobody uses
        """No transfer model, so no fields of one."""
        del model_type
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """No transfer model, so nothing nested."""
        del field_definition
        return False


def field_detail(fault: str) -> str:
    """msgspec's text of a fault as "field: what is wrong."; "body" where the whole of it is wrong."""
    match = _FAULT.fullmatch(fault)
    what, where = (match["what"], match["where"] or "") if match else (fault, "")
    missing = _MISSING.fullmatch(what)
    if missing:
        where, what = f"{where}.{missing[1]}" if where else missing[1], "is required"
    return f"{where or 'body'}: {what[0].lower()}{what[1:]}."
