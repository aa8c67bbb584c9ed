"""get_transforms: the transforms that suit most photos."""

from __future__ import annotations

from collections.abc import Sequence

from handlens.errors import DataError
from handlens.vision.transform.base import Transform
from handlens.vision.transform.brightness import brightness
from handlens.vision.transform.contrast import contrast
from handlens.vision.transform.crop_pad import crop_pad
from handlens.vision.transform.dihedral import dihedral
from handlens.vision.transform.flip import flip_lr
from handlens.vision.transform.rotate import rotate
from handlens.vision.transform.symmetric_warp import symmetric_warp
from handlens.vision.transform.zoom import zoom

Transforms = list[Transform]


def get_transforms(
    do_flip: bool = True,
    flip_vert: bool = False,
    max_rotate: float = 10.0,
    max_zoom: float = 1.1,
    max_lighting: float = 0.2,
    max_warp: float = 0.2,
    p_affine: float = 0.75,
    p_lighting: float = 0.75,
    xtra_tfms: Sequence[Transform] | None = None,
) -> tuple[Transforms, Transforms]:
    """The transforms for training pictures, and those for all others, which are only cropped in the middle.

    A maximum of 0 (1 for `max_zoom`) leaves its transform out.

    Args:
        do_flip: flip pictures left to right with a probability of 0.5.
        flip_vert: flip and turn them in all eight ways instead, as for pictures taken from above.
        max_rotate: the largest rotation in either direction, in degrees.
        max_zoom: the largest factor of enlargement, anywhere in the picture.
        max_lighting: the largest change of brightness and contrast, from 0 to below 1.
        max_warp: the largest change of perspective, from 0 to below 0.5, see `symmetric_warp`.
        p_affine: the probability of each of rotation, zoom and warp.
        p_lighting: the probability of each of brightness and contrast.
        xtra_tfms: more transforms for training, after these.

    Returns:
        Two lists of transforms, for training and for all other pictures.

    Raises:
        DataError: a maximum or a probability is out of range.

    Example:
        >>> train, valid = get_transforms(max_warp=0, max_lighting=0)
        >>> [tfm.name for tfm in train], [tfm.name for tfm in valid]
        (['crop_pad', 'flip_lr', 'rotate', 'zoom'], ['crop_pad'])
    """
    for name, value, least in (
        *(("max_rotate", max_rotate, 0), ("max_zoom", max_zoom, 1)),
        *(("max_warp", max_warp, 0), ("max_lighting", max_lighting, 0)),
    ):
        if not value >= least:
            raise DataError(f"{name} must be {least} or more; {value!r} arrived.")
    for name, value, limit in (("max_lighting", max_lighting, 1), ("max_warp", max_warp, 0.5)):
        if not value < limit:
            raise DataError(f"{name} must be below {limit}; {value!r} arrived.")
    for name, value in (("p_affine", p_affine), ("p_lighting", p_lighting)):
        if not 0 <= value <= 1:
            raise DataError(f"{name} must be a probability from 0 to 1; {value!r} arrived.")
    anywhere = {"row_pct": (0.0, 1.0), "col_pct": (0.0, 1.0)}
    train = [crop_pad(**anywhere)]  # type: ignore[arg-type]
    if do_flip:
        train.append(dihedral() if flip_vert else flip_lr(p=0.5))
    if max_warp:
        train.append(symmetric_warp((-max_warp, max_warp), p=p_affine))
    if max_rotate:
        train.append(rotate((-max_rotate, max_rotate), p=p_affine))
    if max_zoom > 1:
        train.append(zoom((1.0, max_zoom), row_pct=(0.0, 1.0), col_pct=(0.0, 1.0), p=p_affine))
    if max_lighting:
        train.append(brightness((0.5 * (1 - max_lighting), 0.5 * (1 + max_lighting)), p=p_lighting))
        train.append(contrast((1 - max_lighting, 1 / (1 - max_lighting)), p=p_lighting))
    return [*train, *(xtra_tfms or ())], [crop_pad()]
