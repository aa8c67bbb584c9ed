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
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from handlens.core.artifact import TENSORS, load_artifact
from handlens.core.callbacks import Callback, StopTraining
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList
from handlens.core.metrics import accuracy
from handlens.errors import Cancelled, TrainingError
from handlens.io.deep_pictures import Limits
from handlens.studio.calibration import CAUTION, CAUTION_WORTH, fit_temperature
from handlens.studio.discriminant import Codes
from handlens.studio.features.precision import device, half_precision
from handlens.studio.gestures import apart, hold_out
from handlens.studio.models.fine_tuned import TINY
from handlens.studio.models.linear_probe import fit_probe
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

LAST_SHARE = 0.5
"""Share of the time in which only the last layers are trained; then all are."""

RATES = (1e-4, 3e-4, 1e-4)
"""Largest learning rates of the body's first and last layers and of the head, which begins as a linear probe."""

MOST_EPOCHS = (8, 20)
MOST_STEPS = (150, 300)
"""Epochs and steps after which (the last layers, all layers) improve little: each part trains for the longer of the two
at most."""

CANCELLED = "fine-tuning was cancelled; the model in use did not change."

_ENLARGED = 1.3  # how much larger photos may become than they are: networks see small ones better so
_CACHE_BYTES = 256 * 2**20  # decoded photos that are kept between epochs
_REPORT_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Job:
    """What to fine-tune on, and how long it may take.

    Attributes:
        source: the source whose network is copied and trained.
        ids, files: of the labelled photos, [n].
        limits: the ranges in which photos of more than 8 bits are shown.
        codes: the class of each photo, a position in `classes`, [n].
        gestures: which photos were labelled together, int64 [n].
        together: the same number for photos that are duplicates of each other, int64 [n].
        drawn: which of them were drawn for a spot check, bool [n]; these are not learned from.
        by_model: which of them have a label that a model gave, bool [n]; these are learned from, but test nothing.
        classes, colours: names and colours of the labels.
        labels_version: which labels these are, as `LabelState.last_by_person`.
        seconds: the time limit.
        epochs: of the whole network; None for as many as there is time for.
        seed: of everything random.
    """

    source: Source
    ids: NDArray[np.int64]
    files: Sequence[Path]
    codes: Codes
    gestures: NDArray[np.int64]
    together: NDArray[np.int64]
    drawn: NDArray[np.bool_]
    by_model: NDArray[np.bool_]
    classes: list[str]
    colours: list[int]
    labels_version: int
    seconds: float
    epochs: int | None
    seed: int
    limits: Limits = field(default_factory=dict)

    @cached_property
    def choosing(self) -> NDArray[np.bool_]:
        """The photos that the best epoch is chosen by: a fifth of those that a person picked, in whole gestures.

        None of a class whose other photos are all duplicates of these.
        """
        chosen = np.zeros(len(self.codes), bool)
        others = np.flatnonzero(~self.drawn & ~self.by_model)
        chosen[others] = hold_out(self.codes[others], self.gestures[others], seed=self.seed)
        learned = apart(self.drawn | chosen, self.together)
        return chosen & np.isin(self.codes, self.codes[learned])

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Which photos test the model: those that were drawn, and those that the epoch is chosen by; bool [n]."""
        return self.drawn | self.choosing

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Which photos are learned from: neither those that test the model nor duplicates of them; bool [n]."""
        return apart(self.held_out, self.together)


def check_limits(minutes: float, epochs: int | None) -> None:
    """Raise TrainingError unless `minutes` is above 0 and at most a day, and `epochs` a number of epochs or None."""
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not 0 < minutes <= 24 * 60:
        raise TrainingError(f"minutes must be above 0 and at most {24 * 60}, a day; {minutes!r} arrived.")
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
        raise TrainingError(f"epochs must be a whole number, 1 or more, or None; {epochs!r} arrived.")


