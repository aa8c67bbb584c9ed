"""CategoryDropout: what is left out, how often, and when not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.callbacks import Callback
from handlens.core.learner import Learner
from handlens.errors import TrainingError
from handlens.tabular import Categorify, CategoryDropout, Normalize, TabularLearner, TabularList, tabular_learner


class Seen(Callback):
    """Keeps the codes that the model is given in training."""

    order = 1

    def __init__(self) -> None:
        self.codes: list[torch.Tensor] = []

    def before_batch(self, learn: Learner) -> None:
        codes, numbers = learn.run.inputs
        assert numbers.shape == (len(codes), 1)
        self.codes.append(codes)


def learner(path: Path, **options: Any) -> TabularLearner:
    n = 2000
    df = pd.DataFrame({"a": ["x", "y"] * (n // 2), "b": ["u"] * n, "z": np.arange(n, dtype=float)})
    df["y"] = df["z"] / n
    items = TabularList.from_df(df, path=path, cat_names=["a", "b"], cont_names=["z"], procs=[Categorify, Normalize])
    data = items.split_by_idx(range(100)).label_from_df("y").databunch(bs=100)
    return tabular_learner(data, layers=[4], seed=0, **options)


def test_values_are_left_out_as_often_as_said_and_only_in_training(tmp_path: Path) -> None:
    learn, seen = learner(tmp_path, callbacks=[CategoryDropout({"a": 0.25})]), Seen()
    whole = learn.data.train_dl.tensors[0].clone()
    learn.fit(1, callbacks=[seen], seed=0)
    codes = torch.cat(seen.codes)
    assert codes.shape == (1900, 2)
    assert (codes[:, 1] == 1).all()  # the other column is as it is
    assert 0.22 < float((codes[:, 0] == 0).float().mean()) < 0.28
    assert set(codes[:, 0].tolist()) == {0, 1, 2}
    assert torch.equal(learn.data.train_dl.tensors[0], whole)
    assert learn.data.valid_dl.tensors[0].min() == 1


def test_the_same_seed_leaves_out_the_same(tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        seen = Seen()
        learner(tmp_path).fit(1, callbacks=[CategoryDropout({"a": 0.5, "b": 0.5}), seen], seed=3)
        runs.append(torch.cat(seen.codes))
    assert torch.equal(*runs)


def test_nothing_is_left_out_at_zero(tmp_path: Path) -> None:
    seen = Seen()
    learner(tmp_path).fit(1, callbacks=[CategoryDropout({"a": 0}), seen])
    assert torch.cat(seen.codes).min() == 1


def test_a_rate_is_found_with_it(tmp_path: Path) -> None:
    assert learner(tmp_path, callbacks=[CategoryDropout({"a": 0.25})]).lr_find(seed=0) > 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "must be probabilities by column"),
        (["a"], "must be probabilities by column"),
        (0.4, "must be probabilities by column"),
        ({"a": 1}, "from 0 to below 1; 1 arrived for 'a'"),
        ({"a": -0.1}, "from 0 to below 1"),
        ({"a": True}, "from 0 to below 1"),
        ({"a": float("nan")}, "from 0 to below 1"),
        ({"a": "0.4"}, "from 0 to below 1"),
    ],
)
def test_probabilities_that_are_none(columns: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        CategoryDropout(columns)


def test_a_column_that_is_not_categorical(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"categorical columns of the data, \['a', 'b'\]; \['z', 'shop'\]"):
        learner(tmp_path).fit(1, callbacks=[CategoryDropout({"a": 0.1, "z": 0.1, "shop": 0.1})])
