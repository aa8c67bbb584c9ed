"""Preprocessors on plain lists: fitted once, replayed elsewhere, saved as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from handlens.core.preprocess import Preprocessor
from handlens.errors import ArtifactError, NotFittedError


class Above(Preprocessor[list[float]]):
    """Subtracts the least of the training items."""

    def fit(self, items: list[float]) -> dict[str, Any]:
        return {"least": min(items)}

    def apply(self, items: list[float]) -> None:
        items[:] = [item - self.fitted["least"] for item in items]


def test_fitted_once_and_replayed() -> None:
    train, test = [3.0, 5.0], [1.0, 9.0]
    proc = Above()
    proc(train)
    proc(test, test=True)
    assert (train, test) == ([0.0, 2.0], [-2.0, 6.0])
    assert proc.state() == {"least": 3.0}


def test_fitting_again_starts_afresh() -> None:
    proc = Above()
    proc([3.0])
    proc([7.0])
    assert proc.state() == {"least": 7.0}


def test_a_fit_that_fails_leaves_the_earlier_one() -> None:
    proc = Above()
    proc([3.0])
    with pytest.raises(ValueError, match="min"):
        proc([])
    assert proc.state() == {"least": 3.0}


def test_replaying_before_a_fit() -> None:
    items = [1.0]
    with pytest.raises(NotFittedError, match="Above must be fitted on the training items before it is replayed"):
        Above()(items, test=True)
    with pytest.raises(NotFittedError):
        Above().state()
    assert items == [1.0]


def test_the_state_goes_through_json_and_is_a_copy() -> None:
    proc, again, test = Above(), Above(), [4.0]
    proc([3.0])
    again.restore(json.loads(json.dumps(proc.state())))
    again(test, test=True)
    assert test == [1.0]
    proc.state()["least"] = 0.0
    assert proc.state() == {"least": 3.0}


@pytest.mark.parametrize(
    "learned", [{"x": math.nan}, {"x": {1, 2}}, {"x": (1, 2)}, {1: "x"}, [1], {"x": object()}, None]
)
def test_what_json_would_not_bring_back_is_refused_when_fitting(learned: Any) -> None:
    class Odd(Above):
        def fit(self, items: list[float]) -> dict[str, Any]:
            return learned

    with pytest.raises(ArtifactError, match=r"Odd\.fit must return a dict of plain JSON"):
        Odd()([1.0])
