"""The reference of the HTTP APIs, from the OpenAPI descriptions that the servers themselves give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from handlens.experiments.server import openapi as experiments
from handlens.studio.server import openapi as studio

SERVERS = {
    "Studio": ("`handlens studio` answers these.", studio.openapi),
    "Experiments": ("`handlens experiments FOLDER` answers these.", experiments.openapi),
}


def page() -> str:
    """Describe every request and every schema, as Markdown."""
    lines = [
        "# HTTP APIs",
        "",
        "The pages of Studio and of experiments are clients of these APIs; a server describes its own at `/api/docs`",
        "and `/api/openapi.json`. [Files and HTTP API](/formats.md#http-api-of-studio) says what holds for all of",
        "them, such as errors and the check of `Host` and `Origin`, and has the API of a saved model.",
        "",
    ]
    for title, (sentence, openapi) in SERVERS.items():
        description = openapi()
        lines += [f"## {title}", "", sentence, ""]
        for path, methods in description["paths"].items():
            for method, operation in methods.items():
                lines += _request(title, path, method, operation)
        lines += [f"## Schemas of {title}", ""]
        for name, schema in sorted(description.get("components", {}).get("schemas", {}).items()):
            lines += _schema(title, name, schema)
    return "\n".join(lines)


def _request(server: str, path: str, method: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"### {method.upper()} {path}".replace("{", "\\{"), ""]
    text = operation.get("description") or operation.get("summary") or ""
    lines += [_cell(text), ""] if text else []
    parameters = operation.get("parameters", [])
    if parameters:
        lines += ["| parameter | in | type | what it is |", "|---|---|---|---|"]
        lines += [
            f"| {_name(one['name'], one.get('required'))} | {one['in']} | {_type(server, one['schema'])} "
            f"| {_cell(one.get('description', ''))} |"
            for one in parameters
        ]
        lines += [""]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        lines += [f"Takes {_type(server, content.get('schema', {}))} as `{kind}`.", ""]
    for status, response in operation.get("responses", {}).items():
        for kind, content in response.get("content", {}).items():
            if status.startswith("2"):
                lines += [f"Answers {status}: {_type(server, content.get('schema', {}))} as `{kind}`.", ""]
    return lines


def _schema(server: str, name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"({_target(server, name)})=", f"### {name} ({server})", ""]
    lines += [_cell(schema["description"]), ""] if "description" in schema else []
    if "properties" in schema:
        required = set(schema.get("required", ()))
        lines += ["| member | type | what it is |", "|---|---|---|"]
        lines += [
            f"| {_name(key, key in required)} | {_type(server, value)} | {_cell(value.get('description', ''))} |"
            for key, value in schema["properties"].items()
        ]
    else:
        lines += [_type(server, schema)]
    return [*lines, ""]


def _type(server: str, schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{_target(server, name)})"
    return " or ".join(dict.fromkeys(_kinds(server, schema))) or "any value"


def _kinds(server: str, schema: dict[str, Any]) -> Iterator[str]:
    for key in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(key, ()):
            yield _type(server, one)
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"])
    elif "const" in schema:
        yield f"`{schema['const']}`"
    elif schema.get("type") == "array":
        yield f"list of {_type(server, schema.get('items', {}))}"
    elif schema.get("type") == "object":
        inside = schema.get("additionalProperties")
        yield f"object of {_type(server, inside)}" if isinstance(inside, dict) and inside else "object"
    elif "type" in schema:
        yield schema["type"]


def _name(name: str, required: bool) -> str:
    return f"`{name}`" if required else f"`{name}`, optional"


def _target(server: str, name: str) -> str:
    return f"{server}-{name}".lower()


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "\\<").strip()
