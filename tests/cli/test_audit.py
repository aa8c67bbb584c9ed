from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from handlens.audit.datasheet import Datasheet
from handlens.cli import app


def said(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


def table(path: Path, rows: int = 3) -> Path:
    pd.DataFrame({"x": range(rows), "y": ["a"] * rows}).to_csv(path, index=False)
    return path


def test_a_sheet_is_made_filled_in_refreshed_and_checked(tmp_path: Path) -> None:
    data, sheet = table(tmp_path / "data.csv"), tmp_path / "SHEET.md"
    code, output = said("datasheet", data, "--out", sheet, "--target", "y", "--name", "ours")
    assert (code, output) == (0, f"38 of 38 questions not answered yet: {sheet}\n")
    code, output = said("check", sheet)
    assert code == 1
    assert output.count("not answered: ") == 38
    code, printed = said("check", sheet, "--json")
    assert code == 1
    assert json.loads(printed) == output.splitlines()

    filled = Datasheet.load(sheet)
    for key in filled.questions:
        filled.answer(key, "---\n# We thought about it.")
    filled.save(sheet)
    assert said("check", sheet)[0] == 0

    table(data, rows=4)
    code, output = said("check", sheet)
    assert code == 1
    assert "rows: 3 in the sheet, 4 in the data\n" in output
    assert said("datasheet", data, "--out", sheet)[0] == 0
    assert said("check", sheet)[0] == 0
    again = Datasheet.load(sheet)
    assert (again.name, again.answers, again.facts["classes"]) == ("ours", filled.answers, {"a": 4})


def test_other_data_can_be_checked_against_a_sheet(tmp_path: Path) -> None:
    said("datasheet", table(tmp_path / "one.csv"), table(tmp_path / "two.csv", 5), "--out", tmp_path / "SHEET.md")
    code, output = said("check", tmp_path / "SHEET.md", tmp_path / "one.csv")
    assert code == 1
    assert "parts, one: in the sheet, and no longer in the data" in output


def test_what_cannot_be_done_is_said_and_nothing_is_overwritten(tmp_path: Path) -> None:
    own = tmp_path / "README.md"
    own.write_text("# My own words\n")
    data = table(tmp_path / "data.csv")
    assert said("datasheet", data, "--out", own)[0] == 1
    assert own.read_text() == "# My own words\n"
    for arguments in (
        ("datasheet", tmp_path / "none.csv", "--out", tmp_path / "s.md"),
        ("datasheet", data, "--out", tmp_path / "s.md", "--target", "z"),
        ("check", tmp_path / "none.md"),
    ):
        code, output = said(*arguments)
        assert code == 1
        assert output.startswith("Error: ")
    assert not (tmp_path / "s.md").exists()
