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
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment, open_image
from handlens.vision.plot import plot_multi, show_image

if TYPE_CHECKING:
    from matplotlib import pyplot as plt

__all__ = [
    "F",
    "Image",
    "ImageBBox",
    "ImagePoints",
    "ImageSegment",
    "Path",
    "defaults",
    "doc",
    "nn",
    "np",
    "open_image",
    "plot_multi",
    "plt",
    "show_image",
    "tensor",
    "torch",
]


def __getattr__(name: str) -> Any:
    # Importing matplotlib takes as long as all the rest: only who asks for it waits for it.
    if name == "plt":
        from matplotlib import pyplot

        return pyplot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
