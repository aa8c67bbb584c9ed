"""Fine-tuning: a copy of a pretrained network is trained on the labels, within a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.artifact import TENSORS, load_artifact
from handlens.core.callbacks import Callback, StopTraining
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList
from handlens.core.metrics import accuracy
from handlens.errors import Cancelled, TrainingError
from handlens.studio.calibration import fit_temperature
from handlens.studio.discriminant import Codes, Floats, folds
from handlens.studio.features.precision import device, half_precision
from handlens.studio.models.fine_tuned import TINY
from handlens.studio.progress import FineTuningProgress
from handlens.studio.sources import EXTRACTOR_KIND, Source
from handlens.vision.data import ImageDataBunch, LabelledImages
from handlens.vision.dataset import ImageDataset
from handlens.vision.image import Image
from handlens.vision.items import ImageItemList
from handlens.vision.learner import VisionLearner, create_cnn
from handlens.vision.transform import get_transforms

if TYPE_CHECKING:
    from handlens.core.learner import Learner

SIZES = (224, 192, 160, 128)
"""Sides of the square, in pixels, that photos are resized to: the largest that they have and that there is time for."""

ENOUGH_EPOCHS = 8
"""Epochs that there should be time for; photos are resized to the largest side that leaves time for as many."""

HEAD_SHARE = 0.2
"""Share of the time in which the new head is trained alone, on a frozen body."""

HEAD_RATE = 3e-3
BODY_RATES = slice(1e-3, 5e-3)
"""Largest learning rates: of the head alone, then of the whole network, from its first layers to its head. Few labels
give few steps, which need larger rates than long training does."""

MOST_EPOCHS = (8, 30)
MOST_STEPS = (80, 300)
"""Epochs and steps after which (the head alone, the whole network) improves little: each trains for the longer of the
two at most."""

CANCELLED = "fine-tuning was cancelled; the model in use did not change."

_ENLARGED = 1.1  # how much larger photos may become than they are
_CACHE_BYTES = 256 * 2**20  # decoded photos that are kept between epochs
_REPORT_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Job:
    """What to fine-tune on, and how long it may take.

    Attributes:
        source: the source whose network is copied and trained.
        ids, files: of the labelled photos, [n].
        codes: the class of each photo, a position in `classes`, [n].
        drawn: which of them were drawn for a spot check, bool [n]; these are not learned from.
        classes, colours: names and colours of the labels.
        labels_version: the version of the labels that these are.
        seconds: the time limit.
        epochs: of the whole network; None for as many as there is time for.
        seed: of everything random.
    """

    source: Source
    ids: NDArray[np.int64]
    files: Sequence[Path]
    codes: Codes
    drawn: NDArray[np.bool_]
    classes: list[str]
    colours: list[int]
    labels_version: int
    seconds: float
    epochs: int | None
    seed: int

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """Which photos are not learned from: those that were drawn, and a fifth of the others; bool [n]."""
        held = self.drawn.copy()
        others = np.flatnonzero(~self.drawn)
        held[others[folds(self.codes[others], seed=self.seed) == 0]] = True
        return held


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model, and what it says of the photos that were held out.

    Attributes:
        learner: with the trained network.
        scores: the log probability of each class for each photo that was held out, float32 [m, C].
    """

    learner: VisionLearner
    scores: Floats


def check_limits(minutes: float, epochs: int | None) -> None:
    """Raise TrainingError unless `minutes` is above 0 and at most a day, and `epochs` a number of epochs or None."""
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not 0 < minutes <= 24 * 60:
        raise TrainingError(f"minutes must be above 0 and at most {24 * 60}, a day; {minutes!r} arrived.")
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
        raise TrainingError(f"epochs must be a whole number, 1 or more, or None; {epochs!r} arrived.")


