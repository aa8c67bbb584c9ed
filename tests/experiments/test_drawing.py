"""The pictures of a study: what is drawn, read back from the artists, against numbers worked out by hand."""

from __future__ import annotations

from itertools import count, pairwise
from math import inf, isnan, nan

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.drawing.choice_plots import parallel_coordinates, slices
from handlens.experiments.drawing.scales import MISSING, ChoicePlace, Scale, number_texts, text_of
from handlens.experiments.drawing.small_multiples import small_multiples


@pytest.fixture(autouse=True)
def _no_window(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    mpl.use("agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def run(number, losses, status="finished", **choices):
    """A run of a combination: its row of the frame, and its validation loss by epoch."""
    value = losses[-1] if status == "finished" and losses else nan
    row = {
        "combination": number,
        "phase": "study",
        "status": status,
        "value": value,
        "bumpiness": 0.25 if value == value else nan,
    }
    return {**row, **choices}, losses


def tables(*runs, train=0.5):
    """The frame and the curves of some runs, numbered from 1; the training loss is the other one times `train`."""
    ids = count(1)
    rows, epochs = {}, []
    for row, losses in runs:
        one = next(ids)
        rows[one] = row
        epochs += [
            {"run": one, "epoch": i, "seconds": 1.0, "train_loss": train * loss, "valid_loss": loss}
            for i, loss in enumerate(losses, 1)
        ]
    frame = pd.DataFrame(rows.values(), index=pd.Index(rows, name="run"))
    return frame, pd.DataFrame(epochs, columns=["run", "epoch", "seconds", "train_loss", "valid_loss"])


FOUR = (
    run(0, [4.0, 2.0], layers=(200, 100), ps=0.0),
    run(0, [6.0, 4.0], layers=(200, 100), ps=0.0),
    run(1, [5.0, 3.0], layers=(200, 100), ps=0.5),
    run(2, [8.0, 7.0], layers=(500,), ps=0.0),
)


def lines_of(axes, label):
    """The points of a collection of lines."""
    (found,) = [one for one in axes.collections if one.get_label() == label]
    return [path.vertices.tolist() for path in found.get_paths()]  # `get_segments` leaves out nan


def points_of(axes, label):
    """The points of each line or mark of this name."""
    return [line.get_xydata().tolist() for line in axes.lines if line.get_label() == label]


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def words_of(figure):
    """All text of a figure that lies outside of its axes, in one line each."""
    return [
        *(text.get_text().replace("\n", " ") for text in figure.texts),
        *(t.get_text() for one in figure.legends for t in one.texts),
    ]


class TestSmallMultiples:
    def test_each_cell_has_the_curves_of_its_runs_and_their_mean(self):
        frame, curves = tables(*FOUR)
        figure = small_multiples(frame, curves, rows="layers", columns="ps", metric="loss")
        first, second, third, empty = figure.axes
        assert lines_of(first, "valid_loss of each run") == [[[1, 4], [2, 2]], [[1, 6], [2, 4]]]
        assert lines_of(first, "train_loss of each run") == [[[1, 2], [2, 1]], [[1, 3], [2, 2]]]
        assert points_of(first, "mean valid_loss") == [[[1, 5], [2, 3]]]
        assert points_of(first, "mean train_loss") == [[[1, 2.5], [2, 1.5]]]
        assert lines_of(second, "valid_loss of each run") == [[[1, 5], [2, 3]]]
        assert lines_of(third, "valid_loss of each run") == [[[1, 8], [2, 7]]]
        assert len(empty.collections) == len(empty.lines) == 0
        assert texts_of(empty) == ["not run"]

    def test_each_cell_says_its_mean_its_bumpiness_and_how_many_runs_it_has(self):
        frame, curves = tables(*FOUR)
        figure = small_multiples(frame, curves, rows="layers", columns="ps", metric="loss")
        assert texts_of(figure.axes[0]) == ["3", "bumpy 0.25", "n 2", "0", "[200, 100]"]
        assert texts_of(figure.axes[1]) == ["3", "bumpy 0.25", "n 1", "0.5"]
        assert texts_of(figure.axes[2]) == ["7", "bumpy 0.25", "n 1", "[500]"]
        assert {"layers", "ps", "train_loss", "valid_loss"} <= set(words_of(figure))
        assert any("mean loss at the end" in text for text in words_of(figure))

    def test_all_cells_have_one_scale(self):
        frame, curves = tables(*FOUR)
        figure = small_multiples(frame, curves, rows="layers", columns="ps", metric="loss")
        # From the lowest training loss, 1, to the highest validation loss, 8, and a twentieth of that beyond.
        assert {axes.get_ylim() for axes in figure.axes} == {(1 - 0.05 * 7, 8 + 0.05 * 7)}
        assert {axes.get_yscale() for axes in figure.axes} == {"linear"}

    def test_runs_that_did_not_finish_are_drawn_marked_and_counted_but_not_part_of_the_mean(self):
        frame, curves = tables(
            run(0, [3.0, 2.0, 1.0], x=1),
            run(0, [9.0, 8.0], "failed", x=1),
            run(0, [7.0], "pruned", x=1),
            run(0, [], "failed", x=1),
        )
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        (axes,) = figure.axes
        assert lines_of(axes, "valid_loss of each run") == [[[1, 3], [2, 2], [3, 1]], [[1, 9], [2, 8]], [[1, 7]]]
        assert points_of(axes, "mean valid_loss") == [[[1, 3], [2, 2], [3, 1]]]
        assert points_of(axes, "run 2 failed") == [[[2, 8]]]
        assert points_of(axes, "run 3 pruned") == [[[1, 7]]]
        assert texts_of(axes)[:3] == ["1", "bumpy 0.25", "1 of 4"]
        assert {"failed: 2", "pruned: 1"} <= set(words_of(figure))

    def test_a_cell_without_a_finished_run_has_no_mean(self):
        frame, curves = tables(run(0, [3.0, 2.0], "failed", x=1), run(1, [3.0, 2.0], x=2))
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        assert points_of(figure.axes[0], "mean valid_loss") == [[]]
        assert texts_of(figure.axes[0])[:2] == ["–", "0 of 1"]

    def test_the_mean_curve_has_the_epochs_that_all_finished_runs_have(self):
        frame, curves = tables(run(0, [4.0, 2.0, 0.5], x=1), run(1, [6.0, 4.0], x=1))
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        assert points_of(figure.axes[0], "mean valid_loss") == [[[1, 5], [2, 3]]]

    def test_one_run_that_exploded_does_not_stretch_the_scale_and_is_marked(self):
        calm = [run(i, [3.0, 2.0 + i / 8], x=1) for i in range(8)]
        frame, curves = tables(*calm, run(8, [3.0, 5e6, 2.0], x=1), run(9, [3.0, inf, 2.0], x=1))
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        (axes,) = figure.axes
        assert axes.get_ylim() == (1 - 0.1, 3 + 0.1)
        marks = [line for line in axes.lines if "beyond the scale" in line.get_label()]
        assert sorted({(line.get_label()[:5], *line.get_xydata()[0], line.get_marker()) for line in marks}) == [
            ("run 1", 2, 1, "^"),
            ("run 9", 2, 1, "^"),
        ]
        assert "beyond the scale: 2" in words_of(figure)

    def test_a_wide_range_is_drawn_on_a_log_scale(self):
        frame, curves = tables(run(0, [1000.0, 10.0], x=1), train=1)
        (axes,) = small_multiples(frame, curves, rows="x", metric="loss").axes
        assert axes.get_yscale() == "log"
        assert axes.get_ylim() == pytest.approx((10 / 100**0.05, 1000 * 100**0.05))

    def test_values_that_are_not_numbers_leave_a_gap_and_values_between_gaps_a_dot(self):
        frame, curves = tables(run(0, [4.0, nan, 3.0, nan, 2.0, 1.0], x=1))
        (axes,) = small_multiples(frame, curves, rows="x", metric="loss").axes
        (line,) = lines_of(axes, "valid_loss of each run")
        assert [isnan(y) for _, y in line] == [False, True, False, True, False, False]
        assert points_of(axes, "values without a neighbour")[-1] == 2 * [[1, 4], [3, 3]]  # of the run and of the mean

    def test_a_run_of_one_epoch_is_a_dot(self):
        frame, curves = tables(run(0, [4.0], x=1))
        (axes,) = small_multiples(frame, curves, rows="x", metric="loss").axes
        assert points_of(axes, "values without a neighbour")[-1] == 2 * [[1, 4]]
        assert axes.get_xticks().tolist() == [1]

    def test_one_number_may_be_drawn_alone_and_its_mean_is_that_of_its_last_epoch(self):
        frame, curves = tables(*FOUR)
        frame = frame.assign(train_loss=[1.0, 2.0, 1.5, 3.5])
        figure = small_multiples(frame, curves, rows="layers", columns="ps", values="train_loss", metric="loss")
        assert [one.get_label() for one in figure.axes[0].collections] == ["train_loss of each run"]
        assert texts_of(figure.axes[0])[0] == "1.5"
        assert any("mean train_loss at the end" in text for text in words_of(figure))

    def test_without_losses_the_metric_is_drawn(self):
        frame, curves = tables(*FOUR)
        curves = curves.rename(columns={"valid_loss": "score"}).drop(columns="train_loss")
        (axes, *_) = small_multiples(frame, curves, rows="layers", metric="score").axes
        assert [one.get_label() for one in axes.collections] == ["score of each run"]

    def test_several_choices_may_make_the_rows(self):
        frame, curves = tables(*FOUR)
        figure = small_multiples(frame, curves, rows=["layers", "ps"], metric="loss")
        assert [texts_of(axes)[-1] for axes in figure.axes] == ["[200, 100]\n0", "[200, 100]\n0.5", "[500]\n0"]

    def test_names_and_values_are_text_whatever_they_hold(self):
        frame, curves = tables(
            run(0, [2.0, 1.0], **{"$x_$": "$\\frac{"}), run(1, [2.0, 1.0], **{"$x_$": "_\n" + 99 * "y"})
        )
        figure = small_multiples(frame, curves, rows="$x_$", columns="combination", metric="_$")
        figure.canvas.draw()
        assert texts_of(figure.axes[0])[-1] == "$\\frac{"
        assert "$x_$" in words_of(figure)
        assert texts_of(figure.axes[2])[-1].startswith("_ y")
        assert texts_of(figure.axes[2])[-1].endswith("…")

    def test_a_study_without_runs_and_a_name_that_it_lacks_are_refused(self):
        frame, curves = tables(*FOUR)
        with pytest.raises(ExperimentError, match=r"no run of the study has begun yet. Call study.run"):
            small_multiples(frame[:0], curves[:0], rows="layers", metric="loss")
        with pytest.raises(ExperimentError, match=r"'layer' arrived. Did you mean layers"):
            small_multiples(frame, curves, rows="layer", metric="loss")
        with pytest.raises(ExperimentError, match=r"rows must name a choice of the study; 3 arrived"):
            small_multiples(frame, curves, rows=3, metric="loss")
        with pytest.raises(ExperimentError, match=r"recorded: train_loss, valid_loss; 'rmse' arrived"):
            small_multiples(frame, curves, rows="layers", values="rmse", metric="loss")

    def test_runs_that_wait_and_runs_that_confirm_are_left_out(self):
        frame, curves = tables(*FOUR)
        frame["status"] = ["finished", "waiting", "finished", "finished"]
        frame["phase"] = ["study", "study", "study", "confirm"]
        first, second = small_multiples(frame, curves, rows="layers", columns="ps", metric="loss").axes
        assert lines_of(first, "valid_loss of each run") == [[[1, 4], [2, 2]]]
        assert texts_of(first)[2] == "n 1"
        assert lines_of(second, "valid_loss of each run") == [[[1, 5], [2, 3]]]
        frame["phases"] = 2  # its name begins like that of the fact
        (axes,) = small_multiples(frame, curves, rows="phases", metric="loss").axes
        assert texts_of(axes)[2] == "n 2"
        by_phase = small_multiples(frame, curves, rows="phase", metric="loss")
        assert [texts_of(axes)[-1] for axes in by_phase.axes] == ["confirm", "study"]

    def test_many_numbers_are_cut_into_the_ranges_of_a_pivot(self):
        frame, curves = tables(*(run(i, [2.0, 1.0], rate=float(i)) for i in range(16)))
        figure = small_multiples(frame, curves, rows="rate", metric="loss")
        assert [texts_of(axes)[-1] for axes in figure.axes] == ["0 to 3", "4 to 7", "8 to 11", "12 to 15"]
        assert texts_of(figure.axes[0])[2] == "n 4"

    def test_runs_that_recorded_nothing_have_empty_graphs(self):
        frame, curves = tables(run(0, [], "failed", x=1))
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        (axes,) = figure.axes
        assert texts_of(axes)[:3] == ["no epochs", "–", "0 of 1"]
        assert len(axes.get_yticks()) == 0
        assert "epoch" not in words_of(figure)

    def test_runs_that_ended_without_a_number_are_marked_and_are_not_part_of_the_mean(self):
        frame, curves = tables(run(0, [4.0, 2.0], x=1), run(0, [6.0, nan], x=1), run(0, [5.0, inf], x=1))
        figure = small_multiples(frame, curves, rows="x", metric="loss")
        (axes,) = figure.axes
        assert points_of(axes, "mean valid_loss") == [[[1, 4], [2, 2]]]
        assert points_of(axes, "run 2 ended without a number") == [[[1, 6]]]
        assert points_of(axes, "run 3 ended without a number") == [[[1, 5]]]
        assert "1 of 3" in texts_of(axes)
        assert "ended without a number: 2" in words_of(figure)

    def test_runs_that_are_not_drawn_are_not_counted(self):
        frame, curves = tables(*FOUR, run(0, [], "failed", layers=(500,), ps=0.0))
        frame["phase"] = [*4 * ["study"], "confirm"]
        assert not any("failed" in text for text in words_of(small_multiples(frame, curves, rows="ps", metric="loss")))

    def test_each_time_that_a_run_leaves_the_scale_is_marked_unless_it_is_still_seen(self):
        calm = [run(i, [3.0, 2.0, 2.0, 2.0], x=1) for i in range(8)]
        frame, curves = tables(*calm, run(8, [3.05, 1e6, 2.0, 1e6], x=1), train=1)
        (axes,) = small_multiples(frame, curves, rows="x", metric="loss").axes
        marks = [line.get_xydata().tolist() for line in axes.lines if line.get_label() == "run 9 is beyond the scale"]
        assert marks == 2 * [[[2, 1]], [[4, 1]]]  # of the training loss, and of the validation loss

    def test_more_graphs_than_can_be_read_are_refused(self):
        frame, curves = tables(*(run(i, [1.0], x=1) for i in range(501)))
        with pytest.raises(ExperimentError, match="at most 500 graphs; 501 arrived"):
            small_multiples(frame, curves, rows="combination", metric="loss")


LONG = "a name of many letters, of which_somebody_was_very_proud_" + 9 * "Root_Mean_Square_"


@pytest.mark.parametrize(
    ("name", "options", "values"),
    [
        ("x", ["a", "b"], [1.0, 1e6]),
        ("x", [f"option {i}" for i in range(20)], [1e-9, 3e-9]),
        (LONG, [(1000, 500), (200, 100)], [100.0001, 100.0002]),
        (LONG, [LONG, "b", "c", "d"], [-1e5, -2e5]),
        ("x", [1, 2], [nan]),
    ],
)
def test_all_text_lies_within_the_picture_and_tick_labels_apart(values, options, name):
    runs = [run(i, [9 * value, value], **{name: option}) for i, option in enumerate(options) for value in values]
    frame, curves = tables(*runs, run(99, [], "failed", **{name: options[0]}), run(98, [1.0], "pruned"))
    pictures = [
        small_multiples(frame, curves, rows=name, metric=name),
        small_multiples(frame, curves, rows="status", columns=name, values="valid_loss", metric=name),
        parallel_coordinates(frame, [name, "status"], metric=name),
        slices(frame, [name, "status"], metric=name),
    ]
    for figure in pictures:
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        shown = [axes for axes in figure.axes if axes.axison]
        labels = [[one for one in axes.get_xticklabels() if one.get_visible()] for axes in shown]
        ticks = [[one for one in axes.get_yticklabels() if one.get_visible()] for axes in shown]
        texts = [*figure.texts, *(text for axes in figure.axes for text in (*axes.texts, axes.xaxis.label))]
        texts += [axes.yaxis.label for axes in figure.axes]
        texts += [text for legend in figure.legends for text in legend.texts]
        for text in (*texts, *(one for row in (*labels, *ticks) for one in row)):
            if text.get_text().strip():
                box = text.get_window_extent(renderer)
                assert box.x0 >= 0, text
                assert box.y0 >= 0, text
                assert box.x1 <= figure.bbox.width, text
                assert box.y1 <= figure.bbox.height, text
        for row in labels:
            boxes = sorted((one.get_window_extent(renderer) for one in row), key=lambda box: box.x0)
            assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


class TestScale:
    def test_what_is_seen_of_it_reaches_a_little_beyond(self):
        assert Scale(2, 4, False).seen == (1.9, 4.1)
        assert Scale(0, 0, False).seen == (-1, 1)
        assert Scale(1, 10**20, True).seen == pytest.approx((0.1, 10**21))

    def test_texts_of_numbers_tell_them_apart(self):
        assert number_texts([0.1 + 0.2, 1.0, 1e-9]) == ["0.3", "1", "1e-09"]
        assert number_texts([100.0, 100.001]) == ["100", "100.001"]

    def test_all_values_are_on_it_where_none_lies_far_out(self):
        assert Scale.of([np.array([1.0, 2.0]), np.array([3.0, nan]), np.array([inf])]) == Scale(1, 3, False)

    def test_what_lies_far_out_is_left_out_on_either_side(self):
        values = [np.array([float(x)]) for x in (-1e9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1e9)]
        assert Scale.of(values) == Scale(1, 9, False)

    def test_it_is_logarithmic_above_a_factor_of_twenty(self):
        assert Scale.of([np.array([1.0, 20.0])]).log is False
        assert Scale.of([np.array([1.0, 21.0])]).log is True
        assert Scale.of([np.array([0.0, 21.0])]).log is False

    def test_positions(self):
        assert Scale(2, 4, False).position([1, 2, 3, 4]).tolist() == [-0.5, 0, 0.5, 1]
        assert Scale(1, 100, True).position([1, 10, 100]).tolist() == [0, 0.5, 1]
        assert Scale(3, 3, False).position([2, 3, 4]).tolist() == [-0.5, 0.5, 1.5]

    def test_without_values_there_is_a_scale_too(self):
        assert Scale.of([np.array([nan])]) == Scale(0, 1, False)


class TestPlace:
    def test_few_values_are_levels_at_equal_distances(self):
        place = ChoicePlace.of(pd.DataFrame({"combination": [0, 0, 1, 2], "x": [8, 8, 1, 8]}), "x")
        assert place.ticks == [(0.25, "1"), (0.75, "8")]
        # Two combinations share the level 8, side by side in the middle 0.3 of it.
        assert place.positions.tolist() == pytest.approx([0.675, 0.675, 0.25, 0.825])

    def test_many_numbers_are_drawn_to_scale(self):
        numbers = [float(x) for x in range(11)]
        place = ChoicePlace.of(pd.DataFrame({"combination": range(11), "x": numbers}), "x")
        assert place.positions.tolist() == pytest.approx([x / 10 for x in range(11)])
        assert place.ticks == [(0, "0"), (0.5, "5"), (1, "10")]

    def test_the_logarithm_is_drawn_to_scale_where_asked(self):
        numbers = [10.0**-x for x in range(9)]
        place = ChoicePlace.of(pd.DataFrame({"combination": range(9), "x": numbers}), "x", log=True)
        assert place.positions.tolist() == pytest.approx([1 - x / 8 for x in range(9)])

    def test_a_run_that_was_not_asked_lies_beside_the_axis(self):
        place = ChoicePlace.of(pd.DataFrame({"combination": [0, 1], "x": ["a", None]}), "x")
        assert place.positions.tolist() == pytest.approx([0.5, MISSING])
        assert place.ticks == [(0.5, "a"), (MISSING, "(not asked)")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), ((1000, 500), "[1000, 500]"), ((0.001,), "[0.001]"), (True, "True")],
)
def test_values_are_written_as_people_write_them(value, text):
    assert text_of(value) == text


