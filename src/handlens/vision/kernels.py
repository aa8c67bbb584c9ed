"""Convolution step by step: a kernel applied to a picture, as a product with a sparse matrix, and drawn.

A convolution puts a small kernel at each position of a picture, multiplies the pixels under it by its weights, and adds
up the products. `apply_kernel` does exactly that. `as_matrix` writes the same as one matrix that the flattened picture
is multiplied by: most of its entries are always zero, and the others are the kernel's few weights, repeated. Both agree
with `torch.nn.functional.conv2d`.

A kernel [kh, kw] works on each channel separately; a kernel [out, channels, kh, kw] adds up the channels, once for each
of its `out` results, as in a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from handlens.core.display import shown_once
from handlens.errors import DataError
from handlens.vision.image import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KERNELS: dict[str, Tensor] = {
    "top edge": torch.tensor([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]]),
    "left edge": torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]),
    "bottom-right edge": torch.tensor([[0, -5 / 3, 1], [-5 / 3, -5 / 3, 1], [1, 1, 1]]) / 6,
    "blur": torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "emboss": torch.tensor([[-2.0, -1, 0], [-1, 1, 1], [0, 1, 2]]),
}
"""Kernels to try, by name. The result of an edge kernel is large where the side in its name is brighter than the other
side; the bottom-right edge is the lesson's."""

PADDING_MODES = ("zeros", "reflection")


