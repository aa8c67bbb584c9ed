"""The ensemble: the quick and the fine-tuned model together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.studio.discriminant import Floats
from handlens.studio.models.fine_tuned import TINY
from handlens.studio.models.model import Model, ModelKind, Saved
from handlens.studio.models.record import ModelRecord, Training

if TYPE_CHECKING:
    from torch import Tensor

    from handlens.vision.heatmap import HeatMap

KIND = "photo-ensemble"
"""The kind of a saved ensemble."""


class EnsembleModel:
    """The quick and the fine-tuned model together, where both know the same labels.

    It keeps nothing of its own: when one of the two is trained again, it follows. Its probability of a class is the
    mean of those that the two give it. The mean of their logarithms is as good where the two are equally good, and
    worse by half a point where one of them is much worse (30 runs on cars, flowers and digits).

    Attributes:
        quick, tuned: the two models.
        in_tuned: for each class its position among the classes of the fine-tuned model, int64 [C].
    """

    kind: ClassVar[ModelKind] = "both"
    title: ClassVar[str] = "Both"
    remedy: ClassVar[str] = "Train and fine-tune, both on the same labels."

    def __init__(self, quick: Model, tuned: Model) -> None:
        self.quick, self.tuned = quick, tuned
        self.in_tuned = np.array([tuned.record.colours.index(key) for key in quick.record.colours], np.int64)
        self.record = ModelRecord("", quick.record.names, quick.record.colours, self._training)

    @classmethod
    def of(cls, models: Mapping[ModelKind, Model]) -> Self | None:
        """The ensemble of the models that there are; None without a quick and a fine-tuned one of the same labels."""
        quick, tuned = models.get("quick"), models.get("fine-tuned")
        if quick is None or tuned is None or set(quick.record.colours) != set(tuned.record.colours):
            return None
        return cls(quick, tuned)

    @property
    def version(self) -> str:
        return f"{self.kind}-{self.quick.version}-{self.tuned.version}"

    @property
    def predicted(self) -> int:
        return min(self.quick.predicted, self.tuned.predicted)

    @property
    def recipe(self) -> dict[str, str]:
        parts = {"model": "ensemble of two models: the mean of their probabilities"}
        for number, model in (("first", self.quick), ("second", self.tuned)):
            parts |= {f"{number} {fact}": text for fact, text in model.recipe.items()}
        return parts

    def scores(self, quick: Floats, tuned: Floats) -> Floats:
        """The scores of photos, from those of the quick and the fine-tuned model [n, C] with classes in their order."""
        return log_mean(softmax(quick, axis=1), softmax(tuned[:, self.in_tuned], axis=1))

    def heatmap(self, photo: int, code: int, label: str) -> HeatMap:
        """The mean of both heat maps, each divided by its largest value, as they have different units."""
        from dataclasses import replace

        from torch.nn import functional as F

        found = [
            self.quick.heatmap(photo, code, label),
            self.tuned.heatmap(photo, int(self.in_tuned[code]), label),
        ]
        size = max((tuple(one.data.shape) for one in found), key=lambda shape: shape[0] * shape[1])
        scaled = [one.data / one.data.max().clamp_min(TINY) for one in found]
        resized = [F.interpolate(one[None, None], size, mode="bilinear", align_corners=False)[0, 0] for one in scaled]
        methods = " and ".join(one.method for one in found)
        return replace(found[0], data=(resized[0] + resized[1]) / 2, method=f"mean of {methods}")

    def saved(self, classes: list[str], *, temperature: float) -> Saved:
        ours = [classes[i] for i in np.argsort(self.in_tuned)]
        members = [self.quick.saved(classes, temperature=1.0), self.tuned.saved(ours, temperature=1.0)]
        config: dict[str, Any] = {
            "classes": classes,
            "temperature": temperature,
            "members": [{"kind": member.kind, "config": member.config} for member in members],
        }
        tensors: dict[str, Tensor] = {}
        for i, member in enumerate(members):
            tensors |= {f"{i}.{name}": tensor for name, tensor in member.tensors.items()}
        return Saved(KIND, config, tensors)

    @property
    def _training(self) -> Training:
        """How both were trained, as one: of labels that both learned from, each counts once."""
        quick, tuned = self.quick.record.training, self.tuned.record.training
        counts = [max(count, tuned.counts[i]) for count, i in zip(quick.counts, self.in_tuned, strict=True)]
        return Training(
            counts=counts,
            drawn=max(quick.drawn, tuned.drawn),
            by_model=tuned.by_model,
            n_photos=max(quick.n_photos, tuned.n_photos),
            layers=quick.layers,
            labels_version=quick.labels_version,
            seconds=quick.seconds + tuned.seconds,
            warnings=quick.warnings,
            network=tuned.network,
        )


def log_mean(*probabilities: NDArray[np.floating[Any]]) -> Floats:
    """The logarithms of the mean of several models' probabilities [n, C], at least that of 1e-12; float32 [n, C].

    Example:
        >>> np.exp(log_mean(np.array([[0.75, 0.25]]), np.array([[0.25, 0.75]]))).tolist()
        [[0.5, 0.5]]
    """
    mean = sum(probabilities) / len(probabilities)
    return np.asarray(np.log(np.maximum(mean, TINY)), np.float32)
