"""Pictures: `from handlens.vision import *` gives a notebook what the lesson's cells use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn, tensor
from torch.nn import functional as F

from handlens.core.callbacks import Callback, EarlyStopping, GradientClipping, SaveBest, StopTraining
from handlens.core.checkpoint import Checkpoint
from handlens.core.defaults import defaults
from handlens.core.doc import doc
from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.metrics import (
    accuracy,
    accuracy_multi,
    error_rate,
    f1,
    higher_is_better,
    mae,
    mse,
    precision,
    r2,
    recall,
    rmse,
    roc_auc,
)
from handlens.core.saved import load_learner
from handlens.vision.data import ImageDataBunch
from handlens.vision.datasets import URLs, untar_data
from handlens.vision.gallery import gallery
from handlens.vision.heatmap import HeatMap, heatmap, heatmaps
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment, open_image
from handlens.vision.interpret import ImageInterpretation
from handlens.vision.items import ImageItemList
from handlens.vision.kernels import KERNELS, apply_kernel, as_matrix, show_positions
from handlens.vision.label_smoothing import LabelSmoothing
from handlens.vision.layer_grid import show_activations, show_filters
from handlens.vision.learner import VisionLearner, create_cnn
from handlens.vision.mixup import Mixup
from handlens.vision.normalization import imagenet_stats
from handlens.vision.plot import plot_multi, show_image
from handlens.vision.transform import (
    Augment,
    brightness,
    contrast,
    crop,
    crop_pad,
    cutout,
    dihedral,
    flip_lr,
    get_transforms,
    jitter,
    pad,
    perspective_warp,
    resize,
    rgb_randomize,
    rotate,
    skew,
    squish,
    symmetric_warp,
    tilt,
    zoom,
)

if TYPE_CHECKING:
    from matplotlib import pyplot as plt
    from torchvision import models

__all__ = [
    "KERNELS",
    "Augment",
    "Callback",
    "CategoryList",
    "Checkpoint",
    "EarlyStopping",
    "F",
    "FloatList",
    "GradientClipping",
    "HeatMap",
    "Image",
    "ImageBBox",
    "ImageDataBunch",
    "ImageInterpretation",
    "ImageItemList",
    "ImagePoints",
    "ImageSegment",
    "Interpretation",
    "LabelSmoothing",
    "Learner",
    "Mixup",
    "MultiCategoryList",
    "Path",
    "SaveBest",
    "StopTraining",
    "URLs",
    "VisionLearner",
    "accuracy",
    "accuracy_multi",
    "apply_kernel",
    "as_matrix",
    "brightness",
    "contrast",
    "create_cnn",
    "crop",
    "crop_pad",
    "cutout",
    "defaults",
    "dihedral",
    "doc",
    "error_rate",
    "f1",
    "flip_lr",
    "gallery",
    "get_transforms",
    "heatmap",
    "heatmaps",
    "higher_is_better",
    "imagenet_stats",
    "jitter",
    "load_learner",
    "mae",
    "models",
    "mse",
    "nn",
    "np",
    "open_image",
    "pad",
    "perspective_warp",
    "plot_multi",
    "plt",
    "precision",
    "r2",
    "recall",
    "resize",
    "rgb_randomize",
    "rmse",
    "roc_auc",
    "rotate",
    "show_activations",
    "show_filters",
    "show_image",
    "show_positions",
    "skew",
    "squish",
    "symmetric_warp",
    "tensor",
    "tilt",
    "torch",
    "untar_data",
    "zoom",
]

Interpretation = ImageInterpretation
"""A shorter name for the same class, which the docs use."""


def __getattr__(name: str) -> Any:
    # Importing matplotlib or torchvision takes as long as all the rest, so they are imported only when they are used.
    if name == "plt":
        from matplotlib import pyplot

        return pyplot
    if name == "models":
        from torchvision import models

        return models
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