def fine_tune(job: Job, *, changed: Callable[[FineTuningProgress], None], cancel: Event) -> Tuned:
    """Train a copy of the source's network on four fifths of the photos, and test it on the last fifth.

    First the new head is trained on a frozen body (its batch norms are not frozen); then the whole network, the first
    layers at smaller rates. Photos are resized to a square without cropping, as for Studio's features. Rotation, zoom,
    perspective, brightness and contrast change at random; photos are never flipped, because a label may be the
    direction that something faces.

    Args:
        job: the photos, their classes and the limits.
        changed: called with the progress, about every 0.2 seconds and after each epoch.
        cancel: when it is set, the next step raises Cancelled.

    Returns:
        The model, calibrated on the held-out photos.

    Raises:
        Cancelled: `cancel` was set.
        BackboneError: the last features of the network are not a map [B, channels, H, W], as of most transformers.
    """
    deadline = time.monotonic() + job.seconds
    monitoring = _Monitoring(
        FineTuningProgress(running=True, phase="loading", network=job.source.title), changed, cancel, deadline
    )
    monitoring.report()
    held = job.held_out
    config, _ = load_artifact(job.source.folder / "extractor", EXTRACTOR_KIND)
    labelled = _labelled(job, held)
    most = _ENLARGED * _natural_side(job.files)
    sides = [side for side in SIZES if side <= most] or [SIZES[-1]]
    stats = (config["mean"], config["std"])
    learn = create_cnn(
        _data(labelled, sides[0], stats, len(job.codes)),
        config["name"],
        weights=job.source.folder / "extractor" / TENSORS,
        metrics=accuracy,
        seed=job.seed,
        precision="bf16" if half_precision(device()) else "fp32",
    )
    monitoring.raise_if_cancelled()
    learn.unfreeze()
    whole = _seconds_per_epoch(learn)
    if job.epochs is None:
        left = deadline - time.monotonic()
        fitting = [side for side in sides if whole * (side / sides[0]) ** 2 * ENOUGH_EPOCHS <= left]
        side = fitting[0] if fitting else sides[-1]
        if side != sides[0]:
            learn.data = _data(labelled, side, stats, len(job.codes))
            whole *= (side / sides[0]) ** 2
    monitoring.raise_if_cancelled()
    learn.freeze()
    head = _seconds_per_epoch(learn)
    epochs = _planned(deadline - time.monotonic(), head, whole, len(learn.data.train_dl), job.epochs)
    monitoring.plan(epochs, (head, whole))
    monitoring.report(phase="head")
    learn.fit_one_cycle(epochs[0], HEAD_RATE, callbacks=[monitoring], seed=job.seed)
    if time.monotonic() < deadline:
        learn.unfreeze()
        monitoring.report(phase="whole")
        learn.fit_one_cycle(epochs[1], BODY_RATES, callbacks=[monitoring], seed=job.seed + 1)
    # Tested in the precision in which the saved model will be used.
    learn.precision = "fp32"
    probabilities, truth = learn.get_preds()
    monitoring.raise_if_cancelled()
    drawn = job.drawn[held]  # these tell how accurate the model is, so they choose nothing
    temperature = calibrate(learn, probabilities.numpy()[~drawn], truth.numpy()[~drawn])
    return Tuned(learn, np.log(np.maximum(probabilities.numpy(), TINY)).astype(np.float32) / np.float32(temperature))


def prediction_progress(
    changed: Callable[[FineTuningProgress], None], now: FineTuningProgress, cancel: Event
) -> Callable[[int, int], None]:
    """A function of (done, total) photos that calls `changed` with `now` brought up to date.

    It raises Cancelled once `cancel` is set.
    """
    began: list[float] = []

    def step(done: int, total: int) -> None:
        if cancel.is_set():
            raise Cancelled(CANCELLED)
        began[:] = began or [time.monotonic(), done]
        rate = (done - began[1]) / max(time.monotonic() - began[0], 1e-6)
        left = (total - done) / rate if rate > 0 else None
        changed(replace(now, phase="predicting", share=done / total, seconds_left=left))

    return step


