"""CSV files that a spreadsheet program opens run nothing, and whatever is written can be read back."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.io import spreadsheets
from handlens.io.spreadsheets import csv_parts, csv_text, guarded, unguarded

FORMULAS = ["=1+1", "+A1", "-A1", "@SUM(1)", "\tx", "\rx", "\nx", "\uff1dx", "=cmd|' /C calc'!A0"]
FORMULAS += ["-", "+", "=", "-1-2", "+inf"]
HARMLESS = ["", "a", "-1", "+1.5", "-.5e-3", "1e5", "01", "True", "NA", "None", " ", " =1"]
HARMLESS += ["don't", "'quoted'", "a=b", "–"]


@pytest.mark.parametrize("text", FORMULAS)
def test_s14_what_would_be_run_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_s14_all_else_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text


@given(st.text(st.sampled_from("'=+-@1a \t\r\n")))
def test_s14_any_text_is_given_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text).lstrip("'") == text.lstrip("'")


def test_s14_columns_and_cells_of_a_table_by_hand() -> None:
    table = pd.DataFrame({"=a": ["+b", "c,d", None], "n": [-1.5, 2.0, float("nan")]})
    assert csv_text(table, spreadsheet=True) == "'=a,n\r\n'+b,-1.500000\r\n\"c,d\",2.000000\r\n,\r\n"
    assert csv_text(table, spreadsheet=False) == '=a,n\n+b,-1.500000\n"c,d",2.000000\n,\n'


@pytest.mark.parametrize("spreadsheet", [False, True])
def test_p3_every_text_is_read_back(spreadsheet: bool) -> None:
    texts = [*FORMULAS, *HARMLESS, "a\rb", "a\nb", "a\r\nb", 'a "b"', "\ufeffa", "a;b", "左"]
    written = csv_text(pd.DataFrame({"path": texts, "n": range(len(texts))}), spreadsheet=spreadsheet)
    rows = list(csv.reader(io.StringIO(written, newline="")))[1:]
    assert [unguarded(row[0]) if spreadsheet else row[0] for row in rows] == texts


@pytest.mark.parametrize("spreadsheet", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 3, 10])
def test_parts_are_the_whole_text(monkeypatch: pytest.MonkeyPatch, spreadsheet: bool, rows: int) -> None:
    table = pd.DataFrame({"path": ["=a", "b\rc", "d"], "n": [1.5, 2, np.nan]})
    whole, empty = (csv_text(some, spreadsheet=spreadsheet) for some in (table, table[:0]))
    monkeypatch.setattr(spreadsheets, "ROWS", rows)
    assert "".join(csv_parts(table, spreadsheet=spreadsheet)) == whole
    assert "".join(csv_parts(table[:0], spreadsheet=spreadsheet)) == empty
