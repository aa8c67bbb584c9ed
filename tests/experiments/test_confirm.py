"""Confirming: new seeds, pairs, and what the best of many loses."""

from __future__ import annotations

import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.reading.confirm import number_of
from handlens.experiments.store import RUNS
from tests.experiments.run_frames import frame_of

# By combination, what each seed ends with; the study has the seeds 0 and 1, and 2, 3 and 4 are new.
VALUES = {"a": [1, 1, 7, 7, 7], "b": [2, 2, 3, 5, 4], "c": [3, 3, 9, 10, 11]}


def train(trial):
    return float(VALUES[trial.categorical("kind", ["a", "b", "c"])][trial.seed])


@pytest.fixture
def study(tmp_path):
    made = Study(tmp_path, metric="error")
    made.run(train, grid={"kind": ["a", "b", "c"]}, repeats=2)
    return made


def test_by_hand(study):
    found = study.confirm(2, 3, baseline={"kind": "c"})
    assert found.baseline == 2
    table = found.frame
    assert table[["combination", "kind", "picked", "confirmed", "count"]].to_numpy().tolist() == [
        [0, "a", 1, 7, 3],
        [1, "b", 2, 4, 3],
        [2, "c", 3, 10, 3],
    ]
    assert table["picked_difference"].tolist() == [-2, -1, 0]
    assert table["difference"].tolist() == [-3, -6, 0]
    # The differences are -6, -5 and -7: a mean of -6, of which one of three seeds varies by 1.
    reach = 4.302652729696142 / 3**0.5
    assert table.loc[1, ["difference_low", "difference_high"]].tolist() == pytest.approx([-6 - reach, -6 + reach])
    assert table["verdict"].tolist() == ["better", "better", "baseline"]
    assert found.notes[:2] == [
        "Combination 0, the best of the study, differed there from combination 2 by -2, and with new seeds by -3.",
        "Better than combination 2 beyond chance: 0, 1.",
    ]
    assert all(note in repr(found) for note in found.notes)
    assert "<table" in found._repr_html_()


def test_the_seeds_are_new_and_the_study_stays_as_it_was(study):
    before = study.pivot("kind").cells
    study.confirm(1, 3)
    frame = study.frame()
    again = frame[frame["phase"] == "confirm"]
    assert again[["combination", "seed"]].to_numpy().tolist() == [[0, 2], [0, 3], [0, 4]]
    assert study.pivot("kind").cells.equals(before)
    assert study.best().combination == 0


def test_seeds_that_the_study_has_had_since_are_not_new(study):
    study.confirm(2, 3)
    study.run(train, repeats=3, grid={"kind": ["a", "b", "c"]})  # seed 2, with which `a` has 7 and `b` 3
    found = study.confirm(1, 2).frame
    assert found["combination"].tolist() == [1]
    assert found[["count", "confirmed"]].to_numpy().tolist() == [[2, 4.5]]


def test_a_second_call_trains_nothing_twice(study):
    first = study.confirm(1, 2)
    study.confirm(1, 3)
    assert len(study.frame()) == 6 + 3
    assert first.frame["confirmed"].tolist() == [7]
    assert first.frame["verdict"].tolist() == ["baseline"]


def test_what_an_interrupted_study_left_is_not_trained(study, capsys):
    capsys.readouterr()
    with study.store.writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == 6).values(status="stopped", value=None))
    assert study.confirm(1, 3).frame["count"].tolist() == [3]
    assert study.frame()["status"][6] == "stopped"
    assert capsys.readouterr().out.startswith("3 of 3 runs; lowest error 7, of run 7; ")


def test_bad_input(study, tmp_path):
    with pytest.raises(ExperimentError, match="a combination, 0 to 2, or a dict of its choices; 7 arrived"):
        study.confirm(baseline=7)
    for number in ([0], True, "0"):
        with pytest.raises(ExperimentError, match="a combination, 0 to 2, or a dict of its choices; "):
            study.confirm(baseline=number)
    with pytest.raises(ExperimentError, match=r"which 0 have\. Give its number"):
        study.confirm(baseline={"kind": "z"})
    with pytest.raises(ExperimentError, match="confirm requires the function that trains"):
        Study(tmp_path, metric="error").confirm()
    with pytest.raises(ExperimentError, match="seeds must be a whole number"):
        study.confirm(seeds=0)


def test_a_baseline_by_choices_that_python_calls_equal():
    frame = frame_of([{"kind": 1}, {"kind": True}, {"kind": 2.0}], lambda *_: 1.0)
    assert [number_of(frame, ["kind"], {"kind": kind}) for kind in (1, True, 2.0, 2)] == [0, 1, 2, 2]
