"""What recording costs: the same training with and without it, in alternation, and the time inside the callback."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults.campaign import Campaign

CARS = "*1.jpg"
"""The photos to train on, about a tenth; their names end with a number."""


def overhead(campaign: Campaign) -> None:
    """The lesson's learner on a tenth of Rossmann, and a network on photos."""
    folder, pairs = campaign.folder("overhead"), campaign.count(8)
    assert campaign.real is not None
    tabular, vision = rossmann(campaign.real / "rossmann", folder), cars(campaign.real, folder)
    measure(campaign, "the lesson's tabular learner, a tenth of Rossmann", folder / "tabular", *tabular, pairs)
    measure(campaign, f"mobilenetv2_100 on {CARS} of the cars", folder / "vision", *vision, pairs)


Make = Callable[[], Any]
Fit = Callable[[Any, list[Any]], Any]


def rossmann(tables: Path, folder: Path) -> tuple[Make, Fit]:
    """The lesson's learner, on every tenth row, with the last weeks for validation."""
    import lesson

    from handlens.tabular.rossmann import prepare

    rows = prepare(tables)[0][[*lesson.CATS, *lesson.CONTS, lesson.TARGET]].iloc[::10].reset_index(drop=True)
    data = lesson.data(rows, folder, valid=range(lesson.VALID // 10))
    return (
        lambda: lesson.learner(data, seed=0),
        lambda learn, callbacks: learn.fit_one_cycle(2, 1e-3, wd=0.2, seed=0, callbacks=callbacks),
    )


def cars(real: Path, folder: Path) -> tuple[Make, Fit]:
    """A network whose every layer learns, from files, with transforms."""
    from handlens.vision import ImageDataBunch, ImageItemList, create_cnn, error_rate, get_transforms

    photos = folder / "cars"
    photos.mkdir()
    for file in sorted((real / "cars" / "images").glob(CARS)):
        (photos / file.name).symlink_to(file)
    parts = ImageItemList.from_folder(photos).random_split_by_pct(0.2, seed=0).label_from_re(r"([^/]+)_\d+.jpg$")
    tfms = get_transforms(do_flip=False, max_rotate=5.0, max_warp=0.1)
    data: ImageDataBunch = parts.transform(tfms, size=(96, 160), resize_method="squish").databunch(bs=16)
    weights = real / "weights" / "mobilenetv2_100.imagenet.safetensors"

    def make() -> Any:
        learn = create_cnn(data, "mobilenetv2_100", weights=weights, metrics=error_rate, seed=0)
        learn.unfreeze()
        return learn

    return make, lambda learn, callbacks: learn.fit_one_cycle(2, 1e-3, seed=0, callbacks=callbacks)


def measure(campaign: Campaign, what: str, folder: Path, make: Make, fit: Fit, pairs: int) -> None:
    """Train in pairs, one with and one without recording, the one that goes first in turn."""
    from handlens.core.callbacks import Callback
    from handlens.experiments import Study

    inside: list[float] = []
    recorded: list[float] = []
    bare: list[float] = []

    class Timed(Callback):
        """Another callback, and the time that its methods take."""

        def __init__(self, callback: Any) -> None:
            self.order = callback.order
            for event, handle in callback.handlers().items():
                setattr(self, event, self._timed(handle))

        def _timed(self, handle: Callable[[Any], None]) -> Callable[[Any], None]:
            def timed(learn: Any) -> None:
                began = time.perf_counter()
                try:
                    handle(learn)
                finally:
                    inside[-1] += time.perf_counter() - began

            return timed

    def train(trial: Any) -> None:
        trial.real("unused", 0, 1)
        inside.append(0.0)
        recorded.append(_seconds(fit, make(), [Timed(callback) for callback in trial.callbacks]))

    for i in campaign.tries("overhead", range(pairs), pairs):
        study = Study(folder, name=f"pair {i}", metric="valid_loss", seed=0)
        steps: list[Callable[[], Any]] = [
            lambda study=study: study.run(train, n=1),
            lambda: bare.append(_seconds(fit, make(), [])),
        ]
        for step in steps if i % 2 else reversed(steps):
            step()
    campaign.add(f"overhead: {what}: training with 2 epochs", bare, unit="s")
    shares = [100 * part / whole for part, whole in zip(inside, recorded, strict=True)]
    campaign.add("… of it inside the recording callback", shares, at_most=1, unit="%")
    more = [100 * (long / short - 1) for long, short in zip(recorded, bare, strict=True)]
    campaign.add("… longer with recording than without, in pairs", more, at_most=1, unit="%")


def _seconds(fit: Fit, learn: Any, callbacks: list[Any]) -> float:
    began = time.perf_counter()
    fit(learn, callbacks)
    return time.perf_counter() - began
