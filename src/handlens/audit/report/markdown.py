"""Markdown tables."""

from __future__ import annotations

from typing import Any


def cell(value: object) -> str:
    """A value as text that stays within one cell of a table.

    Example:
        >>> cell(1234), cell("a|b")
        ('1,234', 'a\\\\|b')
    """
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    text = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return text or " "


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A table, with a line for each row.

    Example:
        >>> print(table(["part", "rows"], [["train", 1000]]))
        | part | rows |
        | --- | --- |
        | train | 1,000 |
    """
    lines: list[list[Any]] = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)
