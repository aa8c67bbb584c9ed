"""Metrics: how good predictions are, always worked out over a whole dataset at once.

A metric is any function (predictions, targets) → number. Predictions are what `get_preds` gives: probabilities
[N, classes] for classes, numbers [N] or [N, targets] otherwise, on the scale that the model is trained on (logarithms
for `FloatList(log=True)`); targets are the encoded labels. Averages over batches would be another number: a root of a
mean, a rank or an F1 score is not the average of its parts.

Undefined values (the area under a ROC curve with one class alone, any metric of items without labels) are nan, not 0.
"""

from handlens.core.metrics.classes import (
    accuracy,
    accuracy_multi,
    error_rate,
    f1,
    f_score,
    fbeta,
    kappa,
    matthews,
    precision,
    recall,
    roc_auc,
    top_k_accuracy,
)
from handlens.core.metrics.metric import Metric, higher_is_better
from handlens.core.metrics.numbers import exp_rmspe, explained_variance, mae, mse, r2, rmse, rmspe_scale

__all__ = [
    "Metric",
    "accuracy",
    "accuracy_multi",
    "error_rate",
    "exp_rmspe",
    "explained_variance",
    "f1",
    "f_score",
    "fbeta",
    "higher_is_better",
    "kappa",
    "mae",
    "matthews",
    "mse",
    "precision",
    "r2",
    "recall",
    "rmse",
    "rmspe_scale",
    "roc_auc",
    "top_k_accuracy",
]
