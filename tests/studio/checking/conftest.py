"""The parts of a collection that checks are about, with empty files for photos and models that say what tests want."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from handlens.errors import ArtifactError
from handlens.studio.evaluation import Evaluation
from handlens.studio.finishing import Finishing
from handlens.studio.history import History
from handlens.studio.labels import Labels
from handlens.studio.listeners import Listeners
from handlens.studio.models.held_out import Confidences, Tested
from handlens.studio.models.model import ModelKind
from handlens.studio.models.record import ModelRecord, Training, new_id
from handlens.studio.models.registry import TRAINED, Models
from handlens.studio.photos import Photos
from handlens.studio.register import Register
from handlens.studio.report import TrainingReport
from handlens.studio.settings import Settings
from handlens.studio.spot_check import SpotCheck


class Listed:
    """Stands for `Register`: the list of these photos, all of which may be drawn."""

    is_there = True

    def __init__(self, photos: Files) -> None:
        self._photos = photos

    def check_there(self) -> None: ...

    @property
    def sampled(self) -> np.ndarray:
        return np.ones(len(self._photos), bool)

    def stamp(self, photo: int) -> str:
        return Register.stamp(cast(Register, self), photo)

    def file(self, photo: int) -> Path:
        return self._photos.file(photo)


class Files:
    """Stands for `Photos`: n small files, the first `prepared` of which are prepared and readable."""

    def __init__(self, folder: Path, n: int, prepared: int | None = None) -> None:
        self.folder, self.prepared = folder, n if prepared is None else prepared
        self.paths = [f"{i}.jpg" for i in range(n)]
        self.register = Listed(self)
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.paths:
            if not (folder / path).exists():
                (folder / path).touch()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def usable(self) -> np.ndarray:
        return np.arange(len(self)) < self.prepared

    def file(self, photo: int) -> Path:
        return self.folder / self.paths[photo]

    check: Any = Photos.check

    def by_id(self, rows: np.ndarray, *, missing: float) -> np.ndarray:
        out = np.full((len(self), rows.shape[1]), missing, np.float32)
        out[: len(rows)] = rows
        return out


class Said:
    """Stands for a model: its scores are what a test gave for the collection's folder and the model's id."""

    kind, title, remedy, network = "quick", "Quick", "Train first.", None
    scores_of: dict[str, np.ndarray | None] = {}  # noqa: RUF012  by the id of the model; None for a damaged model

    def __init__(self, record: ModelRecord, *_: object) -> None:
        self.record = record

    exists = True

    @property
    def version(self) -> str:
        return f"{self.kind}-{self.record.id}"

    @property
    def predicted(self) -> int:
        return -1 if self.scores_of[self.record.id] is None else len(self.scores())

    def scores(self, *, report: object = None) -> np.ndarray:
        scores = self.scores_of[self.record.id]
        if scores is None:
            raise ArtifactError("model.json is damaged: it ends too early.")
        return scores

    def saved(self, classes: list[str], *, temperature: float) -> SimpleNamespace:
        return SimpleNamespace(tensors={"scores": torch.from_numpy(self.scores())})

    def remove_others(self) -> None: ...


class SaidFineTuned(Said):
    kind, title, remedy, network = "fine-tuned", "Fine-tuned", "Fine-tune first.", "resnet18"


class Desk:
    """The labels, the spot check and the models of a collection of n photos.

    Attributes:
        told: whether other answers counted than before, after each draw and each answer.
    """

    def __init__(self, folder: Path, n: int, *, seed: int = 0, prepared: int | None = None) -> None:
        self.path = folder / "c.sqlite"
        self.photos: Any = Files(folder / "photos", n, prepared)
        self.labels = Labels(self.path, n)
        self.told: list[bool] = []
        self.check = SpotCheck(self.path, self.photos, self.labels, seed=seed, changed=self.told.append)
        self.settings, no_layers = Settings(self.path), Any
        self.models = Models(self.photos, no_layers, self.labels, self.check, self.settings, Listeners(), folder=folder)
        self.evaluation = Evaluation(self.models, self.check)
        self.history = History(self.path, self.models, self.evaluation)
        for part in (self.labels, self.check, self.settings, self.history):
            part._db.execute("PRAGMA synchronous = OFF")  # hundreds of answers in a test; no power cut

    def close(self) -> None:
        for part in (self.check, self.labels, self.settings, self.history):
            part.close()

    # --- checking ------------------------------------------------------------------------------

    def draw(self, n: int) -> list[int]:
        return [int(photo) for photo in self.check.draw(n)]

    def answer(self, photo: int, said: str | None) -> None:
        """“?” stands for unsure, None for none of these."""
        self.check.answer(photo, None if said == "?" else said, unsure=said == "?")

    def answer_all(self, truth: Callable[[int], str | None], n: int) -> list[int]:
        """Draw n photos and answer each."""
        drawn = self.draw(n)
        for photo in drawn:
            self.answer(photo, truth(photo))
        return drawn

    @property
    def counted(self) -> list[tuple[int, str | None]]:
        """The photos that count, with what they are."""
        now = self.check.now()
        names = [*now.labels.names, None]  # −1 picks the last
        return [(int(i), names[c]) for r in now.rounds for i, c in zip(r.ids, r.codes, strict=True)]

    # --- models --------------------------------------------------------------------------------

    def train(
        self,
        predicted: list[str] | None,
        classes: list[str],
        *,
        kind: ModelKind = "quick",
        sure: float | list[float] = 3.0,
        tested: dict[int, tuple[str, str]] | None = None,
        checked: tuple[int, ...] = (),
        tested_sure: float | list[float] = 3.0,
        unlabelled: Confidences | None = None,
        use: bool | None = None,
        **training: Any,
    ) -> Said:
        """A model of labels that exist, which predicts `predicted`; None if it is damaged, "" for a photo not yet.

        Args:
            predicted: the class of each photo.
            classes: the labels.
            kind: of the model.
            sure: how much larger its score is than those of other classes, for all photos or each.
            tested: the truth and the prediction of labelled photos that were held out.
            checked: which of these were drawn.
            tested_sure: as `sure`, for the tested ones.
            unlabelled: how sure the models were of photos without a label that were tested on drawn ones.
            use: use it; unless given, as `Models.replace` chooses.
            training: fields of `Training`.
        """
        counts = {info.name: info.count for info in self.labels.table}
        record = ModelRecord(
            new_id(),
            classes,
            [self.labels.key_of(name) for name in classes],
            Training(
                **{"counts": [counts[name] for name in classes], "n_photos": len(self.photos), "seconds": 1.0}
                | training
            ),
        )
        Said.scores_of[record.id] = None if predicted is None else scores(predicted, classes, sure)
        model: Any = TRAINED[kind](record)  # type: ignore[call-arg]
        held = tested or {}
        said = Tested(
            np.array(list(held), np.int64),
            np.array([classes.index(truth) for truth, _ in held.values()], np.int64),
            scores([predicted for _, predicted in held.values()], classes, tested_sure),
            np.isin(list(held), checked),
            unlabelled,
        )
        used = self.models.in_use
        self.models.replace(model, said)
        if use is not None:
            self.models.use(kind if use or used is None else used.kind)
        return model

    def report(self) -> TrainingReport:
        """Of the model in use."""
        model = self.models.in_use
        assert model is not None
        return self.evaluation.report(model)

    @property
    def finishing(self) -> Finishing:
        return Finishing(self.photos, self.labels, self.models, self.check)


def scores(predicted: list[str], classes: list[str], sure: float | list[float]) -> np.ndarray:
    """Scores that are `sure` for the predicted class and 0 for others; NaN for the class ""."""
    each = [sure] * len(predicted) if isinstance(sure, float) else sure
    rows = [
        [by * (name == said) if said else np.nan for name in classes] for said, by in zip(predicted, each, strict=True)
    ]
    return np.array(rows, np.float32).reshape(len(predicted), len(classes))


@pytest.fixture(autouse=True)
def _models_that_say_what_a_test_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAINED, "quick", Said)
    monkeypatch.setitem(TRAINED, "fine-tuned", SaidFineTuned)


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens the collection of the test, once or several times."""
    opened = []

    def open(n: int = 10, *, folder: Path = tmp_path, **options: int) -> Desk:
        opened.append(Desk(folder, n, **options))
        return opened[-1]

    yield open
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    """A collection of ten photos."""
    return open_desk()
