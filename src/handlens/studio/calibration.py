"""Calibration: the temperature with which the probabilities of a model are as often right as they say."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from handlens.studio.discriminant import Codes, Floats

PRIOR = 20
"""Answers that the temperature known before is worth."""


def fit_temperature(scores: Floats, codes: Codes, *, prior: float | None = None) -> float:
    """The divisor of held-out scores for which the log loss of the prediction being right is least (Guo et al. 2017).

    Args:
        scores: of each class, float32 [m, C].
        codes: the true classes [m]; −1 where it is none of them.
        prior: a temperature that is known from elsewhere; the fewer photos there are, the closer the result is to it.
    """
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float64)
    scale = 1.0 if prior is not None else max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-9)
    candidates = np.geomspace(0.05, 50, 121) * scale * (prior or 1.0)
    right = finite.argmax(1) == codes
    losses = []
    for t in candidates:
        log_sure = log_softmax(finite / t, axis=1).max(1)
        log_unsure = np.log(np.maximum(-np.expm1(log_sure), 1e-9))
        loss = -np.where(right, log_sure, log_unsure).sum()
        if prior is not None:
            loss += PRIOR * np.log(t / prior) ** 2 / 2
        losses.append(loss)
    return float(candidates[int(np.argmin(losses))])
