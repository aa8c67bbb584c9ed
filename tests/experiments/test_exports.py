"""A study as files: what pandas reads again is what was written, and the page is safe to open."""

from __future__ import annotations

import re
from math import inf, nan

import pandas as pd
import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.sharing import html_page
from handlens.experiments.sharing.exports import plain, write_csv, write_parquet
from handlens.experiments.sharing.html_page import _duration, write_html

NASTY = "<script>alert('x')</script> & \"co\""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    def train(trial):
        layers = trial.categorical("layers", [[200, 100], [50]])
        kind = trial.categorical("kind", ["=1+1", NASTY])
        rate = trial.real("rate", 1e-3, 1e-1, log=True)
        if kind == NASTY and trial.seed:
            trial.record(train_loss=2.0, valid_loss=3.0)
            raise ValueError(NASTY)
        for epoch in (1, 2):
            trial.record(train_loss=rate / 3 / epoch, valid_loss=len(layers) / 3 / epoch)

    found = Study(tmp_path_factory.mktemp("study"), name=NASTY)
    found.run(train, grid={"layers": [[200, 100], [50]], "kind": ["=1+1", NASTY]}, repeats=2)
    return found


class TestTables:
    @pytest.mark.parametrize("curves", [False, True])
    def test_csv_is_read_again_with_the_same_numbers(self, study, tmp_path, curves):
        study.to_csv(tmp_path / "a.csv", curves=curves)
        table = study.curves() if curves else study.frame().reset_index()
        read = pd.read_csv(tmp_path / "a.csv")
        assert read.columns.tolist() == table.columns.tolist()
        for name in table.select_dtypes("number").columns:
            assert read[name].equals(table[name].astype(read[name].dtype)), name

    @pytest.mark.parametrize("curves", [False, True])
    def test_parquet_is_read_again_with_the_same_values(self, study, tmp_path, curves):
        study.to_parquet(tmp_path / "a.parquet", curves=curves)
        table = study.curves() if curves else study.frame().reset_index()
        read = pd.read_parquet(tmp_path / "a.parquet")
        assert read.columns.tolist() == table.columns.tolist()
        for name in table.select_dtypes(["number", "datetimetz"]).columns:
            assert read[name].equals(table[name].astype(read[name].dtype)), name

    def test_lists_are_json(self, study, tmp_path):
        study.to_csv(tmp_path / "a.csv")
        study.to_parquet(tmp_path / "a.parquet")
        expected = ["[200, 100]"] * 4 + ["[50]"] * 4
        assert pd.read_csv(tmp_path / "a.csv")["layers"].tolist() == expected
        assert pd.read_parquet(tmp_path / "a.parquet")["layers"].tolist() == expected

    def test_formulas_are_guarded_for_spreadsheets_alone(self, study, tmp_path):
        study.to_csv(tmp_path / "a.csv")
        study.to_csv(tmp_path / "b.csv", spreadsheet=True)
        assert set(pd.read_csv(tmp_path / "a.csv")["kind"]) == {"=1+1", NASTY}
        assert set(pd.read_csv(tmp_path / "b.csv")["kind"]) == {"'=1+1", NASTY}

    def test_columns_of_several_kinds_become_text_and_others_stay(self):
        table = pd.DataFrame(
            {
                "mixed": pd.Series([1, "a", None, True, (2.5, None)], dtype=object),
                "text": ["a", None, "b", "c", "d"],
                "flags": pd.Series([True, None, False, True, True], dtype=object),
                "numbers": [0.1, nan, inf, 1e-300, 1 / 3],
                "whole": pd.Series([1, None, 2**60, 3, 4], dtype="Int64"),
            }
        )
        found = plain(table)
        assert found["mixed"].tolist() == ["1", "a", None, "true", "[2.5, null]"]
        assert found.drop(columns="mixed").equals(table.drop(columns="mixed"))

    def test_numbers_and_their_texts_are_told_apart(self):
        found = plain(pd.DataFrame({"x": pd.Series([1, "1", True, "true", "adam", '"adam"', None], dtype=object)}))
        assert found["x"].tolist() == ["1", '"1"', "true", '"true"', "adam", '"\\"adam\\""', None]
        text_alone = pd.DataFrame({"x": pd.Series(["1", "true"], dtype=object)})
        assert plain(text_alone)["x"].tolist() == ["1", "true"]

    def test_odd_numbers_come_through(self, tmp_path):
        table = pd.DataFrame(
            {"x": [0.1 + 0.2, 5e-324, -inf, inf, nan], "n": pd.Series([2**60 + 1, None, 1, 2, 3], dtype="Int64")}
        )
        write_csv(table, tmp_path / "a.csv", spreadsheet=False)
        write_parquet(table, tmp_path / "a.parquet")
        read = pd.read_csv(tmp_path / "a.csv", dtype={"n": "Int64"})
        assert read.equals(table)
        assert pd.read_parquet(tmp_path / "a.parquet").equals(table)

    def test_a_study_without_runs_is_a_table_without_rows(self, tmp_path):
        empty = Study(tmp_path / "study")
        empty.to_csv(tmp_path / "a.csv")
        empty.to_parquet(tmp_path / "a.parquet")
        assert len(pd.read_csv(tmp_path / "a.csv")) == len(pd.read_parquet(tmp_path / "a.parquet")) == 0


