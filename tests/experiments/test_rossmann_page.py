"""docs/rossmann-experiments.md: what it prints is what the record says.

`python tests/experiments/test_rossmann_page.py` writes the outputs again, for a new record.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rossmann-experiments.md"
BLOCKS = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n^```text\n(?P<text>.*?)^```$)?", re.MULTILINE | re.DOTALL)


def as_run(page: str) -> str:
    """The page with what its code prints in place of its outputs."""
    names: dict[str, Any] = {}

    def printed(block: re.Match[str]) -> str:
        code = ast.parse(block["code"])
        last = code.body[-1]
        if isinstance(last, ast.Expr):
            code.body[-1] = ast.fix_missing_locations(ast.Assign([ast.Name("_", ast.Store())], last.value, lineno=1))
        exec(compile(code, str(PAGE), "exec"), names)
        if block["text"] is None:
            return block[0]
        lines = "\n".join(line.rstrip() for line in str(names["_"]).splitlines())
        return f"```python\n{block['code']}```\n\n```text\n{lines}\n```"

    return BLOCKS.sub(printed, page)


def test_the_outputs_on_the_page_are_those_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MPLBACKEND", "agg")
    page = PAGE.read_text(encoding="utf-8")
    assert as_run(page) == page


if __name__ == "__main__":
    os.chdir(ROOT)
    PAGE.write_text(as_run(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
