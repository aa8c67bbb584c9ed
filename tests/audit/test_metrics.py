"""A metric is one definition: added to the registry, it is in frames, sentences, HTML and plots."""

import pickle

import matplotlib as mpl
import numpy as np
import pytest

from handlens.audit import subgroups
from handlens.audit.estimators import Mean, Rate
from handlens.audit.metrics import METRICS, Metric
from handlens.errors import AuditError

mpl.use("agg")

TRUE = [1, 1, 0, 0, 1, 0]
PRED = [1, 0, 0, 0, 1, 1]
SCORE = [0.9, 0.4, 0.3, 0.1, 0.8, 0.6]
GROUP = list("aaabbb")

BRIER = Metric(
    name="brier",
    title="Brier score",
    needs="probability",
    better="lower",
    decimals=2,
    estimator=Mean(lambda rows: (rows.score - rows.positive) ** 2),
)


@pytest.mark.parametrize("metrics", [["brier"], None])
def test_a_metric_is_added_with_one_definition(monkeypatch, metrics):
    import matplotlib.pyplot as plt

    monkeypatch.setitem(METRICS, "brier", BRIER)
    audit = subgroups(TRUE, PRED, GROUP, score=SCORE, metrics=metrics, small=1, draws=100)
    rows = audit.frame[audit.frame["metric"] == "brier"].set_index("group")
    assert rows["value"].to_dict() == pytest.approx({"all": 0.87 / 6, "a": 0.46 / 3, "b": 0.41 / 3})
    assert rows["worst"].to_dict() == {"all": False, "a": True, "b": False}
    assert rows.loc["a", "over_best"] == pytest.approx(46 / 41)
    assert (rows["low"] < rows["value"]).all()
    assert audit.chance.loc[audit.chance["metric"] == "brier", "p"].between(0, 1).all()
    assert "Brier score by group: worst for a, 0.15 (0.00 to " in repr(audit)
    assert "<th>Brier score</th>" in audit._repr_html_()
    assert ">0.15<br>" in audit._repr_html_()
    figure = audit.plot("brier")
    assert figure.axes[0].get_title() == "Brier score"
    plt.close(figure)


def test_what_a_metric_needs_decides_when_it_is_computed(monkeypatch):
    monkeypatch.setitem(METRICS, "brier", BRIER)
    without = subgroups(TRUE, PRED, GROUP)
    assert "brier" not in without.metrics
    with pytest.raises(AuditError, match=r"score must be given for \['brier'\]"):
        subgroups(TRUE, PRED, GROUP, metrics=["brier"])
    with pytest.raises(AuditError, match=r"score must be probabilities .* leave calibration, brier out"):
        subgroups(TRUE, PRED, GROUP, score=[7, *SCORE[1:]])


def test_a_share_is_shown_in_percent_and_a_complement_is_not_tested_twice(monkeypatch):
    missed = Metric(
        name="missed",
        title="missed rows",
        needs="classes",
        better="lower",
        unit="%",
        complement_of="error",
        estimator=Rate(lambda rows: ~rows.correct),
    )
    monkeypatch.setitem(METRICS, "missed", missed)
    audit = subgroups(TRUE, PRED, GROUP, metrics=["missed", "accuracy"], draws=100)
    assert "missed rows by group: the same for every group, 33.3 % (" in repr(audit)
    assert audit.plot("missed").axes[0].get_title() == "missed rows, %"
    alone = subgroups(TRUE, PRED, GROUP, metrics=["missed"], draws=100).chance["p"]
    both = audit.chance
    assert both.loc[both["metric"] == "missed", "p"].tolist() == alone.tolist()


def test_metrics_of_classes_and_of_numbers_are_not_mixed():
    with pytest.raises(AuditError, match="'tpr' is of classes and 'mae' of numbers"):
        subgroups(TRUE, PRED, GROUP, metrics=["mae", "tpr"])


def test_a_function_of_numbers_may_be_the_only_metric():
    def largest(y_true, y_pred):
        return float(np.abs(y_true - y_pred).max())

    audit = subgroups([1, 2, 3, 4], [1.5, 2.0, 2.0, 4.0], list("aabb"), metrics=[largest], draws=100)
    assert audit.frame["value"].tolist() == [1.0, 0.5, 1.0]


@pytest.mark.parametrize("found", [None, np.array([0.5, 0.6]), [0.5]])
def test_a_function_must_return_a_number(found):
    def wrong(y_true, y_pred):
        return found

    with pytest.raises(AuditError, match="metric 'wrong' must return a number"):
        subgroups(TRUE, PRED, GROUP, metrics=[wrong], draws=100)


@pytest.mark.parametrize(("truth", "predicted", "score"), [(TRUE, PRED, SCORE), (SCORE, SCORE, None)])
def test_results_can_be_pickled(truth, predicted, score):
    audit = subgroups(truth, predicted, GROUP, score=score, draws=100)
    copy = pickle.loads(pickle.dumps(audit))  # noqa: S301 — our own
    assert copy.frame.equals(audit.frame)
    assert (repr(copy), list(copy.metrics)) == (repr(audit), list(audit.metrics))


def test_every_definition_is_complete():
    assert [name for name, metric in METRICS.items() if name != metric.name] == []
    for metric in METRICS.values():
        assert metric.complement_of is None or metric.complement_of in METRICS
        assert not (metric.better == "zero" and metric.has_ratio)


def test_a_partial_function_is_named_after_what_it_calls():
    from functools import partial

    def off_by(y_true, y_pred, tolerance):
        return float((np.abs(y_true - y_pred) > tolerance).mean())

    found = subgroups(
        np.array([1.0, 2.0]), np.array([1.0, 4.0]), np.array(["a", "b"]), metrics=[partial(off_by, tolerance=1)]
    )
    assert list(found.metrics) == ["off_by"]