SIX = (
    run(0, [1.0], layers=(200,), rate=0.001),
    run(0, [3.0], layers=(200,), rate=0.001),
    run(1, [4.0], layers=(500,), rate=0.1),
    run(1, [], "failed", layers=(500,), rate=0.1),
    run(2, [], "failed", layers=(500,), rate=None),
    run(2, [9.0], "pruned", layers=(500,), rate=None),
)


class TestParallelCoordinates:
    def test_a_line_is_a_combination_with_the_mean_of_its_finished_runs(self):
        frame, _ = tables(*SIX)
        (axes,) = parallel_coordinates(frame, ["layers", "rate"], metric="loss").axes
        # The layers [200] lie at 1/4; [500] at 3/4, where two combinations lie side by side. The means are 2 and 4:
        # the two ends of the value axis. The better one, 2, is drawn last.
        assert lines_of(axes, "combinations") == [
            [[0, pytest.approx(0.675)], [1, 0.75], [2, 1]],
            [[0, 0.25], [1, 0.25], [2, 0]],
        ]
        assert lines_of(axes, "without a value") == [[[0, pytest.approx(0.825)], [1, MISSING]]]
        assert texts_of(axes)[:8] == ["layers", "[200]", "[500]", "rate", "0.001", "0.1", "(not asked)", "loss"]

    def test_the_best_is_drawn_last_and_darkest_whatever_the_direction(self):
        frame, _ = tables(*SIX)
        for maximize, last in ((False, 0), (True, 1)):
            (axes,) = parallel_coordinates(frame, ["layers"], metric="loss", maximize=maximize).axes
            (drawn,) = [one for one in axes.collections if one.get_label() == "combinations"]
            assert drawn.get_segments()[-1][-1].tolist() == [1, last]
            brightness = [sum(colour[:3]) for colour in drawn.get_edgecolors()]
            assert brightness[0] > brightness[-1]

    def test_what_is_missing_or_beyond_the_scale_is_said(self):
        runs = [run(i, [1.0 + i / 8], x=i) for i in range(9)]
        frame, _ = tables(*runs, run(9, [1e9], x=9), run(9, [1.0], "pruned", x=9), run(10, [], "failed", x=10))
        figure = parallel_coordinates(frame, ["x"], metric="loss")
        (note,) = words_of(figure)
        assert "Crosses: no run ended with a number (1)" in note
        assert "Dashed: some runs ended without a number (1)" in note
        assert "Beyond the ends of the scale: 1" in note
        assert max(line[-1][1] for line in lines_of(figure.axes[0], "combinations")) == 1.06

    def test_a_study_without_runs_is_refused(self):
        frame, _ = tables(*SIX)
        with pytest.raises(ExperimentError, match="no run of the study has begun yet"):
            parallel_coordinates(frame[:0], ["layers"], metric="loss")
        with pytest.raises(ExperimentError, match="has no choices"):
            parallel_coordinates(frame, [], metric="loss")


