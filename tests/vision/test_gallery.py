"""The gallery: a picture for each strength, titled by it."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib

matplotlib.use("agg")

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from handlens.errors import DataError
from handlens.vision.gallery import gallery
from handlens.vision.image import Image
from handlens.vision.transform import brightness, crop, dihedral, flip_lr, jitter, rotate, symmetric_warp, zoom

IMAGE = Image(torch.linspace(0.1, 0.9, 3 * 8 * 8).reshape(3, 8, 8))


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def test_strengths_rise_through_the_range_of_the_transform() -> None:
    figure = gallery(brightness, IMAGE)
    assert titles(figure) == [f"change={value}" for value in ("0.4", "0.45", "0.5", "0.55", "0.6")]
    light = [axes.images[0].get_array().mean() for axes in figure.axes]
    assert light == sorted(light)
    assert light[0] < light[-1]
    assert titles(gallery(dihedral, IMAGE)) == [f"k={k}" for k in range(8)]
    assert titles(gallery(symmetric_warp, IMAGE))[::4] == ["magnitude=-0.2", "magnitude=0.2"]


def test_strengths_of_ones_own() -> None:
    assert titles(gallery(rotate, IMAGE, [-30, 0, 30])) == ["degrees=-30", "degrees=0", "degrees=30"]
    figure = gallery(lambda k: crop(k), IMAGE, [2, 4])
    assert [axes.images[0].get_array().shape for axes in figure.axes] == [(2, 2, 3), (4, 4, 3)]
    assert titles(gallery(lambda p: flip_lr(p=p), IMAGE, [0, 1])) == ["flip_lr", "flip_lr"]
    padded = gallery(zoom, IMAGE, [0.5], padding_mode="zeros", size=4)
    assert padded.axes[0].images[0].get_array()[0, 0].tolist() == [0, 0, 0]


def test_what_else_is_drawn_is_the_same_for_all() -> None:
    first, second = (axes.images[0].get_array() for axes in gallery(jitter, IMAGE, [0.1, 0.1]).axes)
    assert (first == second).all()


def test_a_transform_without_a_range_needs_strengths() -> None:
    for maker in (crop, flip_lr):
        with pytest.raises(DataError, match="has no default range"):
            gallery(maker, IMAGE)
    with pytest.raises(DataError, match="must be a function of one number"):
        gallery(rotate, IMAGE, [])
