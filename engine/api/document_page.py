"""The OpenAPI document as a page for people: HTML and CSS of our own, no script, nothing from anywhere else."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from engine.api.document_style import STYLE
from engine.api.problems import Problem
from engine.api.schema import COMPACT_TIME, FINGERPRINT, ID, NAME, RECORD_ID, SERVICE_NAME, TEXT

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing is loaded and nothing runs, whatever should ever stand in the page."""

_IN_WORDS = {
    ID: "letters, digits, _ and -",
    NAME: "Chinese, letters, digits and _?'#().,&%@!-",
    SERVICE_NAME: "as a name, and $",
    TEXT: "as a name, and white space and ;/，、：；。",
    FINGERPRINT: "40 or 64 hex digits",
    RECORD_ID: "24 hex digits",
    COMPACT_TIME: "yyyyMMdd'T'HHmmss'Z'",
}
_METHODS = ("get", "post", "put", "delete")
_BOUNDS = {
    ("minLength", "maxLength"): "characters",
    ("minItems", "maxItems"): "entries",
    ("minimum", "maximum"): "",
}

Json = Mapping[str, Any]


def document_page(document: Json) -> bytes:
    """The whole page."""
    groups = _groups(document)
    info, schemas = document["info"], document["components"]["schemas"]
    content = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>",
        *_navigation(info, groups),
        "<main>",
        *_introduction(document),
        *(line for name, operations in groups.items() for line in _group(name, operations, schemas)),
        *_problems(),
        *_schemas(schemas),
        "</main></body></html>",
    ]
    return "\n".join(content).encode()


