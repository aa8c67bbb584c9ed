"""Pictures: `from handlens.vision import *` gives a notebook what the lesson's cells use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn, tensor
from torch.nn import functional as F

from handlens.core.defaults import defaults
from handlens.core.doc import doc
from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.vision.data import ImageDataBunch
from handlens.vision.download import URLs, untar_data
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment, open_image
from handlens.vision.items import ImageItemList
from handlens.vision.plot import plot_multi, show_image
from handlens.vision.stats import imagenet_stats
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

__all__ = [
    "Augment",
    "CategoryList",
    "F",
    "FloatList",
    "Image",
    "ImageBBox",
    "ImageDataBunch",
    "ImageItemList",
    "ImagePoints",
    "ImageSegment",
    "MultiCategoryList",
    "Path",
    "URLs",
    "brightness",
    "contrast",
    "crop",
    "crop_pad",
    "cutout",
    "defaults",
    "dihedral",
    "doc",
    "flip_lr",
    "get_transforms",
    "imagenet_stats",
    "jitter",
    "nn",
    "np",
    "open_image",
    "pad",
    "perspective_warp",
    "plot_multi",
    "plt",
    "resize",
    "rgb_randomize",
    "rotate",
    "show_image",
    "skew",
    "squish",
    "symmetric_warp",
    "tensor",
    "tilt",
    "torch",
    "untar_data",
    "zoom",
]


def __getattr__(name: str) -> Any:
    # Importing matplotlib takes as long as all the rest: only who asks for it waits for it.
    if name == "plt":
        from matplotlib import pyplot

        return pyplot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
