"""The linear probe: the new head of a network, fitted to what its frozen body gives, in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Floats
from handlens.studio.linear_models import fit_mixture, inner_products

if TYPE_CHECKING:
    from handlens.vision.learner import VisionLearner

VIEWS = 4
"""Each photo is seen so many times, transformed at random."""

MOST = 2000
"""Views that the probe is fitted to, if that leaves no class without any."""


@one_blas_thread()
def fit_probe(learn: VisionLearner, *, step: Callable[[], None]) -> None:
    """Fit the head to the features of training photos, transformed as in training; the body does not change.

    The head's norm standardises the features, and its linear layer is the mixture of linear models that the quick model
    is too. Fine-tuning that begins here need not first unlearn a head that was drawn at random (Kumar et al. 2022,
    arXiv 2202.10054).

    Args:
        learn: made by `create_cnn` with `hidden=0`.
        step: called before each batch; may raise to stop.
    """
    features, codes = _features(learn, step)
    head: Any = learn.model[1]
    _, _, norm, _, linear = head
    mean, var = features.mean(0), features.var(0)
    standardised = (features - mean) / np.sqrt(var + norm.eps)
    model = fit_mixture(inner_products({"body": standardised}), codes, dims=features.shape[1])
    weights = product(standardised.T, model.coefficients.astype(np.float32))
    with torch.no_grad():
        norm.running_mean.copy_(torch.from_numpy(mean))
        norm.running_var.copy_(torch.from_numpy(var))
        norm.weight.fill_(1)
        norm.bias.zero_()
        linear.weight.copy_(torch.from_numpy(weights.T.copy()))
        linear.bias.copy_(torch.from_numpy(model.bias))


def _features(learn: VisionLearner, step: Callable[[], None]) -> tuple[Floats, NDArray[np.int64]]:
    """Pooled features [n, D] of training photos, and their classes [n]."""
    head: Any = learn.model[1]
    body, pool = learn.model[0], head[:2]
    features: list[Floats] = []
    codes: list[int] = []
    with torch.no_grad():
        for _ in range(VIEWS):
            for inputs, targets in learn.data.train_dl:
                step()
                with learn.autocast():
                    features.append(pool(body(inputs)).float().cpu().numpy())
                codes += targets.tolist()
                if len(codes) >= MOST and len(set(codes)) == learn.data.c:
                    return np.concatenate(features), np.array(codes, np.int64)
    return np.concatenate(features), np.array(codes, np.int64)
