"""What CONTRIBUTING.md says about where new parts go: one of each is added here, as someone would who is new."""

from __future__ import annotations

import numpy as np
import torch

from handlens.audit import subgroups
from handlens.audit.estimators import Rate
from handlens.audit.metrics import METRICS, Metric
from handlens.vision.image import Image
from handlens.vision.transform import Augment, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def test_a_metric_of_audits_is_one_entry_of_metrics(monkeypatch):
    """The false discovery rate: which share of those predicted positive is negative."""
    metric = Metric(
        name="fdr",
        title="false discovery rate",
        needs="positive",
        better="lower",
        unit="%",
        estimator=Rate(lambda rows: ~rows.positive, lambda rows: rows.predicted_positive, "no rows predicted positive"),
    )
    monkeypatch.setitem(METRICS, "fdr", metric)

    truth = [1, 1, 0, 0, 1, 0, 0, 0]
    predicted = [1, 1, 1, 0, 1, 1, 1, 1]
    group = ["a"] * 4 + ["b"] * 4
    audit = subgroups(truth, predicted, {"group": group}, positive=1, small=1)

    found = audit.frame.query("metric == 'fdr'").set_index("group")["value"]
    assert found["a"] == 1 / 3
    assert found["b"] == 3 / 4
    assert "false discovery rate by group: worst for b, 75.0 %" in str(audit)


def shift(share: Range = 0.5, *, p: float = 1.0) -> Transform:
    """Move pictures to the right by a share of their width."""
    return Transform("shift", _shift, {"share": parameter_range("share", share)}, p)


def _shift(plan: Plan, share: float) -> None:
    plan.move(np.array([[1.0, 0.0, -2 * share], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))  # x goes from -1 to 1


def test_a_transform_is_a_function_that_adds_to_the_plan():
    picture = torch.zeros(3, 4, 4)
    picture[:, :, 0] = 1.0  # white on the left
    augment = Augment([shift(0.5)], padding_mode="zeros")

    one = augment(Image(picture)).data
    (batch,) = augment.batch(picture[None])

    expected = torch.zeros(3, 4, 4)
    expected[:, :, 2] = 1.0
    torch.testing.assert_close(one, expected)
    torch.testing.assert_close(batch, expected)
    assert repr(shift((0, 0.5), p=0.75)) == "shift(share=(0, 0.5), p=0.75)"
