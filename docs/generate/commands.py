"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from handlens.cli import app


def page() -> str:
    """Describe every command, its arguments and its options, as Markdown."""
    lines = [
        "# Command line",
        "",
        "Every command says what it takes with `--help`. Errors are one line on the standard error, with status 1; a",
        "command that is used in a wrong way ends with status 2.",
        "",
    ]
    for name, command in _walk("handlens", typer.main.get_command(app)):
        lines += _described(name, command)
    return "\n".join(lines)


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for part, below in _below(command).items():
        yield from _walk(f"{name} {part}", below)


def _below(command: Any) -> dict[str, Any]:
    return {name: one for name, one in getattr(command, "commands", {}).items() if not one.hidden}


def _described(name: str, command: Any) -> list[str]:
    context = command.context_class(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    help_text = [_plain(part) for part in (command.help or "").split("\n\n")]
    lines = [f"## {name}", "", *("\n\n".join(help_text),), "", "```console", f"$ {usage}", "```", ""]
    records = [one.get_help_record(context) for one in command.params]
    rows = [f"| `{names}` | {_plain(text)} |" for names, text in filter(None, records)]
    if rows:
        lines += ["| argument or option | what it is |", "|---|---|", *rows, ""]
    links = [f"- [`{name} {part}`](#{f'{name} {part}'.replace(' ', '-')})" for part in _below(command)]
    return [*lines, *links, ""]


def _plain(text: str) -> str:
    """Text of a help, which is not Markdown, in one line of it."""
    return re.sub(r"([|\[\]<*_])", r"\\\1", " ".join(text.split()))
