"""Data augmentation: geometric transforms composed into one map and resampled once, lighting in logits."""

from __future__ import annotations

from handlens.vision.transform.augment import Augment
from handlens.vision.transform.base import Transform
from handlens.vision.transform.brightness import brightness
from handlens.vision.transform.combined import apply_tfms, rand_pad, rand_resize_crop, zoom_crop
from handlens.vision.transform.contrast import contrast
from handlens.vision.transform.crop import crop
from handlens.vision.transform.crop_pad import crop_pad
from handlens.vision.transform.cutout import cutout
from handlens.vision.transform.dihedral import dihedral
from handlens.vision.transform.flip import flip_lr
from handlens.vision.transform.jitter import jitter
from handlens.vision.transform.pad import pad
from handlens.vision.transform.perspective_warp import perspective_warp
from handlens.vision.transform.presets import get_transforms
from handlens.vision.transform.resize import resize
from handlens.vision.transform.rgb_randomize import rgb_randomize
from handlens.vision.transform.rotate import rotate
from handlens.vision.transform.skew import skew
from handlens.vision.transform.squish import squish
from handlens.vision.transform.symmetric_warp import symmetric_warp
from handlens.vision.transform.tilt import tilt
from handlens.vision.transform.zoom import zoom

__all__ = [
    "Augment",
    "Transform",
    "apply_tfms",
    "brightness",
    "contrast",
    "crop",
    "crop_pad",
    "cutout",
    "dihedral",
    "flip_lr",
    "get_transforms",
    "jitter",
    "pad",
    "perspective_warp",
    "rand_pad",
    "rand_resize_crop",
    "resize",
    "rgb_randomize",
    "rotate",
    "skew",
    "squish",
    "symmetric_warp",
    "tilt",
    "zoom",
    "zoom_crop",
]
