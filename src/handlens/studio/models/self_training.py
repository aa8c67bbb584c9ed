"""Self-training: labels that the model gave, and which a network may learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.errors import ArtifactError
from handlens.studio.discriminant import Codes
from handlens.studio.models.checked import confidence
from handlens.studio.models.registry import Models
from handlens.studio.origins import certified
from handlens.studio.spot_check import Check


def given_by_model(models: Models, check: Check) -> tuple[NDArray[np.int64], Codes]:
    """Photos with the label that a model gave them, which `finish` certified; and checked photos that are like them.

    A network that learns from a certified label is surer of its photo, also if the label is wrong. A check would not
    see that if no checked photo took part. So checked photos that are predicted with as high a probability take part
    as well: with the label that the model in use predicts, not having seen the person's, as if they had none.

    Args:
        models: of the collection; the one in use says how sure a prediction is.
        check: the labels and the checked photos.

    Returns:
        ids [n], and for each the position of the label in `LabelState.table` [n]; empty where that model cannot be
        asked.
    """
    state, model = check.labels, models.in_use
    ids = np.flatnonzero(certified(state.origins) & ~check.drawn)
    nothing = np.empty(0, np.int64), np.empty(0, np.int64)
    if model is None or not len(ids):
        return nothing
    try:
        found = models.checked(model, check)
        sure = confidence(models.scores(model)[ids], 1.0)  # as `finish` sorts them
    except ArtifactError:
        return nothing
    if not np.isfinite(sure).any():
        return nothing
    alike = confidence(found.scores, 1.0) >= np.nanmin(sure)
    codes = models.codes(model, state)[found.predicted[alike]]
    return np.concatenate([ids, found.ids[alike]]), np.concatenate([state.codes[ids].astype(np.int64), codes])
