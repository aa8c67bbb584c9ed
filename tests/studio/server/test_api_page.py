from __future__ import annotations

import re

from starlette.testclient import TestClient

from handlens.serving.api_page import render


def test_the_page_shows_every_call_and_every_schema(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()
    answer = client.get("/api/docs")
    assert answer.headers["content-type"].startswith("text/html")
    for path, calls in api["paths"].items():
        assert f"<code>{path}</code>" in answer.text
        for call in calls.values():
            assert call["summary"] in answer.text
    for name in api["components"]["schemas"]:
        assert f"id='{name}'" in answer.text


def test_the_page_needs_nothing_from_elsewhere_and_no_script(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "<script" not in page
    assert " style=" not in page
    links = set(re.findall(r"(?:href|src)=['\"]?([^'\" >]+)", page))
    assert {link for link in links if not link.startswith("#")} == {
        "/api/docs.css",
        "/api/openapi.json",
        "/favicon.svg",
    }
    assert client.get("/api/docs.css").headers["content-type"].startswith("text/css")
    targets = {link[1:] for link in links if link.startswith("#")}
    assert targets <= set(re.findall(r"id='([^']+)'", page))


def test_words_are_escaped_and_types_readable() -> None:
    page = render(
        {
            "info": {"title": "<T>", "version": "1"},
            "paths": {
                "/x/{a}": {
                    "get": {
                        "summary": "<b>",
                        "parameters": [{"name": "a", "in": "path", "required": True, "schema": {"type": "integer"}}],
                        "responses": {
                            "200": {
                                "description": "ok",
                                "content": {
                                    "application/json": {
                                        "schema": {
                                            "type": "array",
                                            "items": {"anyOf": [{"$ref": "#/components/schemas/S"}, {"type": "null"}]},
                                        }
                                    }
                                },
                            }
                        },
                    }
                }
            },
            "components": {
                "schemas": {
                    "S": {
                        "properties": {
                            "kind": {"const": "a"},
                            "of": {"additionalProperties": {"type": "number"}},
                        },
                        "required": ["kind"],
                    }
                }
            },
        }
    )
    assert "&lt;T&gt;" in page
    assert "<b>" not in page
    assert "<td>integer" in page
    assert "list of <a href='#S'>S</a> or null" in page
    assert "object of number" in page
    assert "<code>of</code> <small>(optional)</small>" in page
