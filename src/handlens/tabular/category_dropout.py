"""CategoryDropout: values of categorical columns that are left out at random during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from handlens.core.callbacks import Callback
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class CategoryDropout(Callback):
    """In training, replace values of categorical columns by "missing" (level 0) at random, row by row.

    Columns that together identify one day or one customer let a network memorise each of them. Where one of them is
    often missing, the network must learn what similar rows have in common, and the vector of level 0, which stands for
    values that no training row has, is trained. This is word dropout (Iyyer et al. 2015, "Deep unordered composition
    rivals syntactic methods for text classification") applied to columns. The network also learns less of what the
    columns do tell: measure on a holdout that is like the rows to predict whether it helps.

    Args:
        columns: for each column, the probability that a row's value is left out, from 0 to below 1.

    Raises:
        TrainingError: a probability is out of range; or, when training begins, the data have no categorical column of
            that name.

    Example:
        >>> callback = CategoryDropout({"Year": 0.4, "Month": 0.4})
        >>> callback.columns
        {'Year': 0.4, 'Month': 0.4}
        >>> CategoryDropout({"Year": 1.0})
        Traceback (most recent call last):
        handlens.errors.TrainingError: a probability of leaving out must be from 0 to below 1; 1.0 arrived for 'Year'.
    """

    def __init__(self, columns: Mapping[str, float]) -> None:
        if not isinstance(columns, Mapping) or not columns:
            raise TrainingError(
                f'columns must be probabilities by column, such as {{"Year": 0.4}}; {columns!r} arrived.'
            )
        for name, p in columns.items():
            if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p < 1:
                raise TrainingError(
                    f"a probability of leaving out must be from 0 to below 1; {p!r} arrived for {name!r}."
                )
        self.columns = dict(columns)

    def before_fit(self, learn: Learner) -> None:
        there = _names(learn)
        unknown = [name for name in self.columns if name not in there]
        if unknown:
            raise TrainingError(f"CategoryDropout takes categorical columns of the data, {there}; {unknown} arrived.")

    def before_batch(self, learn: Learner) -> None:
        codes, *others = learn.run.inputs
        probabilities = [self.columns.get(name, 0.0) for name in _names(learn)]
        left_out = torch.rand(codes.shape, device=codes.device) < torch.tensor(probabilities, device=codes.device)
        learn.run.inputs = (codes.masked_fill(left_out, 0), *others)


def _names(learn: Learner) -> list[str]:
    found: list[str] = getattr(learn.data, "cat_names", [])
    return found
