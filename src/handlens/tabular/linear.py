"""LinearPart: a linear model of the training rows, in closed form where targets are numbers, that a network adds to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handlens.core.labels import FloatList, LabelList
from handlens.tabular.default_network import effective_rows, gain

MOST_ROWS = 20_000
"""Rows that the linear model is fitted on, drawn at random if there are more: its error is far below its bias then."""

MOST_LEVELS = 500
"""Levels that take part in the ridge regression, whose time grows with their cube; see `LinearPart.begin`."""

PRIOR_ROWS = 30
"""Rows beyond those of the table in the variance within a level; see `_shrunk_means`."""

PENALTIES = np.logspace(-2, 5, 29)
"""The ridge penalties that are tried, for columns with a deviation of 1."""

STEPS = 60
"""Steps of L-BFGS at most, for classes."""


FURTHEST = 10
"""Ranges of the training rows from their mean beyond which a number counts as if it were there: it is mistyped."""

_LEAST = 1e-30
"""The smallest range of a number that is divided by in float32."""


class LinearPart(nn.Module):
    """A linear model of a table, fitted once on the training rows and then left as it is.

    codes int64 [B, C], numbers float32 [B, N] → [B, out_sz]: a weight for each number, a value for each level of each
    categorical column, and a constant. A network beside it learns what a linear model leaves ("wide and deep", Cheng et
    al. 2016, arXiv 1606.07792): in few steps, on few rows and far outside of the training rows it predicts as well as a
    linear model.

    A number counts as at most `FURTHEST` ranges of the training rows away from their mean, so that a mistyped one gives
    no absurd prediction.

    Args:
        n_levels: the number of levels of each categorical column, including level 0 (missing or unseen).
        n_cont: the number of continuous columns, N.
        out_sz: how many numbers it gives for a row.

    Attributes:
        spreads: the deviation of each target, where targets are numbers; otherwise 1. It is the scale of the loss.
        gains: what the outputs of a network are multiplied by before they are added: the spreads times `gain`.

    Example:
        >>> line = LinearPart([], 1, 1)
        >>> x = torch.arange(100.0)[:, None]
        >>> line.begin(torch.empty(100, 0, dtype=torch.int64), x, FloatList(3 * x[:, 0] + 5))
        >>> line(torch.empty(1, 0, dtype=torch.int64), torch.tensor([[10.0]])).round()
        tensor([[35.]])
    """

    centres: Tensor
    inverses: Tensor
    weights: Tensor
    values: Tensor
    constant: Tensor
    spreads: Tensor
    gains: Tensor
    starts: Tensor

    def __init__(self, n_levels: Sequence[int], n_cont: int, out_sz: int) -> None:
        super().__init__()
        self.n_levels = list(n_levels)
        for name in ("centres", "inverses"):
            self.register_buffer(name, torch.zeros(n_cont))
        self.register_buffer("weights", torch.zeros(n_cont, out_sz))
        self.register_buffer("values", torch.zeros(sum(self.n_levels), out_sz))
        self.register_buffer("constant", torch.zeros(out_sz))
        self.register_buffer("spreads", torch.ones(out_sz))
        self.register_buffer("gains", torch.ones(out_sz))
        starts = [0, *accumulate(self.n_levels)][:-1]
        self.register_buffer("starts", torch.tensor(starts, dtype=torch.int64), persistent=False)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        # In bfloat16 the outputs would have only two or three significant digits.
        with torch.autocast(numbers.device.type, enabled=False):
            places = ((numbers - self.centres) * self.inverses).clamp(-1, 1)
            out = self.constant + places.to(self.weights.dtype).mm(self.weights)
            if self.n_levels:
                out = out + self.values[codes + self.starts].sum(1)
            return out

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Weights from before models had a linear part are those of a model whose linear part gives 0."""
        if not any(name.startswith(prefix) for name in state_dict):
            before = LinearPart(self.n_levels, len(self.centres), len(self.constant))
            state_dict |= {prefix + name: value for name, value in before.state_dict().items()}
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"{len(self.n_levels)} categorical and {len(self.centres)} continuous columns"

    def begin(self, codes: Tensor, numbers: Tensor, y: LabelList) -> None:
        """Fit it to the training rows.

        For numbers: ridge regression, whose penalty has the least error by generalized cross-validation (Golub, Heath &
        Wahba 1979). Columns of many levels, beyond `MOST_LEVELS` in total, follow one after the other: each level gets
        the mean of what is left of its rows, shrunk by their number as in a random effects model (Robinson 1991). For
        classes: logistic regression with the penalty of scikit-learn's default, by L-BFGS on the labels' own loss.

        Args:
            codes, numbers: the training rows, [rows, C] and [rows, N].
            y: their labels.
        """
        codes, numbers, targets = codes.cpu(), numbers.cpu(), y.data.cpu()
        rows = effective_rows(y)
        ranges = numbers.double().amax(0) - numbers.double().amin(0) if numbers.shape[1] else torch.zeros(0)
        if len(codes) > MOST_ROWS:
            some = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))[:MOST_ROWS]
            codes, numbers, targets = codes[some], numbers[some], targets[some]
        scaled, centres, spreads = standardised(numbers.double())
        fit = self._ridge if isinstance(y, FloatList) else self._logistic
        weights, values, constant = fit(codes, scaled, targets, y)
        self.centres.copy_(centres)
        furthest = FURTHEST * ranges.double()
        self.inverses.copy_(torch.where(furthest > _LEAST, 1 / furthest.clamp(min=_LEAST), 0.0))
        self.weights.copy_(weights * (furthest / spreads)[:, None])
        self.values.copy_(values)
        self.constant.copy_(constant)
        self.gains.copy_(self.spreads * gain(rows))

    def _ridge(self, codes: Tensor, x: Tensor, targets: Tensor, _: LabelList) -> tuple[Tensor, Tensor, Tensor]:
        wanted, means, spreads = standardised(targets.double().reshape(len(targets), -1))
        values = torch.zeros(self.values.shape, dtype=torch.float64)
        first, later = self._short_and_long()
        places = [torch.arange(self.n_levels[i]) + self.starts[i].cpu() for i in first]
        chosen = torch.cat(places) if places else torch.empty(0, dtype=torch.int64)
        indicators = [nn.functional.one_hot(codes[:, i], self.n_levels[i]).double() for i in first]
        inputs = torch.cat([x, *indicators], 1)
        averages = inputs.mean(0)
        solved = _ridge(inputs - averages, wanted)
        weights, values[chosen] = solved[: x.shape[1]], solved[x.shape[1] :]
        left = wanted - (inputs - averages).mm(solved)
        for i in later:
            n, start = self.n_levels[i], int(self.starts[i])
            values[start : start + n] = effects = _shrunk_means(codes[:, i], left, n)
            left = left - effects[codes[:, i]]
        self.spreads.copy_(spreads)
        return weights * spreads, values * spreads, means - (averages[None].mm(solved)[0]) * spreads

    def _short_and_long(self) -> tuple[list[int], list[int]]:
        """The columns that take part in the ridge regression, those of few levels first, and the others."""
        order = sorted(range(len(self.n_levels)), key=self.n_levels.__getitem__)
        totals = accumulate(self.n_levels[i] for i in order)
        count = sum(total <= MOST_LEVELS for total in totals)
        return order[:count], order[count:]

    def _logistic(self, codes: Tensor, x: Tensor, targets: Tensor, y: LabelList) -> tuple[Tensor, Tensor, Tensor]:
        shapes = (x.shape[1], y.c), (len(self.values), y.c), (y.c,)
        parts = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
        weights, values, constant = parts
        places = codes + self.starts.cpu()
        targets = targets.double() if targets.is_floating_point() else targets
        optimizer = torch.optim.LBFGS(parts, max_iter=STEPS, line_search_fn="strong_wolfe", tolerance_grad=1e-5)

        def loss() -> Tensor:
            optimizer.zero_grad()
            out = constant + x.mm(weights)
            if self.n_levels:
                out = out + nn.functional.embedding_bag(places, values, mode="sum")
            penalty = (weights.square().sum() + values.square().sum()) / (2 * len(x))
            total: Tensor = y.loss_func(out, targets) + penalty
            total.backward()
            return total

        with torch.enable_grad():
            optimizer.step(loss)
        return weights.detach(), values.detach(), constant.detach()


