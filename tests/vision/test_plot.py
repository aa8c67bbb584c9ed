"""Drawing: what is on the axes afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from handlens.errors import DataError
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment
from handlens.vision.plot import plot_multi, show_image


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_show_image_draws_pictures_and_single_channels() -> None:
    image = Image(torch.rand(3, 4, 5))
    axes = show_image(image, title="a photo")
    assert (axes.images[0].get_array() == image.pixels).all()
    assert axes.get_title() == "a photo"
    assert not axes.axison
    for single in (torch.rand(1, 4, 5), torch.rand(4, 5, requires_grad=True), np.zeros((4, 5))):
        assert show_image(single, figsize=(5, 5)).images[0].get_array().shape == (4, 5)
    assert show_image(torch.rand(3, 4, 5)).images[0].get_array().shape == (4, 5, 3)
    with pytest.raises(DataError, match=r"show_image\(batch\[0\]\)"):
        show_image(torch.rand(2, 3, 4, 5))


def test_show_with_what_lies_on_it() -> None:
    image = Image(torch.rand(3, 8, 8))
    _, (first, *rest) = plt.subplots(1, 4)
    image.show(first, y="cat")
    assert first.get_title() == "cat"
    image.show(rest[0], y=ImageSegment(np.eye(8, dtype=np.uint8)))
    assert len(rest[0].images) == 2
    image.show(rest[1], y=ImagePoints(torch.tensor([[2.5, 3.5], [9.0, 9.0]]), (8, 8)))
    assert rest[1].collections[0].get_offsets().tolist() == [[3.0, 2.0]]  # the pixel's centre; the other is outside
    image.show(rest[2], y=ImageBBox(torch.tensor([[1.0, 2.0, 4.0, 7.0]]), (8, 8), labels=["dog"]))
    assert rest[2].patches[0].get_bbox().bounds == (1.5, 0.5, 5.0, 3.0)
    assert rest[2].texts[0].get_text() == "dog"


def test_plot_multi_calls_for_each_place() -> None:
    places = []
    figure = plot_multi(lambda i, j, ax: places.append((i, j, ax)), 2, 3, figsize=(8, 8))
    assert [place[:2] for place in places] == [(i, j) for i in range(2) for j in range(3)]
    assert [place[2] for place in places] == figure.axes
    assert figure.get_size_inches().tolist() == [8, 8]
    with pytest.raises(DataError, match="0 × 3"):
        plot_multi(lambda *_: None, 0, 3)
