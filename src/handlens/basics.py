"""`from handlens.basics import *`: what a notebook of the course needs for tensors and networks of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from handlens import course
from handlens.core.bunch import DataBunch
from handlens.core.callbacks import Callback, EarlyStopping, GradientClipping, SaveBest, StopTraining
from handlens.core.checkpoint import Checkpoint
from handlens.core.defaults import defaults
from handlens.core.doc import doc
from handlens.core.interpret import Interpretation
from handlens.core.learner import Learner
from handlens.core.saved import load_learner
from handlens.io.datasets import URLs, untar_data
from handlens.metrics import *  # noqa: F403
from handlens.metrics import __all__ as _metrics

__all__ = [
    *course.NAMES,
    *(name for name in _metrics if name not in course.NAMES),
    "Callback",
    "Checkpoint",
    "DataBunch",
    "EarlyStopping",
    "F",
    "GradientClipping",
    "Interpretation",
    "Learner",
    "SaveBest",
    "StopTraining",
    "URLs",
    "defaults",
    "doc",
    "load_learner",
    "nn",
    "np",
    "torch",
    "untar_data",
]


def __getattr__(name: str) -> Any:
    return getattr(course, name)
