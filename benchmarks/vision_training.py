"""Fine-tuning on the cars, beside a linear probe, and what training costs beyond its passes: sections of vision.py.

HANDLENS_MINUTES (10) is the wall-clock time that fine-tuning may take, HANDLENS_SEED (0) draws the split. The label of
these photos is the angle that the car is seen from, so that a mirrored photo would have another label: `do_flip=False`,
and little warping. They are wider than high, so they are squished to pictures that are too; no part of a car is cut
off.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch
from report import Bench
from torch import Tensor, nn

from handlens.studio.features.precision import device, half_precision
from handlens.vision import (
    Callback,
    ImageDataBunch,
    ImageItemList,
    LabelSmoothing,
    VisionLearner,
    create_cnn,
    error_rate,
    get_transforms,
    imagenet_stats,
)

ARCH = "mobilenetv2_100"
SMALL, LARGE = (96, 160), (128, 224)
BS = 32
SEED = int(os.environ.get("HANDLENS_SEED", "0"))
RUNS = 3
PRECISION = "bf16" if half_precision(device()) else "fp32"
RATES = slice(2e-4, 2e-3)


def photos(bench: Bench, size: tuple[int, int]) -> ImageDataBunch:
    """The cars, 80 % to train on and 20 % to validate, the same ones for every size."""
    labelled = (
        ImageItemList.from_folder(bench.data / "cars" / "images")
        .random_split_by_pct(0.2, seed=SEED)
        .label_from_re(r"([^/]+)_\d+.jpg$")
    )
    tfms = get_transforms(do_flip=False, max_rotate=5.0, max_warp=0.1)
    data: ImageDataBunch = labelled.transform(tfms, size=size, resize_method="squish").databunch(bs=BS)
    return data.normalize(imagenet_stats)


def learner(bench: Bench, data: ImageDataBunch) -> VisionLearner:
    """A learner with the given weights, before any training."""
    weights = bench.data / "weights" / f"{ARCH}.imagenet.safetensors"
    return create_cnn(
        data,
        ARCH,
        weights=weights,
        metrics=error_rate,
        loss_func=LabelSmoothing(0.1),
        precision=PRECISION,
        wd=0.05,
        seed=SEED,
    )


def finetune(bench: Bench) -> None:
    """The head for an epoch, then everything at a small size for half of the time, then at a larger one."""
    budget = 60 * float(os.environ.get("HANDLENS_MINUTES", "10")) * 0.93
    started = time.perf_counter()
    small, large = photos(bench, SMALL), photos(bench, LARGE)
    learn = learner(bench, small)
    learn.fit_one_cycle(1, slice(5e-3), seed=SEED)
    learn.unfreeze()
    first = timed(lambda: learn.fit_one_cycle(1, slice(1e-4, 1e-3), seed=SEED))
    epochs = max(1, int((budget / 2 - (time.perf_counter() - started)) / first))
    each = timed(lambda: learn.fit_one_cycle(epochs, RATES, seed=SEED)) / epochs
    learn.data = large
    pixels = LARGE[0] * LARGE[1] / (SMALL[0] * SMALL[1])
    left = budget - (time.perf_counter() - started)
    more = max(1, int(left / (1.15 * pixels * each)))
    learn.fit_one_cycle(more, slice(5e-5, 5e-4), seed=SEED)
    took = time.perf_counter() - started
    _, error = learn.validate()
    probe = probe_error(bench, large)
    bench.add(f"wall clock of fine-tuning, 2 + {epochs} + {more} epochs", [took / 60], at_most=10, unit="min")
    bench.add("validation error", [100 * error], at_most=6, unit="%")
    bench.add("linear probe of the frozen features, error", [100 * probe], unit="%")
    bench.add("validation error over the probe's", [error / probe], at_most=0.999, unit="×")


def probe_error(bench: Bench, data: ImageDataBunch) -> float:
    """Logistic regression on the pooled features of the body as it was given, its strength chosen on training data."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learn = learner(bench, data)
    body = nn.Sequential(learn.model[0], learn.model[1][0], learn.model[1][1]).eval()
    plain = data.train_ds.x.augmented(data.valid_ds.x.augment)
    parts = [(data.loader(plain.items), data.train_ds.y.data), (data.valid_dl, data.valid_ds.y.data)]
    (x, y), (x_valid, y_valid) = [(features(body, dl), np.asarray(labels)) for dl, labels in parts]
    strengths = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1e-4, 1e-3, 1e-2, 1e-1]}, cv=3)
    probe = make_pipeline(StandardScaler(), strengths).fit(x, y)
    return float(1 - probe.score(x_valid, y_valid))


def features(body: nn.Module, batches: Any) -> Any:
    with torch.inference_mode():
        return torch.cat([body(inputs) for inputs, _ in batches]).numpy()


class Clock(Callback):
    """How long the training part of an epoch took, from before its first batch until after its last step."""

    def before_epoch(self, _learn: VisionLearner) -> None:
        self.started = time.perf_counter()

    def after_step(self, _learn: VisionLearner) -> None:
        self.seconds = time.perf_counter() - self.started


def overhead(bench: Bench) -> None:
    """A training epoch from files, beside forward and backward passes of as many batches that lie in memory."""
    data = photos(bench, SMALL)
    learn = learner(bench, data)
    learn.unfreeze()
    batches = list(data.train_dl)
    clock = Clock()
    ratios = []
    for run in range(RUNS + 1):
        learn.fit(1, 1e-4, callbacks=[clock])
        bare = timed(lambda: passes(learn, batches))
        if run:  # the first starts the workers and warms the caches
            ratios.append(clock.seconds / bare)
    bench.add("a training epoch over its bare forward + backward", ratios, at_most=1.25, unit="×")


def passes(learn: VisionLearner, batches: list[tuple[Tensor, Tensor]]) -> None:
    learn.model.train()
    for inputs, targets in batches:
        learn.model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=learn.precision == "bf16"):
            loss = learn.loss_func(learn.model(inputs), targets)
        loss.backward()


def timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
