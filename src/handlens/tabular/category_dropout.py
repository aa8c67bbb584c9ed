"""CategoryDropout: categorical columns that are left out at random during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from handlens.core.callbacks import Callback
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class CategoryDropout(Callback):
    """In training, take the value of a categorical column for missing (level 0) at random, row by row.

        tabular_learner(data, layers=[1000, 500], callbacks=[CategoryDropout({"Year": 0.4, "Month": 0.4, "Day": 0.4})])

    Columns that together name one day, or one customer, let a network learn each of them by heart. Where one is often
    missing it must say what those that are alike in the others have in common, and level 0, for values that no training
    row had, is trained (word dropout, Iyyer et al. 2015, "Deep unordered composition rivals syntactic methods for text
    classification", of columns instead of words). It also learns less of what the columns do tell: whether it helps, a
    holdout like the rows to come must say.

    Args:
        columns: for each column, how probable it is that a row's value is left out.

    Raises:
        TrainingError: a probability is not from 0 to below 1; when training begins, no categorical column has a name.
    """

    def __init__(self, columns: Mapping[str, float]) -> None:
        if not isinstance(columns, Mapping) or not columns:
            raise TrainingError(
                f'columns must be probabilities by column, such as {{"Year": 0.4}}; {columns!r} arrived'
            )
        for name, p in columns.items():
            if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p < 1:
                raise TrainingError(f"a probability of leaving out is from 0 to below 1; {p!r} arrived for {name!r}")
        self.columns = dict(columns)

    def before_fit(self, learn: Learner) -> None:
        there = _names(learn)
        unknown = [name for name in self.columns if name not in there]
        if unknown:
            raise TrainingError(f"CategoryDropout leaves out categorical columns of the data, {there}; not {unknown}")

    def before_batch(self, learn: Learner) -> None:
        codes, *others = learn.run.inputs
        probabilities = [self.columns.get(name, 0.0) for name in _names(learn)]
        left_out = torch.rand(codes.shape, device=codes.device) < torch.tensor(probabilities, device=codes.device)
        learn.run.inputs = (codes.masked_fill(left_out, 0), *others)


def _names(learn: Learner) -> list[str]:
    found: list[str] = getattr(learn.data, "cat_names", [])
    return found
