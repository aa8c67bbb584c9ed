"""Pictures: `from handlens.vision import *` gives a notebook what the lesson's cells use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import Flatten
from torch.nn import functional as F

from handlens import course
from handlens.core.bunch import DataBunch
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
    roc_auc,
    top_k_accuracy,
)
from handlens.core.mixup import Mixup
from handlens.core.saved import load_learner
from handlens.io.datasets import URLs, untar_data
from handlens.vision.data import ImageDataBunch
from handlens.vision.download_images import download_images
from handlens.vision.gallery import gallery
from handlens.vision.heatmap import HeatMap, heatmap, heatmaps
from handlens.vision.image import FlowField, Image, ImageBBox, ImagePoints, ImageSegment, open_image
from handlens.vision.interpret import ImageInterpretation
from handlens.vision.items import ImageItemList, PointsItemList, SegmentationItemList
from handlens.vision.kernels import KERNELS, apply_kernel, as_matrix, show_positions
from handlens.vision.label_smoothing import LabelSmoothing
from handlens.vision.layer_grid import show_activations, show_filters
from handlens.vision.layers import MergeLayer, conv_layer, res_block, simple_cnn
from handlens.vision.learner import VisionLearner, create_cnn, unet_learner
from handlens.vision.masks import MaskList, open_mask
from handlens.vision.normalization import imagenet_stats
from handlens.vision.pixel_metrics import dice, pixel_accuracy, point_distance
from handlens.vision.plot import plot_multi, show_image
from handlens.vision.points import PointsList
from handlens.vision.transform import (
    Augment,
    apply_tfms,
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
    rand_pad,
    rand_resize_crop,
    resize,
    rgb_randomize,
    rotate,
    skew,
    squish,
    symmetric_warp,
    tilt,
    zoom,
    zoom_crop,
)
from handlens.vision.verify import verify_images

if TYPE_CHECKING:
    from torchvision import models

__all__ = [
    *course.NAMES,
    "F",
    "KERNELS",
    "Augment",
    "Callback",
    "CategoryList",
    "Checkpoint",
    "DataBunch",
    "EarlyStopping",
    "Flatten",
    "FloatList",
    "FlowField",
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
    "MaskList",
    "MergeLayer",
    "Mixup",
    "MultiCategoryList",
    "PointsItemList",
    "PointsList",
    "SaveBest",
    "SegmentationItemList",
    "StopTraining",
    "URLs",
    "VisionLearner",
    "accuracy",
    "accuracy_multi",
    "apply_kernel",
    "apply_tfms",
    "as_matrix",
    "brightness",
    "contrast",
    "conv_layer",
    "create_cnn",
    "crop",
    "crop_pad",
    "cutout",
    "defaults",
    "dice",
    "dihedral",
    "doc",
    "download_images",
    "error_rate",
    "f1",
    "f_score",
    "kappa",
    "matthews",
    "top_k_accuracy",
    "fbeta",
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
    "open_mask",
    "pad",
    "perspective_warp",
    "pixel_accuracy",
    "plot_multi",
    "point_distance",
    "precision",
    "r2",
    "rand_pad",
    "rand_resize_crop",
    "recall",
    "res_block",
    "resize",
    "rgb_randomize",
    "rmse",
    "roc_auc",
    "rotate",
    "show_activations",
    "show_filters",
    "show_image",
    "show_positions",
    "simple_cnn",
    "skew",
    "squish",
    "symmetric_warp",
    "tilt",
    "torch",
    "unet_learner",
    "untar_data",
    "verify_images",
    "zoom",
    "zoom_crop",
]

Interpretation = ImageInterpretation
"""A shorter name for the same class, which the docs use."""


ClassificationInterpretation = ImageInterpretation
"""Its name in the course."""


def __getattr__(name: str) -> Any:
    # Importing torchvision takes as long as all the rest, so it is imported only when it is used.
    if name == "models":
        from torchvision import models

        return models
    return getattr(course, name)