class TestPage:
    def page(self, study, tmp_path, **more):
        study.to_html(tmp_path / "a.html", **more)
        return (tmp_path / "a.html").read_text(encoding="utf-8")

    def test_text_is_escaped_wherever_it_stands(self, study, tmp_path):
        for text in (self.page(study, tmp_path), self.page(study, tmp_path, pivot=study.pivot("kind", "layers"))):
            assert "<script>alert" not in text
            assert text.count("<script>") == 2
            assert '"co"' not in text
            assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in text

    def test_what_is_not_a_pivot_table_is_refused(self, study, tmp_path):
        with pytest.raises(ExperimentError, match=r"pivot must be what study.pivot\(…\) gives; 'layers' arrived"):
            self.page(study, tmp_path, pivot="layers")

    def test_it_requests_nothing(self, study, tmp_path):
        text = self.page(study, tmp_path)
        assert "default-src 'none'" in text
        assert re.findall(r"https?:|\bsrc=|<link|@import|url\(", text) == []

    def test_the_table_of_runs_has_every_number_exactly(self, study, tmp_path):
        text = self.page(study, tmp_path)
        names = re.findall(r"<button type='button'>(.*?)</button>", text)
        at = names.index("rate")
        rows = re.findall(r"<tr>(<td class=number data-v=.\d+.>.*?)</tr>", text, re.DOTALL)
        cells = [re.findall(r"<td.*?</td>", row, re.DOTALL)[at] for row in rows]
        numbers = [float(re.search(r"data-v='(.*?)'", cell)[1]) for cell in cells]
        assert numbers == study.frame()["rate"].tolist()

    def test_of_a_traceback_the_last_line_is_shown(self, study, tmp_path):
        text = self.page(study, tmp_path)
        assert text.count(">ValueError: &lt;script&gt;alert(") == 2
        assert ">Traceback" not in text

    def test_columns_that_are_the_same_for_all_are_left_out(self, study, tmp_path):
        names = re.findall(r"<button type='button'>(.*?)</button>", self.page(study, tmp_path))
        assert names[:4] == ["run", "combination", "seed", "status"]
        assert {"phase", "split", "machine", "star", "hidden", "note"}.isdisjoint(names)
        assert {"error", "layers", "kind", "rate", "train_loss", "valid_loss"} <= set(names)

    def test_a_graph_is_drawn_for_each_combination_the_best_first(self, study, tmp_path):
        text = self.page(study, tmp_path)
        assert re.findall(r"<br>combination (\d)", text) == ["2", "3", "0", "1"]
        assert text.count("<svg ") == 4

    def test_with_a_pivot_each_of_its_cells_has_a_graph(self, study, tmp_path):
        text = self.page(study, tmp_path, pivot=study.pivot("layers", "kind"))
        assert text.count("<svg ") == 4
        assert "<th scope='row'>layers = [50]</th>" in text
        assert text.count("mean of value") == 1

    def test_curves_are_drawn_to_scale(self, tmp_path):
        frame = pd.DataFrame(
            {
                "combination": [0, 0], "phase": "study", "seed": [0, 1], "split": 0, "status": ["finished", "failed"],
                "epochs": [3, 2], "value": [1.0, nan], "bumpiness": [0.5, nan], "seconds": 1.0,
                "started": pd.Timestamp("2020-01-01", tz="UTC"), "ended": pd.Timestamp("2020-01-02", tz="UTC"),
                "machine": "m", "commit": None, "x": [1, 1],
            },
            index=pd.Index([1, 2], name="run"),
        )  # fmt: skip
        curves = pd.DataFrame(
            {"run": [1, 1, 1, 2, 2], "epoch": [1, 2, 3, 1, 2], "seconds": 1.0, "valid_loss": [3.0, 2, 1, 3, nan]}
        )
        write_html(
            tmp_path / "a.html", frame, curves, name="n", metric="valid_loss", direction="minimize", choices=["x"]
        )
        text = (tmp_path / "a.html").read_text(encoding="utf-8")
        # Epochs 1 to 3 lie at 5, 75 and 145; the losses 3 to 1 at 5, 42 and 79, from the top.
        assert re.findall(r"<path class='(.*?)' d='(.*?)'/>", text) == [
            ("n0", "M5.0 5.0L75.0 42.0L145.0 79.0"),
            ("n0", "M5.0 5.0h.01"),
            ("n0 mean", "M5.0 5.0L75.0 42.0L145.0 79.0"),
        ]
        assert "<text class='mark' x='5.0' y='9.0'>×</text>" in text
        assert "1 of 2" in text

    def test_a_study_without_runs_has_a_page(self, tmp_path):
        text = self.page(Study(tmp_path / "study", name="empty"), tmp_path)
        assert "<h1>empty</h1>" in text
        assert "<svg" not in text

    def test_a_study_without_epochs_has_its_results_and_no_graphs(self, tmp_path):
        study = Study(tmp_path / "study", metric="score")
        study.run(lambda trial: float(trial.categorical("x", [1, 2])), grid={"x": [1, 2]})
        text = self.page(study, tmp_path)
        assert "<h2>Results</h2><p class='legend'>Bold number: the mean score of the finished runs." in text
        assert re.findall(r"<b>(.*?)</b>", text) == ["1", "2"]
        assert "<svg" not in text

    def test_a_note_is_shown_whole_in_one_line(self, tmp_path):
        study = Study(tmp_path / "study")
        study.run(lambda trial: float(trial.categorical("x", ["1\n2"])), n=1)
        assert '<td title="1\n2">1 2</td>' in self.page(study, tmp_path)

    def test_facts_are_said_in_the_units_that_people_use(self, study, tmp_path):
        text = self.page(study, tmp_path)
        assert "<dt>runs</dt><dd>8: 6 finished, 2 failed</dd>" in text
        assert [_duration(one) for one in (0.5, 90, 5400)] == ["0.5 seconds", "1.5 minutes", "1.5 hours"]

    def test_of_long_tables_the_first_runs_are_shown_and_all_are_there(self, study, tmp_path, monkeypatch):
        assert f"nth-child(n + {html_page.MOST_RUNS + 1})" in self.page(study, tmp_path)
        monkeypatch.setattr(html_page, "MOST_RUNS", 8)
        assert "Show all" not in self.page(study, tmp_path)
        monkeypatch.setattr(html_page, "MOST_RUNS", 7)
        text = self.page(study, tmp_path)
        assert "<table class='runs few'>" in text
        assert "Show all 8 runs" in text
        assert text.count("<tr><td class=number") == 8

    def test_a_pivot_of_many_cells_has_the_graphs_of_its_first_rows(self, study, tmp_path, monkeypatch):
        monkeypatch.setattr(html_page, "MOST_GRAPHS", 3)
        text = self.page(study, tmp_path, pivot=study.pivot("combination"))
        assert text.count("<svg ") == 3
        assert "The first 3 of 4 rows." in text