def fine_tune(job: Job, *, changed: Callable[[FineTuningProgress], None], cancel: Event) -> VisionLearner:
    """Train a copy of the source's network on about four fifths of the photos, and choose its best epoch on the rest.

    First the new head is a linear probe on a frozen body; then the last layers are trained, then all, the first ones at
    a smaller rate. After each part the best epoch so far is kept, the probe included. Photos are resized to a square
    without cropping, as for Studio's features. Rotation, zoom, perspective, brightness and contrast change at random;
    photos are never flipped, because a label may be the direction that something faces.

    Args:
        job: the photos, their classes and the limits.
        changed: called with the progress, about every 0.2 seconds and after each epoch.
        cancel: when it is set, the next step raises Cancelled.

    Returns:
        The model, calibrated on the photos that its epoch was chosen by.

    Raises:
        Cancelled: `cancel` was set.
        BackboneError: the last features of the network are not a map [B, channels, H, W], as of most transformers.
    """
    deadline = time.monotonic() + job.seconds
    monitoring = _Monitoring(
        FineTuningProgress(running=True, phase="loading", network=job.source.title), changed, cancel, deadline
    )
    monitoring.report()
    config, _ = load_artifact(job.source.folder / "extractor", EXTRACTOR_KIND)
    labelled = _labelled(job)
    most = _ENLARGED * _natural_side(job.files)
    sides = [side for side in SIZES if side <= most] or [SIZES[-1]]
    stats = (config["mean"], config["std"])
    learn = create_cnn(
        _data(labelled, sides[0], stats, len(job.codes)),
        config["name"],
        ps=0.0,
        hidden=0,
        weights=job.source.folder / "extractor" / TENSORS,
        metrics=[accuracy, calibrated_loss],
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
    monitoring.report(phase="head")
    torch.manual_seed(job.seed)
    fit_probe(learn, step=monitoring.raise_if_cancelled)
    together = job.gestures[job.choosing]
    calibrate(learn, together)
    best = _BestEpoch()
    best.keep(learn, learn.validate()[-1])
    _freeze_first(learn)
    last = _seconds_per_epoch(learn)
    epochs = _planned(deadline - time.monotonic(), last, whole, len(learn.data.train_dl), job.epochs)
    monitoring.plan(epochs, (last, whole))
    callbacks = [_KeepNorms(), best, monitoring]
    if time.monotonic() < deadline:
        monitoring.report(phase="last")
        learn.fit_one_cycle(epochs[0], RATES, callbacks=callbacks, seed=job.seed)
        best.restore(learn)
    if time.monotonic() < deadline:
        learn.unfreeze()
        monitoring.report(phase="whole")
        learn.fit_one_cycle(epochs[1], RATES, callbacks=callbacks, seed=job.seed + 1)
        best.restore(learn)
    # Tested in the precision in which the saved model will be used.
    learn.precision = "fp32"
    calibrate(learn, together, cautious=True)
    monitoring.raise_if_cancelled()
    return learn


def calibrated_loss(predictions: Tensor, targets: Tensor) -> float:
    """The mean log loss of probabilities [m, C] after the temperature that suits them, for classes [m]."""
    scores, truth = np.log(np.maximum(predictions.numpy(), TINY)), targets.numpy()
    log_p = log_softmax(scores / fit_temperature(scores, truth), axis=1)
    return float(-log_p[np.arange(len(truth)), truth].mean())


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


def calibrate(learn: VisionLearner, together: NDArray[np.int64], *, cautious: bool = False) -> float:
    """Divide the scores of the model by the temperature that calibrates it (Guo et al. 2017); changes its last layer.

    Args:
        learn: the model, whose validation photos it was not trained on.
        together: which of these were labelled together, [m].
        cautious: the best epoch was chosen by these photos, on which it seems better than on others. So no model
            becomes surer than it was, and with few photos the temperature stays near the quick model's `CAUTION`.

    Returns:
        the temperature.
    """
    probabilities, truth = learn.get_preds()
    scores = np.log(np.maximum(probabilities.numpy(), TINY)).astype(np.float32)
    if cautious:
        fitted = fit_temperature(scores, truth.numpy(), prior=CAUTION, worth=CAUTION_WORTH, together=together)
        temperature = max(1.0, fitted)
    else:
        temperature = fit_temperature(scores, truth.numpy(), together=together)
    last = [module for module in learn.model.modules() if isinstance(module, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.div_(temperature)
        last.bias.div_(temperature)
    return temperature


def _freeze_first(learn: VisionLearner) -> None:
    """Train all but the first layers, whose norms are not trained either."""
    learn.freeze_to(1)
    learn.layer_groups[0].requires_grad_(False)


def _labelled(job: Job) -> LabelledImages:
    files = np.empty(len(job.files), object)
    files[:] = job.files
    names = [job.classes[code] for code in job.codes]

    def part(rows: NDArray[np.intp]) -> Labelled:
        return Labelled(
            _CachedDataset(files[rows], limits=job.limits), CategoryList([names[i] for i in rows], classes=job.classes)
        )

    return LabelledImages(part(np.flatnonzero(job.learned)), part(np.flatnonzero(job.choosing)), ImageItemList(files))


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
    """How long an epoch takes, from the second of two batches, forward and backward; the model does not change."""
    learn.model.eval()  # norms keep their statistics, as in training
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


def _planned(seconds: float, last: float, whole: float, steps: int, wanted: int | None) -> tuple[int, int]:
    """How many epochs to train (the last layers, all layers).

    Args:
        seconds: the time that is left.
        last, whole: seconds that an epoch of each takes.
        steps: batches in an epoch.
        wanted: epochs of all layers that were asked for; None for as many as there is time for.
    """

    def most(i: int) -> int:
        return max(MOST_EPOCHS[i], math.ceil(MOST_STEPS[i] / steps))

    if wanted is not None:
        return max(1, min(most(0), wanted // 2)), wanted
    of_last = max(1, min(most(0), int(LAST_SHARE * seconds / last)))
    return of_last, max(1, min(most(1), int(0.95 * (seconds - of_last * last) / whole)))


class _CachedDataset(ImageDataset):
    """Pictures that stay in memory once they are decoded, up to `_CACHE_BYTES`."""

    def __init__(self, paths: NDArray[Any], augment: Any = None, *, limits: Limits | None = None) -> None:
        super().__init__(paths, augment, limits=limits)
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
        return _CachedDataset(self.items, augment, limits=self.limits)


class _KeepNorms(Callback):
    """Batch norms keep the statistics that they have: few photos would give them worse ones."""

    def before_epoch(self, learn: Learner) -> None:
        for module in learn.model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.eval()


class _BestEpoch(Callback):
    """Keeps the model with the least calibrated loss on the held-out photos, over several fits.

    Of a fit the last third of the epochs takes part, in which the rates are small: before, the loss goes up and down,
    and on few held-out photos the least one would often be luck.
    """

    order = -1  # before the callback that may end the run

    def __init__(self) -> None:
        self._loss = math.inf
        self._state: dict[str, Tensor] = {}

    def keep(self, learn: Learner, loss: float) -> None:
        """Remember the model as it is now, if its loss is the least so far."""
        if loss < self._loss:
            self._loss = loss
            self._state = {name: value.clone() for name, value in learn.model.state_dict().items()}

    def after_epoch(self, learn: Learner) -> None:
        if 3 * (learn.run.epoch + 1) > 2 * learn.run.epochs:
            self.keep(learn, learn.recorder.row["calibrated_loss"])

    def restore(self, learn: Learner) -> None:
        """The best model again."""
        learn.model.load_state_dict(self._state)


@dataclass
class _Monitoring(Callback):
    """Reports how far training is, and ends it at the deadline or when it is cancelled.

    Pairs are of two phases, (the last layers, all layers); times are those of time.monotonic().
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