def standardised(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Columns with mean 0 and deviation 1, their means, and their deviations; 1 for one that is constant."""
    means = values.mean(0)
    spreads = (values - means).square().mean(0).sqrt()
    # A column that is constant but for rounding has a deviation of some units in the last place of its mean.
    spreads = torch.where(spreads > torch.finfo(torch.float32).eps * means.abs(), spreads, torch.ones_like(spreads))
    return (values - means) / spreads, means, spreads


def _ridge(x: Tensor, y: Tensor) -> Tensor:
    """The ridge weights [F, K] of centred x [rows, F], y [rows, K], for the penalty that cross-validation prefers."""
    rows = len(x)
    roots, vectors = torch.linalg.eigh(x.t().mm(x))
    roots = roots.clamp(min=0)
    along = vectors.t().mm(x.t().mm(y))
    best, weights = float("inf"), torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64)
    for penalty in PENALTIES:
        factors = 1 / (roots + penalty)
        freedom = float((roots * factors).sum()) + 1
        solved = along * factors[:, None]
        left = y.square().sum() - 2 * (along * solved).sum() + (roots[:, None] * solved.square()).sum()
        error = float(left) / max(1 - freedom / rows, 1e-9) ** 2
        if error < best:
            best, weights = error, vectors.mm(solved)
    return weights


def _shrunk_means(codes: Tensor, left: Tensor, n: int) -> Tensor:
    """What each of n levels adds to what is left, [n, K]: a mean that counts the less, the fewer rows it is of.

    Levels of one row each, as identifiers are, say nothing of the variance within a level: `PRIOR_ROWS` have that of
    all rows, so that such a column adds nothing, and leaves the network something to learn.
    """
    counts = torch.bincount(codes, minlength=n).double()[:, None]
    sums = torch.zeros(n, left.shape[1], dtype=torch.float64).index_add_(0, codes, left)
    means = sums / counts.clamp(min=1)
    found = int((counts > 0).sum())
    prior = PRIOR_ROWS * left.square().mean(0)
    within = ((left - means[codes]).square().sum(0) + prior) / (len(left) - found + PRIOR_ROWS)
    between = ((means.square() * counts).sum(0) - found * within) / len(left)
    effects = sums / (counts + within / between.clamp(min=1e-9))
    effects[0] = 0  # missing or unseen
    return effects
