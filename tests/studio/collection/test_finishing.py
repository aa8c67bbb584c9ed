"""Finishing: what the model labels by itself, and what it needs for that."""

from __future__ import annotations

import pytest

from handlens.errors import TrainingError


def test_a_plan_without_enough_checks_says_how_many_are_needed(collection, label_some):
    label_some(collection)
    collection.train()
    plan = collection.plan_finish(error=0.1, confidence=0.95)
    # 28 of 40 photos have no label: n checks without a mistake bound their errors by 1 − 0.05^(1/n), and
    # (1 − 0.05^(1/20)) · 28/40 = 0.098 is the first below 0.1.
    assert (len(plan.ids), plan.left, plan.checked, plan.fewest, plan.more_checks) == (0, 28, 0, 20, 20)
    assert plan.sentence == (
        "At least 20 random photos must be checked before labels can be certified with at most 10 % wrong; so far 0. "
        "Check 20 more."
    )
    with pytest.raises(TrainingError, match="At least 20 random photos must be checked"):
        collection.finish(error=0.1)
    assert collection.labels.count() == 12
