"""Trainings of test_distributed.py, which writes the numbers of each to a file: in its own process, and in two by

torchrun --nproc-per-node 2 training_in_processes.py FOLDER CASE…
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from handlens.core.callbacks import Callback, EarlyStopping, GradientClipping, PreciseBatchNorm, SaveBest, StopTraining
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.core.metrics import accuracy, rmse
from handlens.errors import HandlensError
from handlens.tabular import Categorify, Normalize, TabularList, tabular_learner
from handlens.vision import ImageItemList, get_transforms

FOLDER = Path()
"""Of the files; `run` sets it."""

RANK = int(os.environ.get("RANK", "0"))


def in_double(learn):
    """The same training in numbers of 64 bits: what is left is the order of the sums."""
    learn.model.double()
    for dl in (learn.data.train_dl, learn.data.valid_dl):
        dl.tensors = tuple(t.double() if t.is_floating_point() else t for t in dl.tensors)
    return learn


def table(rows=103, valid=21, bs=20, seed=0, **options):
    """100 is not a multiple of the batch, and the last batch has fewer rows than the others."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"shop": rng.integers(0, 9, rows).astype(str), "a": rng.normal(size=rows)})
    df["b"] = rng.normal(size=rows) * 3 + 1
    df["y"] = df["shop"].astype(int) / 3 + df["a"] * df["b"]
    items = TabularList.from_df(df, cat_names=["shop"], cont_names=["a", "b"], procs=[Categorify, Normalize])
    data = items.split_by_idx(range(seed, seed + valid)).label_from_df("y").databunch(bs=bs)
    shape = {"layers": [16, 8], "ps": [0.2, 0.1], "emb_drop": 0.1, "y_range": (-20, 20)}
    return in_double(tabular_learner(data, metrics=[rmse], seed=0, path=FOLDER, **(shape | options)))


def write_pictures(folder):
    (folder / "photos").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(26):
        pixels = rng.integers(0, 255, (12, 12, 3)).astype(np.uint8)
        pixels[:, :, i % 2] //= 2
        Image.fromarray(pixels).save(folder / "photos" / f"{i % 2}_{i:02}.png")


def conv():
    """A small convolutional net with batch norm and dropout on pictures that are transformed at random."""
    items = ImageItemList.from_folder(FOLDER / "photos").split_by_idx(range(7)).label_from_re(r"(\d)_")
    data = items.transform(get_transforms(), size=12).databunch(bs=6, num_workers=0).normalize()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(32, 2),
    )  # fmt: skip
    model = nn.Sequential(ToDouble(), *model).double()
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    return Learner(
        data, model, metrics=[accuracy], path=FOLDER, callbacks=[PreciseBatchNorm(10)], loss_func=Weighted(weights)
    )


class ToDouble(nn.Module):
    def forward(self, x):
        return x.double()


class Weighted:
    """A loss whose mean over a batch is not the mean over its parts."""

    def __init__(self, weights):
        self.weights = weights

    def __call__(self, outputs, targets):
        return nn.functional.cross_entropy(outputs, targets, self.weights.to(outputs.dtype))


class Interrupt(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def before_epoch(self, learn):
        if learn.run.epoch == self.epoch:
            raise RuntimeError("the power failed")


class OnLast(Callback):
    """Something happens in one process alone."""

    def __init__(self, what):
        self.what = what

    def after_step(self, learn):
        if learn.run.step == 7 and learn.processes.rank == learn.processes.count - 1:
            raise self.what


def records(learn):
    return {"rows": learn.recorder.rows, "losses": learn.recorder.losses.tolist()}


def refused(act):
    try:
        act()
    except (HandlensError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def tabular_case():
    learn = table(callbacks=[GradientClipping(0.5)])
    found = {"rate": learn.lr_find(num_it=30, seed=3)}
    learn.fit_one_cycle(3, 1e-2, seed=1)
    predictions, targets = learn.get_preds("train")
    return (
        found
        | records(learn)
        | {
            "predictions": predictions.tolist(),
            "targets": targets.tolist(),
            "validate": learn.validate(),
        }
    )


def few_rows_case():
    """Batches of two rows and one of three, and validation batches of one: more processes than rows."""
    learn = table(rows=12, valid=1, bs=2, ps=0.0, emb_drop=0.0)
    learn.fit(2, 1e-2, seed=1)
    return records(learn)


def unseeded_case():
    learn = table()
    torch.manual_seed(learn.processes.rank)  # as processes that nobody gave a seed
    nn.init.normal_(learn.model.layers[0].weight)
    learn.fit(1, 1e-2)
    return records(learn) | {"weight": learn.model.layers[0].weight.tolist()}


def conv_case():
    learn = conv()
    learn.fit_one_cycle(3, 1e-2, seed=1)
    return records(learn)


def best_case():
    learn = table()
    stopped = [SaveBest(name="best"), EarlyStopping("rmse", min_delta=100.0, patience=1)]
    learn.fit(5, 1e-2, seed=1, callbacks=stopped)
    return records(learn) | {"validate": learn.validate()}


def checkpoint_case(callbacks=()):
    learn = table()
    said = refused(lambda: learn.fit_one_cycle(4, 1e-2, seed=1, callbacks=[Checkpoint("run"), *callbacks]))
    return records(learn) | {"said": said}


def interrupted_case():
    return checkpoint_case([Interrupt(2)])


def resumed_case():
    """What one process began, which is kept beside; what these began is kept for one process."""
    if RANK == 0:
        (FOLDER / "models").rename(FOLDER / "models of two")
        shutil.copytree(FOLDER.parent / "from one", FOLDER / "models")
    return checkpoint_case()


def uninterrupted_case():
    learn = table()
    learn.fit_one_cycle(4, 1e-2, seed=1)
    return records(learn) | {"said": None}


def one_stops_case():
    learn = table()
    wait = learn.processes._wait
    # The other does not stop by itself: to wait for that is in vain.
    learn.processes._wait = lambda name, seconds: wait(name, 0.2 if name == "left" else seconds)
    learn.fit(3, 1e-2, seed=1, callbacks=[OnLast(StopTraining())])
    del learn.processes._wait
    return {"complete": learn.run.complete, "weight": learn.model.layers[0].weight.tolist()}


def one_fails_case():
    learn = table()
    said = refused(lambda: learn.fit(3, 1e-2, seed=1, callbacks=[SaveBest(name="other"), OnLast(ValueError("odd"))]))
    learn.fit(1, 1e-2, seed=1)  # and the learner can be used as before
    return {"said": said, "rows": len(learn.recorder.rows)}


def different_case():
    learn = table(seed=RANK)
    return {"said": refused(lambda: learn.fit(1, 1e-2, seed=1))}


def full_disk_case():
    learn = table()
    (FOLDER / "file").touch()
    learn.path = FOLDER / "file"
    return {"said": refused(lambda: learn.save("model"))}


def run(folder, *names):
    global FOLDER
    FOLDER = folder
    for name in names:
        found = globals()[f"{name}_case"]()
        (FOLDER / f"{name} {RANK}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    run(Path(sys.argv[1]), *sys.argv[2:])
