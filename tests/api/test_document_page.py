"""The documentation page: all of the document, escaped, and nothing from anywhere else."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

from engine.api.document_page import CONTENT_SECURITY_POLICY, document_page
from engine.api.document_style import STYLE
from tests.api.conftest import Api

VOID = {"meta", "br", "wbr"}


class Page(HTMLParser):
    """What stands in a page; fails where elements do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag == "a":
            self.links.append(found["href"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_page_holds_every_operation_and_schema_and_every_link_leads_somewhere(api: Api) -> None:
    response = await api.client.get("/docs")
    page = Page(response.text)
    document = (await api.client.get("/openapi.json")).json()

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    operations = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    schemas = [f"schema-{name}" for name in document["components"]["schemas"]]
    assert {*operations, *schemas} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link == "/openapi.json" or link.removeprefix("#") in page.ids, link


async def test_page_needs_no_script_and_nothing_from_elsewhere(api: Api) -> None:
    response = await api.client.get("/docs")

    assert Page(response.text).elements.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not re.search(r"https?://|//[a-z]|\bon\w+=|url\(|@import", response.text)
    policy = response.headers["content-security-policy"]
    assert policy == CONTENT_SECURITY_POLICY
    assert base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() in policy
    assert f"<style>{STYLE}</style>" in response.text
    assert "default-src 'none'" in policy


async def test_page_is_behind_the_doorway(api: Api) -> None:
    response = await api.client.get("/docs", headers={"Host": "elsewhere.example"})

    assert (response.status_code, response.json()["error_code"]) == (421, "IOTDA.090004")


def test_whatever_the_document_says_is_escaped() -> None:
    bad = "<script>alert('1')</script>\"&"
    schema: dict[str, Any] = {
        "description": bad,
        "required": [bad],
        "properties": {
            bad: {"type": "string", "description": bad, "pattern": bad, "default": bad},
            "e": {"enum": [bad], "description": ""},
            "r": {"oneOf": [{"$ref": f"#/x/{bad}"}, {"type": "null"}], "minimum": 1},
            "a": {"type": "array", "items": {"type": ["string", "null"]}, "maxItems": 2, "minItems": 2},
        },
    }
    operation = {
        "operationId": bad,
        "description": bad,
        "tags": [bad],
        "parameters": [{"name": bad, "in": bad, "schema": {"type": bad}, "required": True, "description": bad}],
        "requestBody": {"content": {bad: {"schema": {"$ref": "#/components/schemas/S"}}}},
        "responses": {"200": {"description": bad}, bad: {"description": bad}},
    }
    page = document_page(
        {
            "info": {"title": bad, "version": bad, "description": bad},
            "paths": {f"/{bad}/{{x}}": {"get": operation}},
            "components": {
                "schemas": {"S": schema, bad: {"type": "string"}},
                "securitySchemes": {"s": {"name": bad, "description": bad}},
            },
        }
    ).decode()

    assert "script" not in Page(page).elements
    assert "<script" not in page
    assert "alert('1')" not in page
    assert "2 entries" in page
