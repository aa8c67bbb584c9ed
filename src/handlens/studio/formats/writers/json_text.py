"""JSON files of exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json(content: Any, file: Path) -> None:
    """Write plain JSON as UTF-8, all characters as they are.

    Args:
        content: the value. If it is an iterator, or an object with members that are, these are written as lists, one
            item at a time, so that a million of them need not be in memory.
        file: where.
    """
    with file.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_texts(content, 0))


def _texts(content: Any, level: int) -> Iterator[str]:
    """The text of a value in parts, indented as far as its level of nesting asks for."""
    inner = "\n" + " " * (level + 1)
    if isinstance(content, Iterator):
        written = False
        for item in content:
            yield f"{',' if written else '['}{inner}"
            yield _text(item, level + 1)
            written = True
        yield f"{inner[:-1]}]" if written else "[]"
    elif isinstance(content, dict) and any(isinstance(value, Iterator) for value in content.values()):
        for i, (name, value) in enumerate(content.items()):
            yield f"{',' if i else '{'}{inner}{json.dumps(name, ensure_ascii=False)}: "
            yield from _texts(value, level + 1)
        yield f"{inner[:-1]}}}"
    else:
        yield _text(content, level)


def _text(content: Any, level: int) -> str:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return text.replace("\n", "\n" + " " * level)