def apply_kernel(
    picture: Image | Tensor, kernel: Tensor, *, stride: int = 1, padding: int = 0, padding_mode: str = "zeros"
) -> Tensor:
    """Apply a kernel at each position of a picture: multiply and add up.

    Args:
        picture: an Image, or a float tensor [channels, H, W] or [H, W] (one channel).
        kernel: [kh, kw], for each channel separately, or [out, channels, kh, kw].
        stride: the step from one position to the next in pixels; 2 halves the size.
        padding: rows and columns added at each edge, so that the kernel can be centred on the outermost pixels.
        padding_mode: what is added: "zeros", or "reflection", the picture mirrored at its outermost pixels.

    Returns:
        Float [channels or out, h, w], with the size of `output_size`.

    Raises:
        DataError: the shapes do not fit each other, or the kernel is larger than the padded picture.

    Example:
        >>> apply_kernel(torch.arange(1.0, 10).view(3, 3), torch.tensor([[1.0, 2], [3, 4]])).tolist()
        [[[37.0, 47.0], [67.0, 77.0]]]
    """
    pixels = _pixels(picture)
    _check_kernel(kernel, pixels.shape[0])
    size = (pixels.shape[1], pixels.shape[2])
    rows, columns = output_size(size, kernel, stride=stride, padding=padding, padding_mode=padding_mode)
    padded, kernel = _padded(pixels, padding, padding_mode), kernel.to(pixels)
    result = pixels.new_zeros((kernel.shape[0] if kernel.ndim == 4 else pixels.shape[0]), rows, columns)
    for i in range(kernel.shape[-2]):
        for j in range(kernel.shape[-1]):
            # The pixels under the kernel's weight (i, j), at all positions of the kernel at once.
            under = padded[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            under = under[:, :rows, :columns]
            if kernel.ndim == 4:
                result += torch.einsum("oc,chw->ohw", kernel[:, :, i, j], under)
            else:
                result += kernel[i, j] * under
    return result


def output_size(
    size: tuple[int, int], kernel: Tensor, *, stride: int = 1, padding: int = 0, padding_mode: str = "zeros"
) -> tuple[int, int]:
    """Rows and columns of a convolution's result: ⌊(side + 2·padding − kernel) / stride⌋ + 1 each.

    Args:
        size: rows and columns of the picture.
        kernel, stride, padding, padding_mode: as in `apply_kernel`.

    Raises:
        DataError: an argument is out of range, or the kernel is larger than the padded picture.
    """
    if stride < 1:
        raise DataError(f"stride must be 1 or more; {stride} arrived.")
    if padding < 0:
        raise DataError(f"padding must be 0 or more; {padding} arrived.")
    if padding_mode not in PADDING_MODES:
        raise DataError(f"padding_mode must be one of {', '.join(PADDING_MODES)}; {padding_mode!r} arrived.")
    if padding_mode == "reflection" and padding >= min(size):
        raise DataError(
            f"padding must be at most {min(size) - 1} to mirror a picture of {size[0]} × {size[1]}; {padding} arrived."
        )
    room = [side + 2 * padding - kernel.shape[axis] for side, axis in zip(size, (-2, -1), strict=True)]
    if min(room) < 0:
        raise DataError(
            f"the kernel must fit into the padded picture; {kernel.shape[-2]} × {kernel.shape[-1]} and "
            f"{size[0] + 2 * padding} × {size[1] + 2 * padding} arrived: add padding."
        )
    return room[0] // stride + 1, room[1] // stride + 1


@dataclass(frozen=True, eq=False)
class ConvolutionMatrix:
    """A convolution as a matrix; made by `as_matrix`.

    Attributes:
        matrix: sparse [out·h·w, channels·H·W], one row for each number of the result and one column for each pixel.
        entries: int64 [3, n]: for each use of a weight its row, its column, and the position of the weight in the
            flattened kernel. Uses of the same weight are tied: they change together.
        kernel: [kh, kw] or [out, channels, kh, kw].
        size: rows and columns of the picture.
        result_size: rows and columns of the result.

    Example:
        >>> matrix = as_matrix(torch.tensor([[1.0, 1.0]]), (2, 3))
        >>> matrix.matrix.shape, matrix.result_size
        (torch.Size([4, 6]), (2, 2))
    """

    matrix: Tensor
    entries: Tensor
    kernel: Tensor
    size: tuple[int, int]
    result_size: tuple[int, int]

    def __call__(self, picture: Image | Tensor) -> Tensor:
        """The picture convolved: the matrix times the flattened picture.

        Args:
            picture: an Image, or a float tensor [channels, H, W] or [H, W] (one channel), of `size`.

        Returns:
            [channels or out, h, w].

        Raises:
            DataError: the picture has another size or number of channels.
        """
        pixels = _pixels(picture)
        _check_kernel(self.kernel, pixels.shape[0])
        if pixels.shape[1:] != self.size:
            raise DataError(
                f"this matrix is for pictures of {self.size[0]} × {self.size[1]}; {list(pixels.shape[1:])} arrived."
            )
        matrix = self.matrix.to(pixels.dtype)
        if self.kernel.ndim == 4:
            return torch.sparse.mm(matrix, pixels.reshape(-1, 1)).view(-1, *self.result_size)
        return torch.sparse.mm(matrix, pixels.flatten(1).T).T.reshape(-1, *self.result_size)

    def show(self, *, figsize: tuple[float, float] | None = None) -> Figure:
        """Draw the kernel, and beside it the matrix: each weight has one colour wherever it is used.

        Where reflection adds up several weights in one entry, it has the mean of their colours.

        Args:
            figsize: width and height of the figure in inches.

        Raises:
            DataError: the matrix is too large to draw.
        """
        from matplotlib import pyplot as plt

        rows, columns = self.matrix.shape
        if rows * columns > 40_000:
            raise DataError(f"a matrix of {rows} × {columns} is too large to draw; take a picture of 8 × 8 or so.")
        colours = _colours(self.kernel.numel())
        picture = torch.zeros(rows, columns, 3)
        uses = torch.zeros(rows, columns, 1)
        row, column, weight = self.entries
        picture.index_put_((row, column), colours[weight], accumulate=True)
        uses.index_put_((row, column), torch.ones(len(row), 1), accumulate=True)
        picture = torch.where(uses > 0, picture / uses.clamp_min(1), torch.ones(3))

        flat = self.kernel.reshape(-1, self.kernel.shape[-1])  # a kernel of several channels one below the other
        figure, (left, right) = plt.subplots(1, 2, figsize=figsize or (9, 4), width_ratios=(1, 3), layout="constrained")
        left.imshow(colours.view(*flat.shape, 3).numpy())
        _write(left, flat)
        left.set_title("kernel")
        right.imshow(picture.numpy(), aspect="auto" if columns > 4 * rows else "equal")
        if columns <= 30:
            _write(right, self.matrix.to_dense(), where=uses[..., 0] > 0)
        right.set_title(f"as a matrix: {rows} results × {columns} pixels")
        for ax in (left, right):
            ax.set_xticks([])
            ax.set_yticks([])
        return shown_once(figure)


def as_matrix(
    kernel: Tensor, size: tuple[int, int], *, stride: int = 1, padding: int = 0, padding_mode: str = "zeros"
) -> ConvolutionMatrix:
    """The convolution of pictures of one size as a sparse matrix whose weights are tied.

    Args:
        kernel: [kh, kw] for pictures of one channel, or [out, channels, kh, kw].
        size: H and W, the rows and columns of the pictures.
        stride: the step from one position to the next in pixels; 2 halves the size.
        padding: rows and columns added at each edge.
        padding_mode: what is added: "zeros", or "reflection", the picture mirrored at its outermost pixels. With
            reflection, several weights can lie on one pixel near an edge; its entry is their sum.

    Returns:
        A matrix [out · h · w, channels · H · W], to be called with a picture; h and w are those of `output_size`.

    Raises:
        DataError: the kernel has another shape or is larger than the padded picture, or an argument is out of range.

    Example:
        >>> matrix = as_matrix(torch.tensor([[1.0, 2], [3, 4]]), (3, 3))
        >>> matrix.matrix.to_dense()[0].tolist()
        [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]
        >>> matrix(torch.arange(1.0, 10).view(3, 3)).tolist()
        [[[37.0, 47.0], [67.0, 77.0]]]
    """
    _check_kernel(kernel, None)
    rows, columns = output_size(size, kernel, stride=stride, padding=padding, padding_mode=padding_mode)
    out, channels = kernel.shape[:2] if kernel.ndim == 4 else (1, 1)
    kh, kw = kernel.shape[-2:]
    # For each result (o, y, x) and each weight (c, i, j), the pixel that it is multiplied by.
    o, y, x, c, i, j = torch.meshgrid(*(torch.arange(n) for n in (out, rows, columns, channels, kh, kw)), indexing="ij")
    down, inside_down = _source(y * stride + i - padding, size[0], padding_mode)
    across, inside_across = _source(x * stride + j - padding, size[1], padding_mode)
    inside = inside_down & inside_across
    result = (o * rows + y) * columns + x
    pixel = (c * size[0] + down) * size[1] + across
    weight = ((o * channels + c) * kh + i) * kw + j
    entries = torch.stack([part[inside] for part in (result, pixel, weight)])
    shape = (out * rows * columns, channels * size[0] * size[1])
    matrix = torch.sparse_coo_tensor(entries[:2], kernel.flatten()[entries[2]], shape, check_invariants=True)
    return ConvolutionMatrix(matrix.coalesce(), entries, kernel, (size[0], size[1]), (rows, columns))


def show_positions(
    kernel: Tensor,
    size: tuple[int, int],
    *,
    stride: int = 1,
    padding: int = 0,
    padding_mode: str = "zeros",
    ax: Axes | None = None,
) -> Axes:
    """Draw the positions of a kernel on a small picture, with numbered pixels and the padding around them.

    A ring marks the centre of each position; the first position and the next ones to the right and below are outlined.
    A cell of the padding shows 0, or the number of the pixel that it mirrors.

    Args:
        kernel, stride, padding, padding_mode: as in `apply_kernel`.
        size: rows and columns of the picture.
        ax: where to draw; a new figure unless given.

    Returns:
        The axes.

    Raises:
        DataError: as `apply_kernel`, or the picture is too large to draw.

    Example:
        >>> show_positions(KERNELS["blur"], (6, 6), stride=2, padding=1).get_title()
        'stride 2, padding 1: 6 × 6 → 3 × 3'
    """
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    _check_kernel(kernel, None)
    rows, columns = output_size(size, kernel, stride=stride, padding=padding, padding_mode=padding_mode)
    tall, wide = size[0] + 2 * padding, size[1] + 2 * padding
    if tall * wide > 400:
        raise DataError(f"{tall} × {wide} cells are too many to draw; take a picture of 8 × 8 or so.")
    if ax is None:
        _, ax = plt.subplots(figsize=(0.45 * wide, 0.45 * tall + 0.4))
    numbers = torch.arange(1, size[0] * size[1] + 1, dtype=torch.float32).view(1, *size)
    cells = _padded(numbers, padding, padding_mode)[0].int()
    inner = torch.zeros(tall, wide, dtype=torch.bool)
    inner[padding : padding + size[0], padding : padding + size[1]] = True
    ax.imshow((~inner).float().numpy(), cmap="Greys", vmin=0, vmax=8, extent=(0, wide, tall, 0))
    for row in range(tall):
        for column in range(wide):
            grey = "black" if inner[row, column] else "0.55"
            ax.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="0.7", linewidth=0.5))
            ax.text(
                column + 0.5, row + 0.5, str(int(cells[row, column])), ha="center", va="center", color=grey, fontsize=7
            )
    kh, kw = kernel.shape[-2:]
    down, across = torch.arange(rows) * stride, torch.arange(columns) * stride
    middles = torch.cartesian_prod(down + kh / 2, across + kw / 2)
    ax.scatter(middles[:, 1], middles[:, 0], s=130, facecolors="none", edgecolors="tab:red", zorder=3)
    for place, (row, column) in enumerate(((0, 0), (0, 1), (1, 0))):
        if row < rows and column < columns:
            shift = 0.06 * place  # so that the outlines do not hide each other
            corner = (column * stride + shift, row * stride + shift)
            colour = ("tab:red", "tab:blue", "tab:green")[place]
            ax.add_patch(Rectangle(corner, kw, kh, fill=False, edgecolor=colour, linewidth=2, zorder=2))
    ax.set_title(f"stride {stride}, padding {padding}: {size[0]} × {size[1]} → {rows} × {columns}", fontsize="medium")
    ax.set_xlim(-0.15, wide + 0.15)
    ax.set_ylim(tall + 0.15, -0.15)
    ax.set_axis_off()
    return ax


