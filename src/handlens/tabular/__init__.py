"""Tables: `from handlens.tabular import *` gives a notebook what the lesson's cells use."""

from __future__ import annotations

import os
import sys
from typing import Any

# Idle threads sleep at once (see handlens/__init__.py), and waking them takes as long as one training step of a small
# batch. Spinning for a short time first, a thirtieth of OpenMP's default, makes training twice as fast at 64 rows a
# batch. The variable must be set before torch is loaded, and only for this process: Studio, which works next to other
# programs, would be five times slower with it.
if "torch" not in sys.modules and "GOMP_SPINCOUNT" not in os.environ:
    os.environ["GOMP_SPINCOUNT"] = "10000"
    import torch

    del os.environ["GOMP_SPINCOUNT"]

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from handlens import course
from handlens.core.bunch import DataBunch
from handlens.core.callbacks import Callback, EarlyStopping, GradientClipping, PreciseBatchNorm, SaveBest, StopTraining
from handlens.core.checkpoint import Checkpoint
from handlens.core.defaults import defaults
from handlens.core.doc import doc
from handlens.core.interpret import Interpretation
from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.metrics import (
    accuracy,
    accuracy_multi,
    error_rate,
    exp_rmspe,
    explained_variance,
    f1,
    f_score,
    fbeta,
    higher_is_better,
    kappa,
    mae,
    matthews,
    mse,
    precision,
    r2,
    recall,
    rmse,
    rmspe_scale,
    roc_auc,
    top_k_accuracy,
)
from handlens.core.saved import load_learner
from handlens.io.datasets import URLs, untar_data
from handlens.tabular.category_dropout import CategoryDropout
from handlens.tabular.cont_cat_split import cont_cat_split
from handlens.tabular.cyclic_dates import add_cyclic_datepart
from handlens.tabular.data import TabularDataBunch, TabularList, load_data
from handlens.tabular.dates import add_datepart
from handlens.tabular.learner import TabularLearner, tabular_learner
from handlens.tabular.model import TabularModel
from handlens.tabular.procs import Categorify, FillMissing, Normalize, TabularProc
from handlens.tabular.windows import backward_mean, backward_sum, days_since, days_until, forward_sum

__all__ = [
    *course.NAMES,
    "F",
    "Callback",
    "Categorify",
    "CategoryDropout",
    "CategoryList",
    "Checkpoint",
    "DataBunch",
    "EarlyStopping",
    "FillMissing",
    "FloatList",
    "GradientClipping",
    "Interpretation",
    "Learner",
    "MultiCategoryList",
    "Normalize",
    "PreciseBatchNorm",
    "SaveBest",
    "StopTraining",
    "TabularDataBunch",
    "TabularLearner",
    "TabularList",
    "TabularModel",
    "TabularProc",
    "URLs",
    "accuracy",
    "accuracy_multi",
    "add_cyclic_datepart",
    "add_datepart",
    "backward_mean",
    "backward_sum",
    "cont_cat_split",
    "days_since",
    "days_until",
    "defaults",
    "doc",
    "error_rate",
    "exp_rmspe",
    "explained_variance",
    "f1",
    "f_score",
    "fbeta",
    "forward_sum",
    "higher_is_better",
    "load_data",
    "load_learner",
    "kappa",
    "mae",
    "matthews",
    "mse",
    "nn",
    "np",
    "precision",
    "r2",
    "recall",
    "rmse",
    "rmspe_scale",
    "roc_auc",
    "tabular_learner",
    "top_k_accuracy",
    "torch",
    "untar_data",
]


def __getattr__(name: str) -> Any:
    return getattr(course, name)
