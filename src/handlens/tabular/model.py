"""TabularModel: vectors for the categorical columns, batch norm on the continuous ones, and fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from handlens.core.checks import listed, whole
from handlens.core.dropout import Dropout
from handlens.core.labels import LabelList
from handlens.errors import TrainingError
from handlens.tabular.bins import Bins
from handlens.tabular.default_network import VECTORS
from handlens.tabular.embeddings import Embeddings
from handlens.tabular.fused import FusedTraining
from handlens.tabular.linear import LinearPart

Dropouts = float | Sequence[float]

_LARGEST = torch.finfo(torch.float32).max / 2  # half, so that a range is finite too


class TabularModel(nn.Module):
    """The lesson's network for tables (Guo & Berkhahn 2016, arXiv 1604.06737, with batch norm and dropout).

    codes int64 [B, C] → embeddings → dropout; numbers float32 [B, N] → batch norm; both concatenated → for each of
    `layers` Linear, ReLU, BatchNorm1d, Dropout → Linear → [B, out_sz], through a sigmoid onto `y_range` if it is given.

    On a CPU a training step is one node of the autograd graph, see `handlens.tabular.fused`: `torch.autograd.grad`
    with respect to a parameter says that it was not used. With a hook on any layer the plain layers run, and their
    graph holds all parameters.

    Args:
        emb_szs: number of levels and vector length of each categorical column, C pairs.
        n_cont: the number of continuous columns, N.
        out_sz: how many numbers the model outputs for a row.
        layers: the widths of the hidden layers.
        ps: dropout after each hidden layer: one probability for all, or one for each.
        emb_drop: dropout on the embeddings.
        y_range: the lowest and the highest output.
        bn_cont: whether the continuous columns have a batch norm; otherwise the layers get them as they come.
        bins: how many `Bins` each number is cut into, instead of all batch norms.
        linear: whether a `LinearPart` is added to the output, which is multiplied by its `gains` before; not with
            `y_range`. It is all zeros until `begin` fits it.

    Raises:
        TrainingError: there are no columns, or the arguments do not fit together.

    Example:
        >>> model = TabularModel([(4, 2), (3, 2)], n_cont=1, out_sz=1, layers=[8], y_range=(0, 5)).eval()
        >>> codes, numbers = torch.tensor([[1, 2], [0, 0]]), torch.tensor([[0.5], [-1.0]])
        >>> model(codes, numbers).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        emb_szs: Sequence[tuple[int, int]],
        n_cont: int,
        out_sz: int,
        layers: Sequence[int],
        *,
        ps: Dropouts = 0.0,
        emb_drop: float = 0.0,
        y_range: Sequence[float] | Tensor | None = None,
        bn_cont: bool = True,
        bins: int | None = None,
        linear: bool = False,
    ) -> None:
        super().__init__()
        layers = [whole(width, "each of layers", TrainingError) for width in _list(layers, "layers", "[1000, 500]")]
        drops, emb_drop = _check_dropouts(ps, len(layers)), _float(emb_drop, "emb_drop")
        _check_probabilities([*drops, emb_drop])
        n_emb = sum(d for _, d in emb_szs)
        if not n_emb + n_cont:
            raise TrainingError("a model needs at least one column: give cat_names or cont_names.")
        self.y_range = _check_range(y_range)
        if linear and self.y_range is not None:
            raise TrainingError("a model has either a linear part or a y_range; both arrived.")
        self.embeds = Embeddings(emb_szs) if bins is None else Embeddings(emb_szs, deviation=VECTORS)
        self.emb_drop = Dropout(emb_drop)
        self.bn_cont = nn.BatchNorm1d(n_cont) if n_cont and bn_cont and bins is None else None
        self.bins = Bins(n_cont, whole(bins, "bins", TrainingError)) if n_cont and bins is not None else None
        self.linear = LinearPart([n for n, _ in emb_szs], n_cont, out_sz) if linear else None
        widths = [n_emb + n_cont * (bins or 1), *layers]
        steps: list[nn.Module] = []
        for n_in, n_out, p in zip(widths, layers, drops, strict=False):
            norms = [nn.BatchNorm1d(n_out)] if bins is None else []
            steps += [nn.Linear(n_in, n_out), nn.ReLU(inplace=True), *norms, Dropout(p)]
        self.layers = nn.Sequential(*steps, nn.Linear(widths[-1], out_sz))
        self._fused: FusedTraining | None = None
        self.config: dict[str, Any] = {
            "emb_szs": [list(size) for size in emb_szs],
            "n_cont": n_cont,
            "out_sz": out_sz,
            "layers": layers,
            "ps": drops,
            "emb_drop": emb_drop,
            "y_range": None if self.y_range is None else list(self.y_range),
        }
        if not bn_cont:
            self.config["bn_cont"] = False
        if bins is not None:
            self.config["bins"] = bins
        if linear:
            self.config["linear"] = True
        """The arguments that create this model, as plain JSON."""

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        with_norms = mode and "bins" not in self.config
        self._fused = FusedTraining.of(self.embeds, self.emb_drop, self.bn_cont, self.layers) if with_norms else None
        return self

    def begin(self, codes: Tensor, numbers: Tensor, y: LabelList) -> None:
        """Fit to the training rows what no optimizer trains: the bins, and the linear part, from which a fit begins.

        Args:
            codes, numbers: the training rows, as in `forward`.
            y: their labels.
        """
        if self.bins is not None:
            self.bins.begin(numbers)
        if self.linear is not None:
            self.linear.begin(codes, numbers, y)
            for parameter in self.layers[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """The outputs for a batch of rows.

        Args:
            codes: the codes of the categorical columns, int64 [B, C].
            numbers: the continuous columns, normalised, float32 [B, N].

        Returns:
            float32 [B, out_sz].
        """
        if self._fused is not None and self._fused.ready(codes, numbers):
            x = self._fused(codes, numbers)
        else:
            x = self._through_layers(codes, numbers)
        if self.linear is not None:
            x = self.linear(codes, numbers) + x * self.linear.gains
        if self.y_range is not None:
            low, high = self.y_range
            x = torch.sigmoid(x) * (high - low) + low
        return x

    def _through_layers(self, codes: Tensor, numbers: Tensor) -> Tensor:
        parts = []
        if len(self.embeds):
            parts.append(self.emb_drop(self.embeds(codes)))
        if numbers.shape[1]:
            scale = self.bn_cont or self.bins
            parts.append(numbers if scale is None else scale(numbers))
        x = torch.cat(parts, 1)
        layers: list[Any] = list(self.layers)
        *hidden, last = layers
        for layer in hidden:
            x = layer(x)
        # In bfloat16 the outputs would have only two or three significant digits.
        with torch.autocast(x.device.type, enabled=False):
            return last(x.to(last.weight.dtype))


def _check_dropouts(ps: Dropouts, n: int) -> list[float]:
    drops = [_float(ps, "ps")] * n if isinstance(ps, (int, float)) else _floats(ps, "ps", "[0.001, 0.01]")
    if len(drops) != n:
        raise TrainingError(f"ps must be one probability, or one for each of {n} layers; {len(drops)} arrived.")
    return drops


def _check_probabilities(drops: Sequence[float]) -> None:
    odd = [p for p in drops if not 0 <= p <= 1]
    if odd:
        raise TrainingError(f"ps and emb_drop must be probabilities, from 0 to 1; {odd[0]} arrived.")


def _check_range(y_range: Sequence[float] | Tensor | None) -> tuple[float, float] | None:
    if y_range is None:
        return None
    given = y_range.tolist() if isinstance(y_range, Tensor) else y_range
    ends = _floats(given, "y_range", "(0, 5)")
    if len(ends) != 2 or not -_LARGEST < ends[0] < ends[1] < _LARGEST:
        raise TrainingError(f"y_range must be two finite numbers, the lowest output and the highest; {ends} arrived.")
    return ends[0], ends[1]


def _list(values: Any, what: str, example: str) -> list[Any]:
    return listed(values, what, example, TrainingError)


def _floats(values: Any, what: str, example: str) -> list[float]:
    return [_float(value, what) for value in _list(values, what, example)]


def _float(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TrainingError(f"{what} must hold numbers that fit a float; {str(value)[:40]} arrived.") from error
