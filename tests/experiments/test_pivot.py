"""The pivot table: numbers computed by hand first, pandas as an independent implementation, then bad input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.reading.bumpiness import bumpiness
from handlens.experiments.reading.missing import FEW_SEEDS, ONE_SEED
from handlens.experiments.reading.pivot import SAME, direction_of, pivot
from tests.experiments.made_studies import combinations_of, make_study
from tests.experiments.run_frames import frame_of

# ps 0.0 minus ps 0.5, seed by seed and averaged over the rates: 1, 2, 3.
BY_HAND = {
    (0.0, 0.1): [11, 22, 33],
    (0.0, 0.2): [13, 24, 35],
    (0.5, 0.1): [10, 20, 30],
    (0.5, 0.2): [12, 22, 32],
}
GRID = combinations_of({"ps": [0.0, 0.5], "rate": [0.1, 0.2]})
REACH = 4.302652729911275 / math.sqrt(3)  # Student's 97.5 % quantile with 2 degrees of freedom, over √3 seeds


def grid() -> pd.DataFrame:
    return frame_of(GRID, lambda choices, seed: float(BY_HAND[choices["ps"], choices["rate"]][seed]))


def test_a_grid_by_hand():
    cells = pivot(grid(), ["ps", "rate"], "ps", baseline=0.5).cells
    assert cells[["ps", "count", "combinations", "missing"]].to_numpy().tolist() == [[0.0, 6, 2, 0], [0.5, 6, 2, 0]]
    assert cells["mean"].tolist() == [23, 21]
    assert cells["median"].tolist() == [23, 21]
    assert cells["best"].tolist() == [11, 10]
    assert cells["sd"].tolist() == pytest.approx([math.sqrt(490 / 5), math.sqrt(406 / 5)])
    first, baseline = cells.to_dict("records")
    assert (first["difference"], first["pairs"]) == (2, 6)
    assert (first["difference_low"], first["difference_high"]) == pytest.approx((2 - REACH, 2 + REACH))
    # t = 2 / (1 / √3) with 2 degrees of freedom: p = 1 - t / √(t² + 2)
    assert first["p"] == first["p_adjusted"] == pytest.approx(1 - math.sqrt(12 / 14))
    assert (first["verdict"], baseline["verdict"]) == ("chance could explain it", "baseline")
    assert math.isnan(baseline["p"])
    # The means of the seeds are 12, 23 and 34 for ps = 0.
    assert (first["low"], first["high"]) == pytest.approx((23 - 11 * REACH, 23 + 11 * REACH))


def test_lists_are_in_the_order_of_their_items():
    layers = [[100], [20], [100, 9], [9, 100], "deep", 3]
    frame = frame_of(combinations_of({"layers": layers}), lambda _, seed: float(seed))
    assert pivot(frame, ["layers"], "layers").labels == {"layers": [3, "deep", (9, 100), (20,), (100,), (100, 9)]}


def test_a_difference_beyond_chance():
    def value(choices, seed):
        return 10 * seed + choices["ps"] * 100 + choices["ps"] * choices["rate"] * (seed - 1)

    # The differences of the seeds are 50 - 0.075, 50 and 50 + 0.075.
    found = pivot(frame_of(GRID, value), ["ps", "rate"], "ps", baseline=0.0).cells.loc[1]
    assert found["difference"] == pytest.approx(50)
    assert found["difference_low"] == pytest.approx(50 - 0.075 * REACH)
    assert found["verdict"] == "worse"
    found = pivot(frame_of(GRID, value), ["ps", "rate"], "ps", baseline=0.0, direction="maximize").cells.loc[1]
    assert found["verdict"] == "better"


def test_differences_that_are_all_the_same_do_not_tell_chance():
    accuracy = {("a", 0): 0.7, ("a", 1): 0.6, ("b", 0): 0.8, ("b", 1): 0.7}  # of ten photos

    def value(choices, seed):
        return accuracy[choices["kind"], seed]

    frame = frame_of(combinations_of({"kind": ["a", "b"]}), value, seeds=[0, 1])
    found = pivot(frame, ["kind"], "kind", baseline="a", direction="maximize")
    assert found.cells["difference"].tolist() == pytest.approx([0, 0.1])
    assert found.cells["verdict"].tolist() == ["baseline", "too few runs"]
    assert found.cells[["difference_low", "difference_high", "p"]].isna().all(axis=None)
    assert found.cells.loc[1, ["low", "high"]].tolist() == pytest.approx(
        [0.75 - 0.05 * 12.706204736432095, 0.75 + 0.05 * 12.706204736432095]
    )
    assert SAME not in found.notes


def test_seeds_that_do_not_change_anything_are_no_evidence():
    frame = frame_of(GRID, lambda one, seed: 0.1 * one["rate"] + one["ps"])
    found = pivot(frame, ["ps", "rate"], ["ps", "rate"], baseline={"ps": 0.0, "rate": 0.1})
    assert found.cells[["low", "high", "difference_low", "difference_high"]].isna().all(axis=None)
    assert set(found.cells["verdict"]) == {"baseline", "too few runs"}
    assert SAME in found.notes
    assert SAME not in pivot(frame[frame["seed"] == 0], ["ps", "rate"], "ps").notes


def test_one_seed_is_compared_over_the_other_choices():
    frame = grid()
    frame = frame[frame["seed"] == 2].astype({"value": float})  # the differences are 33 - 30 and 35 - 32
    frame.loc[(frame["ps"] == 0) & (frame["rate"] == 0.2), "value"] += 2
    found = pivot(frame, ["ps", "rate"], "ps", baseline=0.5)
    assert found.cells.loc[0, ["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(
        [4, 4 - 12.706204736432095, 4 + 12.706204736432095]
    )
    assert "All runs have one seed: how much another seed would change is not known." in found.notes
    assert math.isnan(found.cells.loc[0, "low"])


def test_combinations_that_do_not_match_are_compared_as_groups():
    choices = [{"ps": ps, "rate": rate} for ps, rate in [(0.0, 0.1), (0.0, 0.2), (0.5, 0.3), (0.5, 0.4)]]
    # One run each: means 2 and 6, variances of the means 1 and 4; 25 / (1 + 16) degrees of freedom.
    values = {0.1: 1.0, 0.2: 3.0, 0.3: 4.0, 0.4: 8.0}
    found = pivot(frame_of(choices, lambda one, _: values[one["rate"]], seeds=[7]), ["ps", "rate"], "ps", baseline=0.0)
    cell = found.cells.loc[1]
    assert (cell["difference"], cell["pairs"]) == (4, 0)
    from scipy import stats

    interval = stats.t.interval(0.95, 25 / 17, 4, math.sqrt(5))
    assert (cell["difference_low"], cell["difference_high"]) == pytest.approx(interval)
    assert any(note.startswith("Groups: ") for note in found.notes)


def test_the_table_is_that_of_pandas():
    frame = grid()
    for aggregate in ("mean", "median", "count"):
        found = pivot(frame, ["ps", "rate"], "ps", "rate", aggregate=aggregate).frame
        expected = frame.pivot_table("value", index="ps", columns="rate", aggfunc=aggregate)
        pd.testing.assert_frame_equal(found, expected)
    found = pivot(frame, ["ps", "rate"], ["rate", "seed"], "ps").frame
    pd.testing.assert_frame_equal(found, frame.pivot_table("value", index=["rate", "seed"], columns="ps"))
    pd.testing.assert_frame_equal(
        pivot(frame, ["ps", "rate"], "ps").frame, frame.pivot_table("value", index="ps", aggfunc="mean")
    )


def test_runs_without_a_number_are_counted_and_widen_the_interval():
    frame = grid().astype({"value": float})
    # Without the run with ps 0.0, rate 0.2 and seed 2, what remains varies as before.
    frame.loc[6, "status"] = "failed"
    found = pivot(frame, ["ps", "rate"], "ps", baseline=0.5)
    cell = found.cells.loc[0]
    assert (cell["count"], cell["missing"], cell["why_missing"]) == (5, 1, "1 failed")
    assert cell["difference"] == pytest.approx(((1 + 2 + 3) / 3 + (1 + 2) / 2) / 2)
    # The worst run has 33. As if the failed one had it too, its difference is 33 - 32 = 1: 1, 2 and 2 for the seeds.
    as_if = np.array([1, 2, 2])
    assert cell["difference_low"] <= as_if.mean() - REACH * as_if.std(ddof=1) + 1e-12
    assert (
        "Without a number: 1 failed. They count as missing, and every mean and interval is of the other runs."
        in found.notes
    )


def test_missing_runs_do_not_make_a_cell_better():
    def value(choices, seed):
        return choices["rate"] * 100 + choices["ps"] + 0.01 * seed * choices["ps"] * choices["rate"]

    frame = frame_of(combinations_of({"ps": [0.0, 0.5], "rate": [0.1, 0.2, 0.3, 0.4]}), value)
    assert pivot(frame, ["ps", "rate"], "ps", baseline=0.5).cells.loc[0, "verdict"] == "better"
    frame.loc[1, "value"] = math.nan  # of ps = 0; as if it had ended with 40.53, its cell would not be better
    found = pivot(frame, ["ps", "rate"], "ps", baseline=0.5).cells.loc[0]
    assert found["why_missing"] == "1 finished without a number"
    assert found["verdict"] == "chance could explain it"
    assert found["difference_low"] < -0.4
    assert found["difference_high"] > 1


def test_runs_that_wait_do_not_count():
    frame = grid()
    frame.loc[1, "status"] = "waiting"
    frame.loc[2, "status"] = "running"
    frame.loc[3, "status"] = "stopped"
    cell = pivot(frame, ["ps", "rate"], "ps").cells.loc[0]
    assert (cell["count"], cell["missing"], cell["why_missing"]) == (3, 2, "1 stopped, 1 running")


def test_a_choice_that_some_runs_lack_has_a_row_of_its_own():
    choices = [{"kind": "sgd", "momentum": 0.9}, {"kind": "adam", "momentum": None}, {"kind": "adam", "momentum": 0.5}]
    found = pivot(frame_of(choices, lambda one, seed: float(seed)), ["kind", "momentum"], "momentum", "kind")
    assert list(found.frame.index) == [0.5, 0.9, "(not asked)"]
    assert list(found.frame.columns) == ["adam", "sgd"]
    assert found.frame.loc["(not asked)", "adam"] == 1
    assert math.isnan(found.frame.loc["(not asked)", "sgd"])


def test_lists_are_choices():
    choices = combinations_of({"layers": [[200, 100], [1000, 500]]})
    found = pivot(frame_of(choices, lambda one, seed: seed - one["layers"][0] * (8 + seed)), ["layers"], "layers",
                  baseline=[200, 100])  # fmt: skip
    assert found.cells["layers"].tolist() == [(200, 100), (1000, 500)]
    assert found.cells["verdict"].tolist() == ["baseline", "better"]


def test_options_that_python_calls_equal_are_different_cells(tmp_path):
    options = [True, 1, 1.0, [1], [True], 0, False]
    make_study(tmp_path, combinations_of({"width": options}), lambda one, _: float(len(repr(one["width"]))))
    study = Study(tmp_path, "made")
    found = study.pivot("width", baseline=True)
    assert {repr(value): mean for value, mean in found.frame["value"].items()} == {
        "'0'": 1, "'False'": 5, "'1'": 1, "'1.0'": 3, "'True'": 4, "'(1,)'": 3, "'(True,)'": 6,
    }  # fmt: skip
    for option in options:
        cells = study.pivot("width", baseline=option).cells
        assert cells.loc[cells["verdict"] == "baseline", "mean"].tolist() == [len(repr(option))]
    assert study.pivot("width", baseline=np.bool_(True)).cells.loc[4, "verdict"] == "baseline"
    assert study.pivot("seed", "width").frame.loc[0].tolist() == [1, 5, 1, 3, 4, 3, 6]
    assert study.compare([0, 1]).rows == ["combination", "width"]
    frame = study.frame()
    assert pivot(frame[::-1], ["width"], "width").labels == pivot(frame, ["width"], "width").labels


def test_whole_and_other_numbers_are_one_kind_unless_two_are_equal(tmp_path):
    make_study(tmp_path / "a", combinations_of({"width": [1, 0.5]}), lambda *_: 1.0)
    make_study(tmp_path / "b", combinations_of({"width": [1, 1.0]}), lambda *_: 1.0)
    assert Study(tmp_path / "a", "made").frame()["width"].dtype == np.float64
    assert [repr(value) for value in Study(tmp_path / "b", "made").frame()["width"]] == ["1"] * 3 + ["1.0"] * 3


def test_a_dict_is_a_choice(tmp_path):
    make_study(tmp_path, combinations_of({"kind": [{"n": 1}, {"n": True}]}), lambda *_: 1.0)
    found = Study(tmp_path, "made").pivot("kind", baseline={"kind": {"n": True}})
    assert found.cells[["kind", "verdict"]].to_numpy().tolist() == [
        ['{"n": 1}', "too few runs"],
        ['{"n": true}', "baseline"],
    ]


@pytest.mark.parametrize("size", [2.0**1022, 2.0**700, 2.0**-700, 2.0**-1022])
def test_numbers_at_the_ends_of_what_floats_can_hold(size):
    random = np.random.default_rng(0)
    frame = frame_of(GRID, lambda one, seed: one["ps"] + float(random.standard_normal()) / 64)
    ours = pivot(frame, ["ps", "rate"], "ps", baseline=0.0).cells
    scaled = pivot(frame.assign(value=size * frame["value"]), ["ps", "rate"], "ps", baseline=0.0).cells
    columns = ["mean", "median", "best", "sd", "low", "high", "difference", "difference_low", "difference_high"]
    assert scaled[columns].to_numpy() == pytest.approx(size * ours[columns].to_numpy(), rel=1e-9, nan_ok=True)
    assert scaled["verdict"].tolist() == ours["verdict"].tolist() == ["baseline", "worse"]


@pytest.mark.parametrize("exploded", [1e14, 1e200])
def test_a_training_that_exploded_does_not_hide_the_other_cells(exploded):
    def value(choices, seed):
        return 50 + choices["ps"] * (1 + 0.01 * seed * choices["rate"])

    frame = frame_of(combinations_of({"ps": [0.0, 0.5, 1.0], "rate": [0.1, 0.2]}), value)
    ours = pivot(frame, ["ps", "rate"], "ps", baseline=0.0).cells
    frame.loc[frame.index[-1], "value"] = exploded
    found = pivot(frame, ["ps", "rate"], "ps", baseline=0.0).cells
    pd.testing.assert_series_equal(found.loc[1], ours.loc[1], check_names=False)
    assert (ours.loc[1, "verdict"], found.loc[2, "verdict"]) == ("worse", "chance could explain it")


def test_cells_that_have_one_seed_in_common_with_the_baseline():
    frame = frame_of(combinations_of({"ps": [0.0, 0.5], "rate": [0.1, 0.2, 0.3]}), lambda one, seed: 10 ** one["rate"])
    frame["value"] += np.random.default_rng(0).standard_normal(len(frame))
    found = pivot(frame[(frame["ps"] == 0) | (frame["seed"] == 0)], ["ps", "rate"], "ps", baseline=0.0)
    assert found.cells["pairs"].tolist() == [9, 3]
    assert FEW_SEEDS in found.notes
    assert FEW_SEEDS not in pivot(frame, ["ps", "rate"], "ps", baseline=0.0).notes


def test_many_numbers_are_cut_into_ranges():
    choices = [{"rate": float(rate)} for rate in range(16)]
    found = pivot(frame_of(choices, lambda one, seed: one["rate"]), ["rate"], "rate", baseline=5)
    assert found.cells["rate"].tolist() == ["0 to 3", "4 to 7", "8 to 11", "12 to 15"]
    assert found.cells["mean"].tolist() == [1.5, 5.5, 9.5, 13.5]
    assert found.cells["verdict"].tolist()[1] == "baseline"
    assert found.notes[0].startswith("rate has more than 12 different numbers: they are cut into 4 ranges")


def test_confirming_runs_are_left_out_unless_the_table_is_by_phase():
    frame = pd.concat([grid(), frame_of(GRID, lambda one, seed: 100.0, seeds=[9], phase="confirm")])
    assert pivot(frame, ["ps", "rate"], "ps").cells["mean"].tolist() == [23, 21]
    assert pivot(frame, ["ps", "rate"], "phase").cells["mean"].tolist() == [100, 22]


def test_one_run():
    found = pivot(frame_of([{"ps": 0.1}], lambda *_: 3.0, seeds=[0]), ["ps"], "ps", baseline=0.1)
    assert found.cells["mean"].tolist() == [3]
    assert found.cells["verdict"].tolist() == ["baseline"]
    assert found.cells[["sd", "low", "high", "difference_low"]].isna().all(axis=None)
    two = frame_of([{"ps": 0.1}, {"ps": 0.2}], lambda *_: 3.0, seeds=[0])
    assert pivot(two, ["ps"], "ps", baseline=0.1).cells["verdict"].tolist() == ["baseline", "too few runs"]


def test_no_run_has_finished():
    found = pivot(grid().assign(status="running"), ["ps", "rate"], "ps", baseline=0.5)
    assert found.cells["count"].tolist() == [0, 0]
    assert found.cells["missing"].tolist() == [6, 6]
    assert found.cells["verdict"].tolist() == ["too few runs", "baseline"]
    assert found.frame["value"].isna().all()
    assert "No run has ended with a number yet." in found.notes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": "rat"}, r"rows must name a choice of the study; 'rat' arrived\. Did you mean rate\?"),
        ({"rows": "ps", "columns": "width"}, r"columns must name .* There are ps, rate, combination"),
        ({"rows": []}, "rows at least one"),
        ({"rows": "ps", "columns": "ps"}, "must name different choices"),
        (
            {"rows": "ps", "aggregate": "meen"},
            r"aggregate must be one of .*'meen' arrived\. Did you mean mean or median\?",
        ),
        ({"rows": "ps", "values": "valu"}, "'valu' arrived. Did you mean value?"),
        ({"rows": "ps", "values": None}, "column of numbers; None arrived"),
        ({"rows": "ps", "values": ["value"]}, r"column of numbers; \['value'\] arrived"),
        ({"rows": "ps", "values": "status"}, "column of numbers; 'status' holds"),
        ({"rows": "ps", "baseline": 0.7}, r"no run has ps = 0\.7\. The values of ps are 0\.0, 0\.5\."),
        ({"rows": "ps", "columns": "rate", "baseline": 0.5}, "a dict with a value for each of ps, rate; 0.5 arrived"),
        ({"rows": "ps", "baseline": {"rate": 0.1}}, "a dict with a value for each of ps"),
    ],
)
def test_bad_input(given, message):
    with pytest.raises(ExperimentError, match=message):
        pivot(grid(), ["ps", "rate"], **given)


def test_a_study_without_runs():
    with pytest.raises(ExperimentError, match="does not have any yet"):
        pivot(grid().iloc[:0], ["ps", "rate"], "ps")


def test_a_baseline_that_no_run_has():
    frame = frame_of([{"ps": 0.0, "n": 1}, {"ps": 0.5, "n": 2}], lambda *_: 1.0)
    with pytest.raises(ExperimentError, match=r"there are no runs with \{'ps': 0.0, 'n': 2\}"):
        pivot(frame, ["ps", "n"], "ps", "n", baseline={"ps": 0.0, "n": 2})


studies = st.builds(
    lambda seed, cells, rests, seeds, lost: _random_study(seed, cells, rests, seeds, lost),
    st.integers(0, 10_000),
    st.integers(2, 4),
    st.integers(1, 4),
    st.integers(1, 4),
    st.floats(0, 0.5),
)


def _random_study(seed: int, cells: int, rests: int, seeds: int, lost: float) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    choices = combinations_of({"a": list(range(cells)), "b": list(range(rests))})
    frame = frame_of(choices, lambda *_: float(random.standard_normal()), seeds=range(seeds))
    gone = random.random(len(frame)) < lost
    frame.loc[gone, "status"] = random.choice(["failed", "pruned", "running"], gone.sum())
    return frame


def _numbers(frame: pd.DataFrame, direction: str = "minimize") -> pd.DataFrame:
    return pivot(frame, ["a", "b"], "a", baseline=0, direction=direction).cells.drop(columns="why_missing")


@settings(deadline=None, max_examples=60)
@given(studies, st.randoms())
def test_the_order_of_runs_changes_nothing(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(_numbers(frame.iloc[order]), _numbers(frame))


@settings(deadline=None, max_examples=60)
@given(studies)
def test_more_is_better_is_the_mirror_of_less_is_better(frame):
    ours = _numbers(frame)
    mirror = _numbers(frame.assign(value=-frame["value"]), "maximize")
    pd.testing.assert_series_equal(mirror["difference"], -ours["difference"], check_names=False)
    pd.testing.assert_series_equal(mirror["difference_low"], -ours["difference_high"], check_names=False)
    pd.testing.assert_series_equal(mirror["best"], -ours["best"])
    pd.testing.assert_series_equal(mirror["p_adjusted"], ours["p_adjusted"])
    assert mirror["verdict"].tolist() == ours["verdict"].tolist()


@settings(deadline=None, max_examples=60)
@given(studies)
def test_units_change_the_numbers_and_not_the_verdicts(frame):
    ours, scaled = _numbers(frame), _numbers(frame.assign(value=1024 * frame["value"]))
    columns = ["mean", "low", "high", "difference", "difference_low", "difference_high"]
    pd.testing.assert_frame_equal(scaled[columns], 1024 * ours[columns])
    pd.testing.assert_series_equal(scaled["p"], ours["p"])
    assert scaled["verdict"].tolist() == ours["verdict"].tolist()


def test_it_shows_itself():
    frame = grid()
    frame.loc[1, "status"] = "failed"
    found = pivot(frame.assign(rate="<b>"), ["ps", "rate"], "ps", "rate", baseline={"ps": 0.5, "rate": "<b>"})
    html = found._repr_html_()
    assert "<b>" not in html
    assert "rate = &lt;b&gt;" in html
    assert "1 failed" in html
    text = repr(found)
    assert text.startswith("mean of value (less is better)\n")
    assert "chance could explain it" in text
    assert all(note in text for note in found.notes)


def test_of_which_numbers_more_is_better():
    expected = {"value": "maximize", "my_score": "maximize", "valid_loss": "minimize", "seconds": "minimize",
                "roc_auc": "maximize", "error_rate": "minimize", "loudness": "maximize"}  # fmt: skip
    assert {name: direction_of(name, "my_score", "maximize") for name in expected} == expected
    assert direction_of(None, "my_score", "maximize") == "maximize"  # `pivot` refuses it


def test_what_is_said_of_one_seed():
    frame = frame_of([{"ps": 0.1 * i} for i in range(4)], lambda one, seed: one["ps"] + seed)
    with_ranges = frame.assign(kind=["a", "a", "a", "b", "b", "b"] * 2)
    names = ["ps", "kind"]
    assert ONE_SEED in pivot(with_ranges[with_ranges["seed"] == 0], names, "kind").notes
    assert ONE_SEED in pivot(with_ranges[with_ranges["seed"] == 0], names, "kind", baseline="a").notes
    assert ONE_SEED not in pivot(with_ranges, names, "kind").notes
    assert ONE_SEED not in pivot(with_ranges, names, "seed", baseline=0).notes
    assert ONE_SEED not in pivot(with_ranges[with_ranges["seed"] == 0], names, "ps").notes  # without intervals


def test_the_pivot_table_of_a_study(tmp_path):
    make_study(tmp_path, GRID, lambda choices, seed: float(BY_HAND[choices["ps"], choices["rate"]][seed]))
    found = Study(tmp_path, "made").pivot("ps", baseline=0.5)
    pd.testing.assert_frame_equal(found.cells, pivot(grid(), ["ps", "rate"], "ps", baseline=0.5).cells)


def test_the_bumpiness_of_a_studys_runs(tmp_path):
    make_study(tmp_path, GRID, lambda choices, seed: 1.0, epochs=30)
    study = Study(tmp_path, "made")
    curves = study.curves()
    by_hand = [bumpiness(curves["valid_loss"][curves["run"] == run].to_list()) for run in study.frame().index]
    assert study.frame()["bumpiness"].to_list() == by_hand
    assert len(set(by_hand)) > 1
    assert study.pivot("ps", values="bumpiness").frame["bumpiness"].notna().all()


@pytest.mark.parametrize(("sampler", "learns"), [("random", False), ("tpe", True)])
def test_a_sampler_that_learns_is_mentioned(tmp_path, sampler, learns):
    study = Study(tmp_path, metric="error")
    study.run(lambda trial: trial.categorical("ps", [0.0, 0.5]) + trial.seed, n=3, repeats=2, sampler=sampler)
    notes = study.pivot("ps", baseline=study.frame()["ps"].iloc[0]).notes
    assert any("The sampler chose later combinations" in note for note in notes) == learns


def test_whole_numbers_that_some_runs_were_not_asked_for(tmp_path):
    def train(trial):
        if trial.categorical("kind", ["a", "b"]) == "b":
            return trial.integer("n", 1, 2) + trial.seed
        return 5.0

    study = Study(tmp_path, metric="error")
    study.run(train, grid={"kind": ["a", "b"], "n": [1]}, repeats=2)
    cells = study.pivot("n", "kind", baseline={"n": "(not asked)", "kind": "a"}).cells
    assert cells[["n", "kind", "mean"]].to_numpy().tolist() == [[1, "b", 1.5], ["(not asked)", "a", 5.0]]