def _pixels(picture: Image | Tensor) -> Tensor:
    pixels = picture.data if isinstance(picture, Image) else picture
    if isinstance(pixels, Tensor) and pixels.ndim == 2:
        pixels = pixels[None]
    if not isinstance(pixels, Tensor) or pixels.ndim != 3 or not pixels.is_floating_point():
        given = f"{pixels.dtype} {list(pixels.shape)}" if isinstance(pixels, Tensor) else type(pixels).__name__
        raise DataError(f"a picture must be an Image or a float tensor [channels, H, W] or [H, W]; {given} arrived.")
    return pixels


def _check_kernel(kernel: Tensor, channels: int | None) -> None:
    """Raise DataError unless `kernel` is a kernel, and fits pictures with these channels if they are known."""
    if kernel.ndim not in (2, 4) or not kernel.numel():
        raise DataError(f"a kernel must be [kh, kw] or [out, channels, kh, kw]; {list(kernel.shape)} arrived.")
    if channels is not None and kernel.ndim == 4 and kernel.shape[1] != channels:
        raise DataError(
            f"the kernel must have the picture's channels; it has {kernel.shape[1]}, the picture {channels}. "
            f"kernel[None, None].expand(1, {channels}, -1, -1) repeats a kernel [kh, kw]."
        )


