"""Finishing: what the model labels by itself, and what it needs for that."""

from __future__ import annotations

import pytest

from handlens.errors import TrainingError


def test_a_plan_without_enough_checks_says_how_many_are_needed(collection, label_some):
    label_some(collection)
    collection.train()
    plan = collection.plan_finish(error=0.1, confidence=0.95)
    # 28 of 40 photos have no label, and 4 of the 40 labels may be wrong. If 5 of the 28 were, 12 checks would miss all
    # of them with C(23, 12) / C(28, 12) = 4.4 %, and 11 checks with 6.3 %.
    assert (len(plan.ids), plan.left, plan.checked, plan.fewest, plan.more_checks) == (0, 28, 0, 12, 12)
    assert plan.sentence == (
        "At least 12 random photos must be checked before labels can be certified with at most 10 % wrong; so far 0. "
        "Check 12 more."
    )
    with pytest.raises(TrainingError, match="At least 12 random photos must be checked"):
        collection.finish(error=0.1)
    assert collection.labels.count() == 12
