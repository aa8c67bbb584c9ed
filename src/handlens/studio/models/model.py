"""What every model of a collection can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from handlens.studio.discriminant import Floats
from handlens.studio.models.record import ModelRecord

if TYPE_CHECKING:
    from handlens.studio.layers import Layers
    from handlens.studio.photos import Photos
    from handlens.vision.heatmap import HeatMap

ModelKind = Literal["quick", "fine-tuned"]

NO_MODEL = "there is no model yet. Label some photos of two kinds, then train."


class Model(Protocol):
    """A trained model of a collection, on disk.

    Attributes:
        kind: which of the models it is.
        title: the kind, as people see it.
        remedy: what a person does to get such a model, as a sentence: "Train first."
        record: its classes and report.
    """

    kind: ClassVar[ModelKind]
    title: ClassVar[str]
    remedy: ClassVar[str]
    record: ModelRecord

    def __init__(self, record: ModelRecord, folder: Path, photos: Photos, layers: Layers) -> None:
        """The model of a record in the collection in `folder`."""

    @property
    def exists(self) -> bool:
        """Whether the model is on disk."""

    @property
    def version(self) -> str:
        """Tells this model from all others of the collection, earlier ones too."""

    @property
    def classes(self) -> list[str]:
        """Its classes, as they were called when it was trained."""

    @property
    def predicted(self) -> int:
        """The number of photos, in the preparing order, that `scores` has rows for."""

    @property
    def recipe(self) -> dict[str, str]:
        """How it was made and tested, for its model card."""

    def scores(self) -> Floats:
        """The log probability of each class up to a constant, as it was when the model was trained.

        Returns:
            float32 [rows, C] in the preparing order, NaN for photos that cannot be read.
        """

    def predict_new_photos(self, step: Callable[[int, int], None]) -> None:
        """Predict prepared photos that have no row yet; `step(done, total)` is called often and may raise to stop."""

    def heatmap(self, photo: int, code: int, label: str) -> HeatMap:
        """Which places of a photo count in favour of the class at position `code`, shown as `label`."""

    def export(self, target: Path, classes: list[str], *, temperature: float, card: str) -> None:
        """Write the model to a folder of its own, with the class names `classes` and its model card.

        The probabilities of what is written are the softmax of `scores` / `temperature`.
        """

    def remove(self) -> None:
        """Delete the model from disk, as far as the disk allows."""

    def remove_others(self) -> None:
        """Delete earlier models of this kind, and what interrupted runs left, as far as the disk allows."""
