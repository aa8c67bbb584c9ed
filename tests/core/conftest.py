"""A small learning problem without a table: vectors as items, one at a time or in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from handlens.core.bunch import DataBunch
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList, FloatList, LabelList
from handlens.core.learner import Learner
from handlens.core.loaders import TensorLoader

CPU = torch.device("cpu")


def make_vectors(
    n: int = 40, *, classes: bool = False, valid: int = 12, bs: int = 8, path: Path | str = "."
) -> DataBunch:
    """Vectors of three numbers, whose target is a known function of them."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n + valid, 3, generator=generator)
    y = x @ torch.tensor([1.0, -2, 0.5]) + 0.1
    labels: LabelList = (
        CategoryList(["high" if v > 0 else "low" for v in y[:n].tolist()]) if classes else FloatList(y[:n].numpy())
    )
    rest = labels.new(["high" if v > 0 else "low" for v in y[n:].tolist()] if classes else y[n:].numpy())
    parts = [(Labelled(x[:n], labels), True), (Labelled(x[n:], rest), False)]
    loaders = [
        TensorLoader(part, (part.x,), part.y.data, bs=bs, device=CPU, shuffle=shuffle) for part, shuffle in parts
    ]
    return DataBunch(*loaders, path=path, device=CPU)


def make_network(seed: int = 0, *, out: int = 1) -> nn.Sequential:
    """Two layers with batch norm and dropout between them, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Dropout(0.1)), nn.Linear(8, out)
        )


@pytest.fixture
def vectors() -> Callable[..., DataBunch]:
    """Makes data of vectors: so many to train on, so many to validate."""
    return make_vectors


@pytest.fixture
def network() -> Callable[..., nn.Sequential]:
    """Makes a network for vectors, the same for the same seed."""
    return make_network


@pytest.fixture
def make_learner(tmp_path: Path) -> Callable[..., Learner]:
    """Makes the same learner each time, with two layer groups."""

    def make(*, classes: bool = False, n: int = 40, valid: int = 12, **options: Any) -> Learner:
        model = make_network(out=2 if classes else 1)
        data = make_vectors(n, classes=classes, valid=valid, path=tmp_path)
        return Learner(data, model, layer_groups=list(model), **options)

    return make
