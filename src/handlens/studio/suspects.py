"""Labels that may be wrong: those that a model doubts which was trained without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.errors import CollectionError, TrainingError
from handlens.studio.labels import Labels, LabelState
from handlens.studio.models.held_out import HeldOut
from handlens.studio.models.model import NO_MODEL
from handlens.studio.models.registry import Models
from handlens.studio.origins import Origin
from handlens.studio.photos import Photos
from handlens.studio.similarity import Ids

TAKEN = Origin("review", "suggested")
"""A label in the place of one that was doubted: a person confirmed what the model suggests."""


@dataclass(frozen=True)
class Judged:
    """Labels that a model had not seen when it judged them, the most doubtful first.

    Attributes:
        version: of the model.
        ids: the photos, int64 [m].
        given: the keys of their labels, int64 [m].
        suggested: the keys of the labels that the model predicts, int64 [m].
        probability: of the given label, 0–1, float64 [m].
        suggested_probability: of the predicted label, 0–1, float64 [m].
        names: of all labels, by key.
    """

    version: str
    ids: NDArray[np.int64]
    given: NDArray[np.int64]
    suggested: NDArray[np.int64]
    probability: NDArray[np.float64]
    suggested_probability: NDArray[np.float64]
    names: dict[int, str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def doubted(self) -> Judged:
        """Those in whose place the model suggests another label."""
        rows = self.suggested != self.given
        return Judged(
            self.version,
            self.ids[rows],
            self.given[rows],
            self.suggested[rows],
            self.probability[rows],
            self.suggested_probability[rows],
            self.names,
        )


class Suspects:
    """Ranks labels by how much they are doubted; see `Collection.suspects`."""

    def __init__(self, photos: Photos, labels: Labels, models: Models) -> None:
        self._photos, self._labels, self._models = photos, labels, models

    def ranked(self) -> pd.DataFrame:
        """All labels that were held out in training and not looked at since, the most doubtful first."""
        judged, paths = self.judged(), self._photos.paths
        return pd.DataFrame(
            {
                "path": pd.Series([paths[i] for i in judged.ids], dtype="str"),
                "label": pd.Series([judged.names[key] for key in judged.given.tolist()], dtype="str"),
                "probability": judged.probability,
                "suggested": pd.Series([judged.names[key] for key in judged.suggested.tolist()], dtype="str"),
                "suggested_probability": judged.suggested_probability,
            }
        ).set_index(pd.Index(judged.ids, name="id"))

    def judged(self) -> Judged:
        """The same by keys of labels."""
        state = self._labels.state
        model = self._models.get("quick") or self._models.in_use
        if model is None:
            raise TrainingError(NO_MODEL)
        held_out = self._models.held_out(model)
        if held_out is None or np.isnan(held_out.scores).any():
            held_out = NOTHING
        # The key of each class's label: merged ones have the same, and one that was deleted has −1.
        keys = np.array([*(info.colour for info in state.table), -1], np.int64)[self._models.codes(model, state)]
        return judge(held_out, self._models.classes(model), keys, state, version=model.version)

    def keep(self, ids: Ids, *, version: str | None = None) -> None:
        """Keep the labels of photos; see `Collection.keep`.

        Args:
            ids: of the photos.
            version: of the model whose suggestions were looked at; that of now unless given.
        """
        suggested = self._suggestions(ids, version)
        self._labels.keep({photo: key for photo, (key, _) in suggested.items()})

    def take(self, ids: Ids, *, version: str | None = None) -> None:
        """Give photos the labels that the model suggests, in one change; arguments as in `keep`."""
        groups: dict[str, list[int]] = {}
        for photo, (_, name) in self._suggestions(ids, version).items():
            groups.setdefault(name, []).append(photo)
        n = sum(map(len, groups.values()))
        text = f"label {n:,} {'photo' if n == 1 else 'photos'} as suggested"
        self._labels.assign_many([(photos, name) for name, photos in groups.items()], origin=TAKEN, text=text)

    def _suggestions(self, ids: Ids, version: str | None) -> dict[int, tuple[int, str]]:
        """The key and the name of the label that the model suggests in the place of each photo's own."""
        doubted = self.judged().doubted
        if version is not None and version != doubted.version:
            raise CollectionError("the model was trained again, and may suggest other labels now. Look at them first.")
        known = dict(zip(doubted.ids.tolist(), doubted.suggested.tolist(), strict=True))
        wanted = np.asarray(ids).reshape(-1).tolist()
        others = [photo for photo in wanted if photo not in known]
        if others:
            raise CollectionError(
                "ids must be photos whose label the model doubts, as in suspects(); "
                f"{others[0]} is not one now. Its label may have changed."
            )
        return {photo: (known[photo], doubted.names[known[photo]]) for photo in wanted}


NOTHING = HeldOut(np.empty(0, np.int64), [], [], np.empty((0, 0), np.float32), np.empty(0, bool))


def judge(
    held_out: HeldOut, classes: Sequence[str], keys: NDArray[np.int64], state: LabelState, *, version: str
) -> Judged:
    """What a model says of labels that it had not seen.

    Labels that have changed since are left out, and those that a person kept although the model suggested the same.

    Args:
        held_out: what the model predicted.
        classes: its C classes as their labels are called now.
        keys: of these labels, −1 for one that was deleted, int64 [C].
        state: the labels of now.
        version: of the model.
    """
    ids, names = held_out.ids, {info.colour: info.name for info in state.table}
    known = np.unique(keys[keys >= 0])
    key_of = dict(zip(classes, keys.tolist(), strict=True))
    truth = np.array([key_of.get(name, -1) for name in held_out.truth], np.int64)
    now = np.array([*names, -1], np.int64)[state.codes[ids]]
    rows = (truth == now) & (now >= 0)
    ids, given = ids[rows], now[rows]
    if not len(ids):
        none = np.empty(0, np.int64)
        return Judged(version, none, none, none, np.empty(0), np.empty(0), names)
    p = softmax(held_out.scores[rows].astype(np.float64), axis=1)
    p = np.stack([p[:, keys == key].sum(1) for key in known], 1)
    probability, best = p[np.arange(len(ids)), np.searchsorted(known, given)], p.argmax(1)
    suggested = known[best]
    looked_at = zip(ids.tolist(), given.tolist(), suggested.tolist(), strict=True)
    new = np.array([state.kept.get(photo) != (key, other) for photo, key, other in looked_at], bool)
    order = np.flatnonzero(new)[np.argsort(probability[new], kind="stable")]
    return Judged(version, ids[order], given[order], suggested[order], probability[order], p.max(1)[order], names)