class TestSlices:
    def test_the_runs_of_a_combination_are_joined_and_each_level_has_its_mean(self):
        frame, _ = tables(*SIX)
        layers, rate = slices(frame, ["layers", "rate"], metric="loss").axes
        assert lines_of(layers, "combinations")[:2] == [[[0.25, 1], [0.25, 3]], [[pytest.approx(0.675), 4]]]
        assert points_of(layers, "runs") == [[[0.25, 1], [0.25, 3], [pytest.approx(0.675), 4]]]
        assert [[y for _, y in points] for points in points_of(layers, "mean")] == [[2, 2], [4, 4]]
        assert [text.get_text() for text in rate.get_xticklabels()] == ["0.001", "0.1", "(not asked)"]
        assert rate.get_xlabel() == "rate"
        assert layers.get_ylabel() == "loss"

    @pytest.mark.parametrize(("maximize", "worst"), [(False, 4), (True, 1)])
    def test_runs_without_a_value_lie_at_the_worse_end(self, maximize, worst):
        frame, _ = tables(*SIX)
        figure = slices(frame, ["layers"], metric="loss", maximize=maximize)
        (failed,) = points_of(figure.axes[0], "failed")
        assert [y for _, y in failed] == [worst, worst]
        assert {"failed: 2", "pruned: 1"} <= set(words_of(figure))

    def test_runs_that_finished_without_a_number_lie_there_too(self):
        frame, _ = tables(run(0, [1.0], x=1), run(1, [2.0], x=1), run(2, [nan], x=2), run(3, [inf], x=2))
        figure = slices(frame, ["x"], metric="loss")
        (points,) = points_of(figure.axes[0], "ended without a number")
        assert [y for _, y in points] == [2, 2]
        assert "ended without a number: 2" in words_of(figure)

    def test_one_run_that_exploded_does_not_stretch_the_scale_and_is_marked(self):
        runs = [run(i, [1.0 + i / 8], x=i) for i in range(9)]
        frame, _ = tables(*runs, run(9, [1e9], x=9))
        figure = slices(frame, ["x"], metric="loss")
        assert figure.axes[0].get_ylim() == (0.95, 2.05)
        assert points_of(figure.axes[0], "a run beyond the scale") == [[[1, 1]]]
        assert "beyond the scale: 1" in words_of(figure)

    def test_the_same_runs_give_the_same_picture(self):
        frame, _ = tables(*SIX)
        one, two = (slices(frame, ["layers"], metric="loss").axes[0] for _ in range(2))
        assert points_of(one, "runs") == points_of(two, "runs")


def test_a_study_draws_its_own_runs(tmp_path):
    def train(trial):
        rate = trial.real("rate", 1e-3, 1e-1, log=True)
        size = trial.categorical("size", [[16], [8, 8]])
        for epoch in range(3):
            trial.record(train_loss=rate / (epoch + 1), valid_loss=len(size) / (epoch + 1))

    study = Study(tmp_path, direction="maximize")
    study.run(train, grid={"size": [[16], [8, 8]]}, repeats=2)
    assert study.choices == ["rate", "size"]
    one, two = study.small_multiples("size").axes
    assert points_of(one, "mean valid_loss") == [[[1, 2], [2, 1], [3, pytest.approx(2 / 3)]]]
    assert texts_of(two)[-1] == "[16]"
    (axes,) = study.parallel_coordinates().axes
    assert [line[-1] for line in lines_of(axes, "combinations")] == [[2, 0], [2, 1]]  # the higher value is the best
    assert [axes.get_xlabel() for axes in study.slices().axes] == ["rate", "size"]
