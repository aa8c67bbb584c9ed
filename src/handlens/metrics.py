"""All metrics, in the place where the course has them; they are in `handlens.core.metrics`."""

from handlens.core.metrics import *  # noqa: F403
from handlens.core.metrics import __all__ as _names
from handlens.core.metrics import accuracy_multi as accuracy_thresh
from handlens.core.metrics import mae as mean_absolute_error
from handlens.core.metrics import mse as mean_squared_error
from handlens.core.metrics import r2 as r2_score
from handlens.core.metrics import rmse as root_mean_squared_error
from handlens.course import AUROC, FBeta, KappaScore, MatthewsCorreff, Precision, Recall

__all__ = [
    *_names,
    "AUROC",
    "FBeta",
    "KappaScore",
    "MatthewsCorreff",
    "Precision",
    "Recall",
    "accuracy_thresh",
    "mean_absolute_error",
    "mean_squared_error",
    "r2_score",
    "root_mean_squared_error",
]
