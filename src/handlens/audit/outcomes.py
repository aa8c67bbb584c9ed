"""True and predicted values in the form that metrics compute on: a NumPy column for each, with one value per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.audit.intervals import Floats

Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class ClassOutcomes:
    """Rows of a classifier: whether each prediction is correct, [N]."""

    correct: Booleans


@dataclass(frozen=True)
class BinaryOutcomes(ClassOutcomes):
    """Rows of a classifier with a positive class: truth and prediction, [N] each, and the score if there is one."""

    positive: Booleans
    predicted_positive: Booleans
    score: Floats | None = None


@dataclass(frozen=True)
class NumberOutcomes:
    """Rows of a regression: true and predicted numbers, [N] each."""

    actual: Floats
    predicted: Floats


Outcomes = ClassOutcomes | BinaryOutcomes | NumberOutcomes
