"""The OpenAPI page: the HTTP API as plain HTML, made here, with nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; }
details { border: 1px solid #8886; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
.method { display: inline-block; min-width: 4.5em; font-weight: 600; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { text-align: left; vertical-align: top; padding: .15rem 1.2rem .15rem 0; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; align-items: center; margin: .5rem 0; }
pre { overflow: auto; max-height: 24rem; flex-basis: 100%; margin: 0; }
"""

# A form that the browser sends by itself would have the Origin “null”, as the policy on referrers says, and be refused.
SCRIPT = """
for (const form of document.querySelectorAll('form[data-path]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const said = form.querySelector('pre'), button = form.querySelector('button'), query = new URLSearchParams();
    for (const box of form.querySelectorAll('[data-query]:checked')) query.set(box.dataset.query, 'true');
    const short = (_, value) => typeof value === 'string' && value.length > 400 ? value.slice(0, 60) + '…' : value;
    said.textContent = '…';
    button.disabled = true;
    try {
      const address = form.dataset.path + (query.size ? '?' + query : '');
      const answer = await fetch(address, { method: 'POST', body: new FormData(form) });
      said.textContent = answer.status + ' ' + JSON.stringify(await answer.json(), short, 2);
    } catch (error) {
      said.textContent = 'The server does not answer: ' + error.message;
    }
    button.disabled = false;
  });
}
"""


_FORM = "multipart/form-data"


def add_api_page(app: FastAPI) -> None:
    """Let an app answer /api/docs with the page of its own description."""

    @app.get("/api/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()))

    @app.get("/api/docs.css", include_in_schema=False)
    def documentation_style() -> Response:
        return Response(STYLE, media_type="text/css")

    @app.get("/api/docs.js", include_in_schema=False)
    def documentation_script() -> Response:
        return Response(SCRIPT, media_type="text/javascript")


def render(api: dict[str, Any]) -> str:
    """An OpenAPI description as one page: every call by group, and every schema."""
    groups: dict[str, list[str]] = {}
    for path, calls in api["paths"].items():
        for method, call in calls.items():
            groups.setdefault((call.get("tags") or ["other"])[0], []).append(_call(path, method, call))
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{escape(api['info']['title'])}: HTTP API</title>",
        "<link rel=icon href=/favicon.svg><link rel=stylesheet href=/api/docs.css></head><body>",
        f"<h1>{escape(api['info']['title'])} {escape(api['info']['version'])}: HTTP API</h1>",
        f"<p>{escape(api['info'].get('description', ''))}</p>",
        "<p>Machine-readable: <a href=/api/openapi.json>/api/openapi.json</a></p>",
    ]
    for name, calls_of_group in groups.items():
        parts += [f"<h2>{escape(name)}</h2>", *calls_of_group]
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(api.get("components", {}).get("schemas", {}).items()):
        parts += [
            f"<details id='{escape(name)}'><summary><code>{escape(name)}</code> ",
            f"{escape(schema.get('description', ''))}</summary>{_fields(schema)}</details>",
        ]
    if any("<form " in part for part in parts):
        parts.append("<script src=/api/docs.js></script>")
    return "\n".join([*parts, "</body></html>"])


def _call(path: str, method: str, call: dict[str, Any]) -> str:
    inner = [f"<p>{escape(call.get('description', ''))}</p>"]
    rows = [
        (f"{p['name']} <small>({escape(p['in'])}{'' if p.get('required') else ', optional'})</small>", p)
        for p in call.get("parameters", [])
    ]
    if rows:
        inner.append(
            "<table>"
            + "".join(
                f"<tr><td><code>{name}</code><td>{_type(p.get('schema', {}))}<td>{escape(p.get('description', ''))}"
                for name, p in rows
            )
            + "</table>"
        )
    for kind, content in call.get("requestBody", {}).get("content", {}).items():
        inner.append(f"<p>Body: {_type(content.get('schema', {}))} <small>{escape(kind)}</small></p>")
        if kind == _FORM and method == "post" and "{" not in path:
            inner.append(_form(path, call, content.get("schema", {})))
    for status, answer in call.get("responses", {}).items():
        kinds = [
            f"{_type(content.get('schema', {}))} <small>{escape(kind)}</small>"
            for kind, content in answer.get("content", {}).items()
        ]
        inner.append(f"<p>{escape(status)}: {escape(answer.get('description', ''))} {' or '.join(kinds)}</p>")
    return (
        f"<details><summary><span class=method>{escape(method.upper())}</span> <code>{escape(path)}</code> "
        f"{escape(call.get('summary', ''))}</summary>{''.join(inner)}</details>"
    )


def _form(path: str, call: dict[str, Any], schema: dict[str, Any]) -> str:
    """A form that sends files, and asks for what the address may ask for besides."""
    parts = []
    for name, field in schema.get("properties", {}).items():
        many = " multiple" if field.get("type") == "array" else ""
        must = " required" if name in schema.get("required", []) else ""
        parts.append(f"<label>{escape(name)} <input type=file name='{escape(name)}'{many}{must}></label>")
    for parameter in call.get("parameters", []):
        if parameter["in"] == "query" and parameter.get("schema", {}).get("type") == "boolean":
            name = escape(parameter["name"])
            parts.append(f"<label><input type=checkbox data-query='{name}'> {name}</label>")
    return f"<form data-path='{escape(path)}'>{''.join(parts)}<button>Send</button><pre role=status></pre></form>"


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' <small>(optional)</small>'}"
        f"<td>{_type(field)}<td>{escape(field.get('description', ''))}"
        for name, field in schema.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>" if rows else ""


def _type(schema: dict[str, Any]) -> str:
    return " or ".join(_types(schema))


def _types(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        yield f"<a href='#{name}'>{name}</a>"
    elif "anyOf" in schema or "oneOf" in schema:
        for one in schema.get("anyOf") or schema["oneOf"]:
            yield from _types(one)
    elif "enum" in schema or "const" in schema:
        yield " | ".join(f"<code>{escape(repr(value))}</code>" for value in schema.get("enum", [schema.get("const")]))
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif isinstance(schema.get("additionalProperties"), dict):
        yield f"object of {_type(schema['additionalProperties'])}"
    else:
        yield escape(str(schema.get("format") or schema.get("type") or "anything"))