def _source(positions: Tensor, side: int, padding_mode: str) -> tuple[Tensor, Tensor]:
    """For positions along a side, some beyond its ends, the pixel at each position, and whether there is one."""
    if padding_mode == "zeros":
        return positions.clamp(0, side - 1), (positions >= 0) & (positions < side)
    mirrored = positions.abs()
    mirrored = torch.where(mirrored >= side, 2 * (side - 1) - mirrored, mirrored)
    return mirrored, torch.ones_like(mirrored, dtype=torch.bool)


def _padded(pixels: Tensor, padding: int, padding_mode: str) -> Tensor:
    down, inside_down = _source(torch.arange(-padding, pixels.shape[1] + padding), pixels.shape[1], padding_mode)
    across, inside_across = _source(torch.arange(-padding, pixels.shape[2] + padding), pixels.shape[2], padding_mode)
    inside = (inside_down[:, None] & inside_across).to(pixels.device)
    return torch.where(inside, pixels[:, down[:, None], across], 0)


def _colours(n: int) -> Tensor:
    """n different colours [n, 3], light enough for black numbers on them."""
    from matplotlib import colormaps

    wheel = torch.tensor(colormaps["hsv"]([k / n for k in range(n)]), dtype=torch.float32)[:, :3]
    return 0.45 * wheel + 0.55


def _write(ax: Axes, numbers: Tensor, *, where: Tensor | None = None) -> None:
    """Write the numbers into their cells."""
    for row in range(numbers.shape[0]):
        for column in range(numbers.shape[1]):
            if where is None or where[row, column]:
                ax.text(column, row, f"{float(numbers[row, column]):.3g}", ha="center", va="center", fontsize=7)
