"""The recorder's plots show what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from handlens.core.learner import Learner
from handlens.core.metrics import rmse
from handlens.core.recorder import Recorder
from handlens.core.schedule import USUAL_RATE
from handlens.errors import TrainingError

MakeLearner = Callable[..., Learner]


@pytest.fixture
def ax() -> Iterator[Axes]:
    mpl.use("Agg")
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_losses_by_batch(make_learner: MakeLearner, ax: Axes) -> None:
    learn = make_learner(metrics=rmse)
    learn.fit(3, 1e-2)
    learn.recorder.plot_losses(ax=ax)
    train, valid = ax.get_lines()
    assert np.allclose(train.get_ydata(), learn.recorder.smoothed)
    assert list(train.get_xdata()) == list(range(1, 16))
    assert list(valid.get_xdata()) == [5, 10, 15]
    assert list(valid.get_ydata()) == [row["valid_loss"] for row in learn.recorder.rows]


@pytest.mark.parametrize(("last", "batches", "epochs"), [(-1, 15, 3), (7, 7, 2), (100, 15, 3)])
def test_the_last_losses(make_learner: MakeLearner, ax: Axes, last: int, batches: int, epochs: int) -> None:
    learn = make_learner()
    learn.fit(3)
    learn.recorder.plot_losses(last=last, ax=ax)
    assert [len(line.get_xdata()) for line in ax.get_lines()] == [batches, epochs]


def test_rates_momenta_and_metrics(make_learner: MakeLearner, ax: Axes) -> None:
    learn = make_learner(metrics=rmse)
    learn.fit_one_cycle(2, slice(1e-3, 1e-2))
    learn.recorder.plot_lr(ax=ax)
    assert np.allclose(np.stack([line.get_ydata() for line in ax.get_lines()], 1), learn.recorder.rates)
    ax.clear()
    learn.recorder.plot_metrics(ax=ax)
    assert list(ax.get_lines()[0].get_ydata()) == [row["rmse"] for row in learn.recorder.rows]


def test_the_search_with_its_suggestion(make_learner: MakeLearner, ax: Axes) -> None:
    learn = make_learner(n=200)
    learn.lr_find(seed=0)
    rate = learn.recorder.suggestion = float(learn.recorder.rates[30, -1])
    learn.recorder.plot(ax=ax)
    curve, point = ax.get_lines()
    assert ax.get_xscale() == "log"
    assert len(curve.get_xdata()) == len(learn.recorder.losses) - 15
    assert point.get_xdata()[0] == pytest.approx(rate)
    assert point.get_ydata()[0] == learn.recorder.smoothed[30]
    ax.clear()
    learn.recorder.plot(0, 0, suggestion=False, ax=ax)
    (curve,) = ax.get_lines()
    assert len(curve.get_xdata()) == len(learn.recorder.losses)


@pytest.mark.parametrize("num_it", [1, 2, 4])
def test_a_search_of_a_few_steps_draws_and_suggests_nothing(
    make_learner: MakeLearner, ax: Axes, num_it: int, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = make_learner(n=200)
    assert learn.lr_find(num_it=num_it, seed=0) == USUAL_RATE
    assert learn.recorder.suggestion is None
    assert "no learning rate is suggested, because" in capsys.readouterr().out
    learn.recorder.plot(suggestion=True, ax=ax)
    (curve,) = ax.get_lines()
    assert curve.get_ydata().tolist() == learn.recorder.smoothed.tolist()


def test_a_search_goes_on_where_the_loss_grows_if_it_is_to(make_learner: MakeLearner) -> None:
    learn = make_learner(n=200)
    learn.lr_find(start_lr=1e-4, end_lr=100, num_it=60, seed=0)
    assert len(learn.recorder.losses) < 60
    learn.lr_find(start_lr=1e-4, end_lr=100, num_it=60, stop_div=False, seed=0)
    assert len(learn.recorder.losses) == 60


def test_a_picture_of_ones_own_is_made_without_axes(make_learner: MakeLearner) -> None:
    mpl.use("Agg")
    plt.close("all")
    learn = make_learner()
    learn.fit(1)
    learn.recorder.plot_losses()
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_nothing_to_plot(make_learner: MakeLearner) -> None:
    recorder = Recorder(["train_loss"])
    for plot in (recorder.plot, recorder.plot_losses, recorder.plot_lr, recorder.plot_metrics):
        with pytest.raises(TrainingError, match="nothing is recorded yet"):
            plot()
    with pytest.raises(TrainingError, match="nothing is recorded yet"):
        _ = recorder.row
    learn = make_learner()
    learn.fit(1)
    with pytest.raises(TrainingError, match="no metrics to plot"):
        learn.recorder.plot_metrics()
