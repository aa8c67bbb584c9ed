"""Combinations side by side, in pairs."""

from __future__ import annotations

import math

import pytest

from handlens.errors import ExperimentError
from handlens.experiments.reading.comparison import compare
from tests.experiments.run_frames import frame_of

VALUES = {"a": [1, 12, 23], "b": [3, 13, 26], "c": [5, 5, 5]}
CHOICES = [{"kind": kind, "same": 1, "size": None if kind == "a" else 2} for kind in VALUES]
NAMES = ["kind", "same", "size"]


def made():
    return frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed]))


def test_pairs_by_hand():
    cells = compare(made(), NAMES, [0, 1]).cells
    assert list(cells.columns[:4]) == ["combination", "kind", "size", "count"]  # without what is the same
    assert cells["size"].tolist() == ["(not asked)", 2]
    cell = cells.loc[1]  # the differences are 2, 1 and 3
    assert (cell["difference"], cell["pairs"]) == (2, 3)
    reach = 4.302652729911275 / math.sqrt(3)
    assert (cell["difference_low"], cell["difference_high"]) == pytest.approx((2 - reach, 2 + reach))
    assert cell["p"] == pytest.approx(1 - math.sqrt(12 / 14))
    assert cells["verdict"].tolist() == ["baseline", "chance could explain it"]


def test_the_baseline_may_be_another():
    cells = compare(made(), NAMES, [0, 1], baseline=2).cells
    assert cells["combination"].tolist() == [0, 1, 2]
    assert cells["verdict"].tolist() == ["chance could explain it", "chance could explain it", "baseline"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([1], r"two combinations or more; \[1\] arrived"),
        ([1, 1], r"two combinations or more; \[1\] arrived"),
        ([1, 9], "which are 0 to 2; 9 arrived"),
        ([0, [1]], r"which are 0 to 2; \[1\] arrived"),
        ([True, 0], "which are 0 to 2; True arrived"),
        (3, "two combin"),
    ],
)
def test_bad_input(numbers, message):
    with pytest.raises(ExperimentError, match=message):
        compare(made(), NAMES, numbers)


@pytest.mark.parametrize("baseline", [True, [1], "1", 9])
def test_a_baseline_that_is_not_a_combination(baseline):
    with pytest.raises(ExperimentError, match="which are 0 to 2; "):
        compare(made(), NAMES, [0, 1], baseline=baseline)