def calibrate(learn: VisionLearner, probabilities: NDArray[np.floating], truth: Codes) -> float:
    """Divide the scores of the model by the temperature that calibrates it (Guo et al. 2017); changes its last layer.

    The temperature is at least 1, so that no model becomes surer than it was.

    Args:
        learn: the model.
        probabilities: what it predicts for photos that it was not trained on, [m, C].
        truth: their true classes, [m].

    Returns:
        the temperature.
    """
    import torch

    scores = np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)
    temperature = max(1.0, fit_temperature(scores, truth))
    last = [module for module in learn.model.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.div_(temperature)
        last.bias.div_(temperature)
    return temperature


def _labelled(job: Job, held: NDArray[np.bool_]) -> LabelledImages:
    files = np.empty(len(job.files), object)
    files[:] = job.files
    names = [job.classes[code] for code in job.codes]

    def part(rows: NDArray[np.intp]) -> Labelled:
        return Labelled(_CachedDataset(files[rows]), CategoryList([names[i] for i in rows], classes=job.classes))

    return LabelledImages(part(np.flatnonzero(~held)), part(np.flatnonzero(held)), ImageItemList(files))


def _data(labelled: LabelledImages, side: int, stats: tuple[Any, Any], count: int) -> ImageDataBunch:
    tfms = get_transforms(do_flip=False)
    bs = 32 if count >= 200 else 16 if count >= 40 else 8  # few photos need steps, not smooth gradients
    # num_workers=0: forking a process that serves pages and holds a database open is not safe.
    data: ImageDataBunch = labelled.transform(tfms, size=side, resize_method="squish").databunch(
        bs=bs, num_workers=0, device=device()
    )
    return data.normalize(stats)


def _natural_side(files: Sequence[Path]) -> float:
    """The side, in pixels, of a square with as many pixels as a photo has: the median of about 50 of them."""
    from PIL import Image as PillowImage

    sides = []
    for file in files[:: max(1, len(files) // 50)]:
        try:
            with PillowImage.open(file) as picture:  # reads only the header of the file
                sides.append(math.sqrt(picture.width * picture.height))
        except (OSError, ValueError, PillowImage.DecompressionBombError):
            continue  # the loader reports it
    return float(np.median(sides)) if sides else SIZES[-1]


def _seconds_per_epoch(learn: VisionLearner) -> float:
    """How long an epoch takes, from the second of two batches, forward and backward; the weights do not change."""
    learn.model.train()
    for _ in range(2):
        started = time.monotonic()
        inputs, targets = learn.data.one_batch()
        with learn.autocast():
            loss = learn.loss_func(learn.model(inputs), targets)
        loss.backward()
        learn.model.zero_grad()
        seconds = time.monotonic() - started
    # And a tenth for validation: a quarter as many photos, forward only.
    return seconds * len(learn.data.train_dl) * 1.1


def _planned(seconds: float, head: float, whole: float, steps: int, wanted: int | None) -> tuple[int, int]:
    """How many epochs to train (the head alone, the whole network).

    Args:
        seconds: the time that is left.
        head, whole: seconds that an epoch of each takes.
        steps: batches in an epoch.
        wanted: epochs of the whole network that were asked for; None for as many as there is time for.
    """

    def most(i: int) -> int:
        return max(MOST_EPOCHS[i], math.ceil(MOST_STEPS[i] / steps))

    if wanted is not None:
        return max(1, min(most(0), wanted // 4)), wanted
    of_head = max(1, min(most(0), int(HEAD_SHARE * seconds / head)))
    return of_head, max(1, min(most(1), int(0.95 * (seconds - of_head * head) / whole)))


class _CachedDataset(ImageDataset):
    """Pictures that stay in memory once they are decoded, up to `_CACHE_BYTES`."""

    def __init__(self, paths: NDArray[Any], augment: Any = None) -> None:
        super().__init__(paths, augment)
        self._cache: dict[int, Image] = {}
        self._bytes = 0

    def opened(self, position: int) -> Image:
        image = self._cache.get(position)
        if image is None:
            image = super().opened(position)
            if self._bytes + image.pixels.nbytes <= _CACHE_BYTES:
                self._cache[position] = image
                self._bytes += image.pixels.nbytes
        return image

    def augmented(self, augment: Any) -> ImageDataset:
        return _CachedDataset(self.items, augment)


@dataclass
class _Monitoring(Callback):
    """Reports how far training is, and ends it at the deadline or when it is cancelled.

    Pairs are of the two phases, (the head alone, the whole network); times are those of time.monotonic().
    """

    now: FineTuningProgress
    changed: Callable[[FineTuningProgress], None]
    cancel: Event
    deadline: float
    _seconds: tuple[float, float] = (1.0, 1.0)  # for one epoch
    _epochs: tuple[int, int] = (1, 1)
    _began: float = field(default_factory=time.monotonic)
    _reported: float = 0.0

    def plan(self, epochs: tuple[int, int], seconds: tuple[float, float]) -> None:
        self._epochs, self._seconds, self._began = epochs, seconds, time.monotonic()
        self.now = replace(self.now, epochs=sum(epochs))

    def raise_if_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled(CANCELLED)

    def report(self, **fields: Any) -> None:
        self._reported = time.monotonic()
        self.now = replace(self.now, **fields)
        self.changed(self.now)

    def after_step(self, learn: Learner) -> None:
        self.raise_if_cancelled()
        if time.monotonic() >= self.deadline:
            raise StopTraining
        if time.monotonic() - self._reported >= _REPORT_EVERY:
            self.report(**self._progress(learn), loss=float(learn.recorder.smoothed[-1]))

    def after_epoch(self, learn: Learner) -> None:
        row = learn.recorder.row
        self.report(**self._progress(learn), loss=row["train_loss"], accuracy=row["accuracy"])

    def _progress(self, learn: Learner) -> dict[str, Any]:
        """Share, seconds left and epoch. The share counts epochs of each phase by the time that they take."""
        run, steps = learn.run, len(learn.data.train_dl)
        whole = self.now.phase == "whole"
        total = sum(n * seconds for n, seconds in zip(self._epochs, self._seconds, strict=True))
        before = self._epochs[0] * self._seconds[0] if whole else 0.0
        share = min(1.0, (before + run.step / steps * self._seconds[whole]) / total)
        spent = time.monotonic() - self._began
        left = min(spent * (1 - share) / max(share, 1e-6), max(0.0, self.deadline - time.monotonic()))
        epoch = (self._epochs[0] if whole else 0) + math.ceil(run.step / steps)
        return {"share": share, "seconds_left": left, "epoch": min(epoch, sum(self._epochs))}