def _groups(document: Json) -> dict[str, list[tuple[str, str, Json]]]:
    """Tag -> (method, path, operation), in the order of the document."""
    groups: dict[str, list[tuple[str, str, Json]]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                groups.setdefault((operation.get("tags") or ["other"])[0], []).append((method, path, operation))
    return groups


def _navigation(info: Json, groups: Mapping[str, Sequence[tuple[str, str, Json]]]) -> Iterator[str]:
    yield '<nav aria-label="Operations">'
    yield f'<a class="brand" href="#top">Keyturn <small>{escape(info["version"])}</small></a>'
    for name, operations in groups.items():
        yield f"<h2>{escape(name)}</h2><ul>"
        for method, _, operation in operations:
            label = escape(operation["operationId"])
            yield f'<li><a href="#{label}"><i class="dot {method}"></i>{label}</a></li>'
        yield "</ul>"
    yield '<h2>reference</h2><ul><li><a href="#errors">Errors</a></li>'
    yield '<li><a href="#schemas">Schemas</a></li></ul></nav>'


def _introduction(document: Json) -> Iterator[str]:
    info = document["info"]
    yield f'<header id="top"><h1>{escape(info["title"])}</h1><p>{escape(info["description"])}</p>'
    yield '<p>The same as a document: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>'
    yield "<h2>Who is asking</h2><dl>"
    for scheme in document["components"].get("securitySchemes", {}).values():
        yield f"<dt><code>{escape(scheme['name'])}</code></dt><dd>{escape(scheme['description'])}</dd>"
    yield "</dl></header>"


def _group(name: str, operations: Sequence[tuple[str, str, Json]], schemas: Json) -> Iterator[str]:
    yield f'<section><h2 class="group">{escape(name)}</h2>'
    for method, path, operation in operations:
        identity = escape(operation["operationId"])
        yield f'<article id="{identity}"><h3>{identity}</h3>'
        yield f'<p class="route"><b class="method {method}">{method.upper()}</b> <code>{_path(path)}</code></p>'
        yield f"<p>{escape(operation.get('description', ''))}</p>"
        yield from _parameters(operation.get("parameters", []))
        yield from _body(operation.get("requestBody"), schemas)
        yield from _answers(operation["responses"])
        yield "</article>"
    yield "</section>"


def _path(path: str) -> str:
    """A path that may break at its slashes, its parameters set off."""
    text = escape(path).replace("/", "/<wbr>")
    return text.replace("{", "<var>{").replace("}", "}</var>")


def _parameters(parameters: Sequence[Json]) -> Iterator[str]:
    rows = [
        _row(each["name"], each["schema"], each.get("description", ""), is_required=each["required"], note=each["in"])
        for each in parameters
    ]
    if rows:
        yield "<h4>Parameters</h4>"
        yield from _table(rows)


def _body(body: Json | None, schemas: Json) -> Iterator[str]:
    for media_type, described in (body or {}).get("content", {}).items():
        schema = described["schema"]
        yield f"<h4>Body <small>{escape(media_type)}, {_type(schema)}</small></h4>"
        whole = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if "properties" in whole:
            yield from _properties(whole)


def _answers(responses: Json) -> Iterator[str]:
    yield "<h4>Answers</h4><ul class='answers'>"
    errors = []
    for status, answer in sorted(responses.items()):
        schemas = [described["schema"] for described in answer.get("content", {}).values()]
        if status.startswith(("4", "5")) and schemas and schemas[0].get("$ref", "").endswith("/ProblemBody"):
            errors.append(status)
            continue
        body = f", {_type(schemas[0])}" if schemas else ""
        yield f"<li><b class='status'>{escape(status)}</b> {escape(answer['description'])}{body}</li>"
    if errors:
        listed = ", ".join(errors)
        yield f"<li><b class='status error'>{escape(listed)}</b> one of the <a href='#errors'>errors</a></li>"
    yield "</ul>"


def _problems() -> Iterator[str]:
    yield '<section id="errors"><h2 class="group">Errors</h2><p>Every error has this body: '
    yield f"{_link('ProblemBody')}. Codes marked <em>ours</em> stand where the reference service's are not public.</p>"
    yield '<div class="scroll"><table><thead><tr><th>HTTP</th><th>error_code</th><th>error_msg</th></tr></thead><tbody>'
    for row in sorted((problem.value for problem in Problem), key=lambda row: (row.code, row.status)):
        mark = " <em>ours</em>" if row.is_ours else ""
        code = f"<code>{escape(row.code)}</code>{mark}"
        yield f"<tr><td>{row.status}</td><td>{code}</td><td>{escape(row.message)}</td></tr>"
    yield "</tbody></table></div></section>"


def _schemas(schemas: Json) -> Iterator[str]:
    yield '<section id="schemas"><h2 class="group">Schemas</h2>'
    for name, schema in sorted(schemas.items()):
        yield f'<article id="schema-{escape(name)}"><h3>{escape(name)}</h3>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        if "properties" in schema:
            yield from _properties(schema)
        else:
            yield f"<p>{_type(schema)}</p>"
        yield "</article>"
    yield "</section>"


def _properties(schema: Json) -> Iterator[str]:
    required = schema.get("required", [])
    return _table(
        [
            _row(name, described, described.get("description", ""), is_required=name in required)
            for name, described in schema["properties"].items()
        ]
    )


def _table(rows: Sequence[str]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead><tbody>'
    yield from rows
    yield "</tbody></table></div>"


def _row(name: str, schema: Json, description: str, *, is_required: bool, note: str = "") -> str:
    marks = "".join(
        f" <small{kind}>{escape(text)}</small>"
        for text, kind in ((note, ""), ("required" if is_required else "", ' class="required"'))
        if text
    )
    limits = "; ".join(escape(limit) for limit in _limits(schema))
    bounds = f"<br><small>{limits}</small>" if limits else ""
    cells = (f"<code>{escape(name)}</code>{marks}", f"{_type(schema)}{bounds}", escape(description))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _type(schema: Json) -> str:
    """What kind of value it is, as HTML; null says no more than that the field may be absent."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    alternatives = [each for each in schema.get("oneOf", schema.get("anyOf", [])) if each.get("type") != "null"]
    if alternatives:
        return " or ".join(_type(each) for each in alternatives)
    if "enum" in schema:
        return " <span class='or'>|</span> ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "file"
    kind = schema.get("type", "anything")
    return escape(kind if isinstance(kind, str) else " or ".join(each for each in kind if each != "null"))


def _link(name: str) -> str:
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'


def _limits(schema: Json) -> Iterator[str]:
    """Its bounds, in words. Those of a nullable value stand beside its alternatives or in one of them."""
    for each in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        for (low, high), unit in _BOUNDS.items():
            bounds = (each.get(low), each.get(high))
            if bounds != (None, None):
                yield f"{_range(*bounds)} {unit}".strip()
        if "pattern" in each:
            yield _IN_WORDS.get(each["pattern"], f"matches {each['pattern']}")
    if schema.get("default") is not None:
        yield f"default {str(schema['default']).lower()}"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:n}"
    if high is None:
        return f"at least {low:n}"
    return f"{low:n}" if low == high else f"{low:n} to {high:n}"
