"""Convolution by hand, as a matrix, and drawn: three ways that agree with torch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from handlens.errors import DataError
from handlens.vision.image import Image
from handlens.vision.kernels import KERNELS, apply_kernel, as_matrix, output_size, show_positions

NINE = torch.arange(1.0, 10).view(1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9
TWO = torch.tensor([[1.0, 2], [3, 4]])


def test_by_hand() -> None:
    # 1·1 + 2·2 + 3·4 + 4·5 = 37, and so on
    assert apply_kernel(NINE, TWO).tolist() == [[[37, 47], [67, 77]]]
    assert apply_kernel(NINE[0], TWO).tolist() == [[[37, 47], [67, 77]]]


def test_padding_with_zeros_by_hand() -> None:
    # 0 0 0 0 0     The corner is 4·1, then 3·1 + 4·2, 3·2 + 4·3, 3·3; and with stride 2 every other of them.
    # 0 1 2 3 0
    padded = apply_kernel(NINE, TWO, padding=1)
    assert padded[0, 0].tolist() == [4, 11, 18, 9]
    # The third row of the padded picture is 0 4 5 6 0, the fourth 0 7 8 9 0: 2·4 + 4·7 = 36.
    assert apply_kernel(NINE, TWO, padding=1, stride=2).tolist() == [[[4, 18], [36, 77]]]


def test_padding_by_reflection_by_hand() -> None:
    # 5 4 5 6 5     The corner is 1·5 + 2·4 + 3·2 + 4·1 = 23: the picture mirrored at its outermost pixels.
    # 2 1 2 3 2
    assert apply_kernel(NINE, TWO, padding=1, padding_mode="reflection")[0, 0, 0] == 23
    assert apply_kernel(NINE, TWO, padding=1, padding_mode="reflection").shape == (1, 4, 4)


def test_the_matrix_by_hand() -> None:
    # A picture A…I, the weights 1 2 3 4: P = 1A + 2B + 3D + 4E, then the same one pixel on, and one row on.
    convolution = as_matrix(TWO, (3, 3))
    assert convolution.matrix.to_dense().tolist() == [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]
    assert convolution(NINE).tolist() == [[[37, 47], [67, 77]]]
    assert convolution.entries.shape == (3, 16)
    assert convolution.entries[2].bincount().tolist() == [4, 4, 4, 4]  # each weight is used four times


def test_tied_weights_hold_the_kernel_s_number() -> None:
    kernel = torch.arange(1.0, 37).reshape(2, 3, 3, 2)
    convolution = as_matrix(kernel, (5, 4), stride=2, padding=1)
    row, column, weight = convolution.entries
    dense = convolution.matrix.to_dense()
    assert torch.equal(dense[row, column], kernel.flatten()[weight])
    assert int((dense != 0).sum()) == len(row)


def test_reflection_adds_weights_up() -> None:
    # One row 1 2, padded to 2 1 2 1: weights a b c over 2 1 2 make pixel 1 → b, pixel 2 → a + c.
    kernel = torch.tensor([[10.0, 1, 100]])
    picture = torch.tensor([[[1.0, 2], [1, 2]]])
    convolution = as_matrix(kernel, (2, 2), padding=1, padding_mode="reflection")
    assert convolution.matrix.to_dense()[2].tolist() == [1, 110, 0, 0]
    assert convolution(picture)[0, 1].tolist() == [221, 112]


@pytest.mark.parametrize("padding_mode", ["zeros", "reflection"])
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels=st.integers(1, 3),
    out=st.integers(0, 3),
    stride=st.integers(1, 4),
    padding=st.integers(0, 4),
    seed=st.integers(0, 2**32),
)
def test_three_ways_agree(
    padding_mode: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    channels: int,
    out: int,
    stride: int,
    padding: int,
    seed: int,
) -> None:
    assume(padding_mode == "zeros" or padding < min(size))
    assume(all(side + 2 * padding >= k for side, k in zip(size, kernel, strict=True)))
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(channels, *size, generator=generator)
    weights = torch.randn(*((out, channels) if out else ()), *kernel, generator=generator)
    how: dict[str, Any] = {"stride": stride, "padding": padding, "padding_mode": padding_mode}

    mode = {"zeros": "constant", "reflection": "reflect"}[padding_mode]
    padded = F.pad(picture[None], (padding,) * 4, mode) if padding else picture[None]
    full = weights if out else weights.expand(channels, 1, *kernel)
    expected = F.conv2d(padded, full, stride=stride, groups=1 if out else channels)[0]

    assert tuple(expected.shape[1:]) == output_size(size, weights, **how)
    torch.testing.assert_close(apply_kernel(picture, weights, **how), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(as_matrix(weights, size, **how)(picture), expected, rtol=1e-5, atol=1e-5)


def test_the_lesson_s_kernel() -> None:
    k = torch.tensor([[0.0, -5 / 3, 1], [-5 / 3, -5 / 3, 1], [1.0, 1, 1]]).expand(1, 3, 3, 3) / 6
    t = torch.rand(3, 16, 20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(apply_kernel(t, k), F.conv2d(t[None], k)[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(KERNELS["bottom-right edge"], k[0, 0])
    torch.testing.assert_close(apply_kernel(t, KERNELS["bottom-right edge"]).sum(0, keepdim=True), apply_kernel(t, k))


def test_presets_find_what_they_are_named_for() -> None:
    square = torch.zeros(8, 8)
    square[2:6, 2:6] = 1
    brightest = {
        # Position (y, x) of the result is the middle (y + 1, x + 1) in the picture.
        "top edge": (4, 2),  # the last bright row lies above the dark: bright above
        "left edge": (2, 4),
    }
    top, left = apply_kernel(square, KERNELS["top edge"])[0], apply_kernel(square, KERNELS["left edge"])[0]
    assert top[brightest["top edge"]] == top.max() == 4
    assert top[1, 3] == top.min() == -4
    assert left[brightest["left edge"]] == left.max() == 4
    torch.testing.assert_close(left, top.T)
    flat = torch.full((5, 5), 0.5)
    same, none = [("blur", 0.5), ("sharpen", 0.5), ("emboss", 0.5)], ["top edge", "left edge", "bottom-right edge"]
    for name, level in same:  # their weights add up to 1
        torch.testing.assert_close(apply_kernel(flat, KERNELS[name]), torch.full((1, 3, 3), level))
    for name in none:  # and these to 0
        torch.testing.assert_close(apply_kernel(flat, KERNELS[name]), torch.zeros(1, 3, 3))


def test_of_an_image() -> None:
    image = Image(torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(0)))
    assert apply_kernel(image, KERNELS["blur"], padding=1, padding_mode="reflection").shape == (3, 6, 7)
    torch.testing.assert_close(as_matrix(TWO, (6, 7))(image), apply_kernel(image, TWO))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, "stride must be 1 or more; 0 arrived"),
        ({"padding": -1}, "padding must be 0 or more; -1 arrived"),
        ({"padding_mode": "wrap"}, "must be one of zeros, reflection; 'wrap' arrived"),
        ({"padding": 3, "padding_mode": "reflection"}, "at most 2 to mirror a picture of 3 × 3; 3 arrived"),
        ({"kernel": torch.ones(4, 2)}, "must fit into the padded picture; 4 × 2 and 3 × 3 arrived: add padding"),
        ({"kernel": torch.ones(3)}, r"\[kh, kw\] or \[out, channels, kh, kw\]; \[3\] arrived"),
    ],
)
def test_what_does_not_fit(options: dict[str, Any], message: str) -> None:
    given = {"kernel": TWO, **options}
    with pytest.raises(DataError, match=message):
        apply_kernel(NINE, **given)
    with pytest.raises(DataError, match=message):
        as_matrix(size=(3, 3), **given)


@pytest.mark.parametrize(
    "picture", [torch.zeros(3), torch.zeros(3, 3, dtype=torch.uint8), "a.jpg", torch.zeros(1, 1, 3, 3)]
)
def test_what_is_no_picture(picture: Any) -> None:
    with pytest.raises(DataError, match=r"an Image or a float tensor \[channels, H, W\] or \[H, W\]"):
        apply_kernel(picture, TWO)


def test_channels_that_differ() -> None:
    for run in (
        lambda: apply_kernel(NINE, TWO.expand(1, 3, 2, 2)),
        lambda: as_matrix(TWO.expand(1, 3, 2, 2), (3, 3))(NINE),
    ):
        with pytest.raises(DataError, match=r"it has 3, the picture 1\. kernel\[None, None\].expand\(1, 1, -1, -1\)"):
            run()


def test_a_picture_of_another_size() -> None:
    with pytest.raises(DataError, match=r"for pictures of 4 × 4; \[3, 3\] arrived"):
        as_matrix(TWO, (4, 4))(NINE)


@pytest.fixture
def _no_windows() -> Iterator[None]:
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


def cells(image: Any) -> Tensor:
    return torch.as_tensor(image.get_array())


@pytest.mark.usefixtures("_no_windows")
def test_the_matrix_drawn() -> None:
    figure = as_matrix(TWO, (3, 3)).show()
    kernel, matrix = (cells(ax.get_images()[0]) for ax in figure.axes)
    assert kernel.shape == (2, 2, 3)
    assert matrix.shape == (4, 9, 3)
    assert len(kernel.view(-1, 3).unique(dim=0)) == 4
    # P's row: the four weights' colours at A, B, D and E, and white elsewhere.
    torch.testing.assert_close(matrix[0, [0, 1, 3, 4]], kernel.view(4, 3))
    assert matrix[0, [2, 5, 6, 7, 8]].eq(1).all()
    torch.testing.assert_close(matrix[3, [4, 5, 7, 8]], kernel.view(4, 3))
    assert [text.get_text() for text in figure.axes[1].texts][:4] == ["1", "2", "3", "4"]


@pytest.mark.usefixtures("_no_windows")
def test_weights_that_reflection_brings_together_are_drawn_mixed() -> None:
    figure = as_matrix(torch.ones(1, 3), (1, 3), padding=0).show()
    assert cells(figure.axes[1].get_images()[0]).shape == (1, 3, 3)
    mixed = as_matrix(torch.tensor([[10.0, 1, 100]]), (2, 2), padding=1, padding_mode="reflection").show()
    kernel, matrix = (cells(ax.get_images()[0]) for ax in mixed.axes)
    torch.testing.assert_close(matrix[2, 1], (kernel[0, 0] + kernel[0, 2]) / 2)


@pytest.mark.usefixtures("_no_windows")
def test_a_matrix_too_large_to_draw() -> None:
    with pytest.raises(DataError, match="too large to draw"):
        as_matrix(TWO, (32, 32)).show()


@pytest.mark.usefixtures("_no_windows")
def test_positions_drawn() -> None:
    ax = show_positions(torch.ones(3, 3), (4, 5), stride=2, padding=1)
    assert ax.get_title() == "stride 2, padding 1: 4 × 5 → 2 × 3"
    # The middles of the positions, in cells of the padded picture: rows 1.5 and 3.5, columns 1.5, 3.5 and 5.5.
    middles = torch.as_tensor(ax.collections[0].get_offsets().data)
    assert middles.tolist() == [[1.5, 1.5], [3.5, 1.5], [5.5, 1.5], [1.5, 3.5], [3.5, 3.5], [5.5, 3.5]]
    texts = [text.get_text() for text in ax.texts]
    assert texts[:7] == ["0"] * 7  # the padding's first row
    assert texts[7:14] == ["0", "1", "2", "3", "4", "5", "0"]
    mirrored = show_positions(torch.ones(3, 3), (4, 5), padding=1, padding_mode="reflection")
    assert [text.get_text() for text in mirrored.texts][:7] == ["7", "6", "7", "8", "9", "10", "9"]
    with pytest.raises(DataError, match="too many to draw"):
        show_positions(torch.ones(3, 3), (40, 40))
