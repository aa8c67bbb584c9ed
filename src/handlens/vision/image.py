"""Pictures, opened from files of nearly any format, and the targets that can lie on them: masks, points, boxes."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from handlens.core.defaults import defaults
from handlens.core.display import png_of
from handlens.errors import DataError
from handlens.io.deep_pictures import Limits
from handlens.io.pictures import (
    FORMATS,
    LARGEST,
    as_seen,
    check_is_file,
    is_cut_off,
    open_picture,
    orientation_of,
    picture_fault,
    upright,
)
from handlens.vision import jpeg
from handlens.vision.plot import show_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from handlens.vision.transform import Transform

Pixels = NDArray[np.uint8]

MODES = ("RGB", "L")
"""Pictures in colour, and those of one channel."""

UNKNOWN = 255
"""The class of a mask's pixels that were outside of the picture: to be left out of a loss."""

_HEAD = 1 << 16
"""Bytes of a file that are read at first, to see what it is: many photos have no more."""

# Around the reason in the error of a file that cannot be read.
_BEFORE_REASON = "cannot be read as a picture: "
_AFTER_REASON = ". Replace the file or leave it out"


class Image:
    """A picture in colour, or of one channel; it holds a float tensor, 8-bit pixels, or both, and computes the other.

    Args:
        data: float tensor [3, H, W], or [1, H, W] for a picture of one channel, from 0 (black) to 1. Values outside are
            clipped in `pixels`.

    Raises:
        DataError: `data` has another shape or dtype.

    Attributes:
        channels: 3, or 1 for a picture of one channel, whose `pixels` are grey.

    Example:
        >>> image = Image(torch.ones(3, 2, 4) * 0.5)
        >>> image.size
        (2, 4)
        >>> image.pixels[0, 0].tolist()
        [128, 128, 128]
    """

    def __init__(self, data: Tensor) -> None:
        if not (isinstance(data, Tensor) and data.is_floating_point() and data.ndim == 3 and data.shape[0] in (1, 3)):
            raise DataError(
                f"an Image needs a float tensor [3, H, W], or [1, H, W], with values from 0 to 1; {_described(data)} "
                "arrived. "
                "For 8-bit pixels [H, W, 3] use Image.from_pixels."
            )
        if 0 in data.shape:
            raise DataError(f"an Image must have at least one pixel; a tensor {list(data.shape)} arrived.")
        self.channels = data.shape[0]
        self._data: Tensor | None = data.float()
        self._pixels: Pixels | None = None

    @classmethod
    def from_pixels(cls, pixels: Pixels, *, channels: int = 3) -> Self:
        """A picture of 8-bit pixels.

        Args:
            pixels: uint8 [H, W, 3], red, green and blue; they are not copied.
            channels: 1 for a picture of one channel, whose red, green and blue are the same.

        Raises:
            DataError: the array has another type or shape.
        """
        if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3):
            raise DataError(f"pixels must be a uint8 array [H, W, 3]; {_described(pixels)} arrived.")
        if pixels.shape[2] != 3 or 0 in pixels.shape:
            raise DataError(
                f"pixels must be a uint8 array [H, W, 3] with H and W of 1 or more; {pixels.shape} arrived."
            )
        image = cls.__new__(cls)
        image._data, image._pixels, image.channels = None, pixels, channels
        return image

    @property
    def data(self) -> Tensor:
        """Float32 [channels, H, W], 0 to 1."""
        if self._data is None:
            assert self._pixels is not None
            # torch refuses negative strides, such as those of a flipped view.
            pixels = torch.from_numpy(np.ascontiguousarray(self._pixels[..., : self.channels]))
            self._data = pixels.permute(2, 0, 1).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        return self._data

    @property
    def pixels(self) -> Pixels:
        """Uint8 [H, W, 3], rounded to the nearest of the 256 levels."""
        if self._pixels is None:
            assert self._data is not None
            levels = (self._data.detach().nan_to_num() * 255).round_().clamp_(0, 255).expand(3, -1, -1)
            self._pixels = np.ascontiguousarray(levels.byte().permute(1, 2, 0).cpu().numpy())
        return self._pixels

    @property
    def shape(self) -> torch.Size:
        """The shape of `data`: [channels, H, W]."""
        return torch.Size((self.channels, *self.size))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if self._pixels is not None:
            return self._pixels.shape[0], self._pixels.shape[1]
        assert self._data is not None
        return self._data.shape[1], self._data.shape[2]

    def apply_tfms(self, tfms: Sequence[Transform] | None, **options: Any) -> Any:
        """The picture transformed once, see `handlens.vision.transform.apply_tfms`."""
        from handlens.vision.transform import apply_tfms  # which is made of pictures

        return apply_tfms(tfms, self, **options)

    def show(
        self,
        ax: Axes | None = None,
        *,
        y: Any = None,
        figsize: tuple[float, float] = (3, 3),
        title: str | None = None,
        cmap: str | None = None,
    ) -> None:
        """Draw the picture with its label.

        Args:
            ax: where to draw; a new figure unless given.
            y: the label: a mask, points or boxes are drawn on top, anything else is the title.
            figsize: width and height of a new figure in inches.
            title: the title, in place of `y`.
            cmap: matplotlib's name of the colours for a picture of one channel: its darkest pixel gets the first, its
                brightest the last; `defaults.cmap`, unless that is None, or otherwise shades of grey. It does not
                change a picture in colour.
        """
        on_top = isinstance(y, (ImageSegment, ImagePoints, ImageBBox))
        if title is None and y is not None and not on_top:
            title = str(y)
        cmap = cmap or defaults.cmap
        if cmap is not None and self.channels == 1:
            axes = show_image(self.data, ax=ax, figsize=figsize, title=title, cmap=cmap)
        else:
            axes = show_image(self, ax=ax, figsize=figsize, title=title)
        if on_top:
            y.draw(axes, self.size)

    def __repr__(self) -> str:
        return f"Image {self.size[0]}×{self.size[1]}"

    def _repr_png_(self) -> bytes:
        return png_of(self.pixels)


class ImageSegment:
    """A mask: a class for each pixel of a picture; it is transformed with the picture, by nearest neighbours.

    What lies outside of the picture and is padded with "zeros" gets the class 255, for “unknown”, because 0 is a class:
    `nn.CrossEntropyLoss(ignore_index=255)` leaves it out.

    Args:
        data: whole numbers 0 to 255, [H, W] or [1, H, W]; 255 stands for unknown.

    Raises:
        DataError: `data` has another shape, or other values.

    Example:
        >>> mask = ImageSegment(np.array([[0, 1], [2, 1]]))
        >>> mask.data.shape, mask.pixels.dtype
        (torch.Size([1, 2, 2]), dtype('uint8'))
    """

    def __init__(self, data: Tensor | Pixels) -> None:
        classes = data.cpu().numpy() if isinstance(data, Tensor) else np.asarray(data)
        if classes.ndim == 3 and classes.shape[0] == 1:
            classes = classes[0]
        if classes.ndim != 2 or 0 in classes.shape or classes.dtype.kind not in "iub":
            raise DataError(f"a mask must hold whole numbers, [H, W] or [1, H, W]; {_described(data)} arrived.")
        if classes.min() < 0 or classes.max() > 255:
            raise DataError(f"a mask's classes must be 0 to 255; {classes.min()} to {classes.max()} arrived.")
        self.pixels: Pixels = np.ascontiguousarray(classes, np.uint8)

    @property
    def data(self) -> Tensor:
        """Int64 [1, H, W]."""
        return torch.from_numpy(self.pixels).long()[None]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def shape(self) -> torch.Size:
        """The shape of `data`: [1, H, W]."""
        return torch.Size((1, *self.size))

    def show(
        self,
        ax: Axes | None = None,
        *,
        figsize: tuple[float, float] = (3, 3),
        title: str | None = None,
        alpha: float = 1.0,
        cmap: str = "tab20",
    ) -> None:
        """Draw the mask by itself, all of its classes.

        Args:
            ax: where to draw; a new figure unless given.
            figsize: width and height of a new figure in inches.
            title, alpha, cmap: as in matplotlib.
        """
        axes = show_image(self.data, ax=ax, figsize=figsize, title=title, alpha=alpha, cmap=cmap)
        axes.images[-1].set_interpolation("nearest")

    def draw(self, axes: Axes, size: tuple[int, int] | None = None) -> None:
        """Draw the mask half transparent on the axes; class 0 and unknown pixels are not drawn.

        Args:
            axes: where to draw.
            size: height and width of the picture there, which the mask covers; the mask's own unless given.
        """
        height, width = size or self.size
        axes.imshow(
            np.ma.masked_where(np.isin(self.pixels, (0, UNKNOWN)), self.pixels),
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),
            alpha=0.5,
            cmap="tab20",
            interpolation="nearest",
        )

    def __repr__(self) -> str:
        return f"ImageSegment {self.size[0]}×{self.size[1]}"

    def _repr_png_(self) -> bytes:
        from matplotlib import colormaps

        # As `draw` colours it, over white.
        shown = ~np.isin(self.pixels, (0, UNKNOWN))
        classes = self.pixels[shown]
        least, most = (int(classes.min()), int(classes.max())) if len(classes) else (0, 0)
        share = (self.pixels.astype(float) - least) / max(most - least, 1)
        colours = colormaps["tab20"](share, bytes=True)[..., :3]
        return png_of(np.where(shown[..., None], colours, np.uint8(255)))


class FlowField(NamedTuple):
    """Points with the size of their picture, as the course gives them to `ImagePoints`.

    Attributes:
        size: height and width of the picture in pixels.
        flow: [N, 2], or [2] for one point, each (y, x).

    Example:
        >>> ImagePoints(FlowField((4, 6), torch.tensor([1.0, 2.0])))
        ImagePoints 1 on 4×6
    """

    size: tuple[int, int]
    flow: Tensor


class ImagePoints:
    """Points on a picture; they are transformed with the picture, and may move outside of its frame.

    Args:
        data: [N, 2], each (y, x) in pixels from the top left corner of the picture: the centre of the first pixel is
            (0.5, 0.5). Or a `FlowField`, which has the size too.
        size: height and width of the picture in pixels; not with a `FlowField`.
        scale: whether the points of a `FlowField` are in pixels; otherwise they are as in `scaled`.

    Raises:
        DataError: `data` has another shape, or holds values that are not finite; or the size is not known.

    Example:
        >>> points = ImagePoints(np.array([[1.0, 2.0], [9.0, 2.0]]), size=(4, 6))
        >>> points.inside.tolist()
        [True, False]
    """

    def __init__(
        self, data: Tensor | NDArray[Any] | FlowField, size: tuple[int, int] | None = None, *, scale: bool = True
    ) -> None:
        if isinstance(data, FlowField):
            size, points = data.size, torch.as_tensor(data.flow).reshape(-1, 2)
            data = points if scale else (points.double() + 1) * torch.tensor(size) / 2
        if size is None:
            raise DataError("points need the height and width of their picture: ImagePoints(data, size=(h, w)).")
        self.data = _rows(data, 2, "points", "(y, x)")
        self.size = size

    @classmethod
    def from_scaled(cls, scaled: Tensor, size: tuple[int, int]) -> Self:
        """Points from their places in the frame of a picture.

        Args:
            scaled: [N, 2], each (y, x) from −1, the top or left edge, to 1, the bottom or right edge.
            size: height and width of the picture in pixels.

        Example:
            >>> ImagePoints.from_scaled(torch.tensor([[0.0, 1.0]]), (4, 6)).data.tolist()
            [[2.0, 6.0]]
        """
        return cls((scaled.double() + 1) * torch.tensor(size) / 2, size)

    @property
    def scaled(self) -> Tensor:
        """Where the points are in the frame: float32 [N, 2], each (y, x) from −1 to 1 within it."""
        return (self.data.double() * 2 / torch.tensor(self.size) - 1).float()

    @property
    def inside(self) -> Tensor:
        """Which points lie within the frame, bool [N]."""
        return ((self.data >= 0) & (self.data <= torch.tensor(self.size, dtype=torch.float32))).all(dim=1)

    def draw(self, axes: Axes, size: tuple[int, int] | None = None) -> None:
        """Draw the points that lie within the frame.

        Args:
            axes: where to draw.
            size: height and width of the picture there, which is the frame; that of the points unless given.
        """
        scale = torch.tensor(size or self.size) / torch.tensor(self.size)
        shown = self.data[self.inside] * scale - 0.5  # matplotlib's origin is the centre of the first pixel
        axes.scatter(shown[:, 1], shown[:, 0], s=12, c="red", edgecolors="white", linewidths=0.5)

    def __repr__(self) -> str:
        return f"ImagePoints {len(self.data)} on {self.size[0]}×{self.size[1]}"


class ImageBBox:
    """Boxes on a picture; a transformed box is the smallest upright box around its four transformed corners.

    A box is cut off at the frame; a box that lies outside of the frame is dropped, with its label.

    Args:
        data: [N, 4], each (top, left, bottom, right) in pixels from the top left corner of the picture.
        size: height and width of the picture in pixels.
        labels: one for each box; no labels unless given.

    Raises:
        DataError: `data` has another shape, holds values that are not finite, or a bottom above its top.

    Example:
        >>> ImageBBox(np.array([[10, 20, 30, 60]]), size=(100, 100), labels=["car"])
        ImageBBox 1 on 100×100
    """

    def __init__(self, data: Tensor | NDArray[Any], size: tuple[int, int], *, labels: list[Any] | None = None) -> None:
        self.data = _rows(data, 4, "boxes", "(top, left, bottom, right)")
        if (self.data[:, 2:] < self.data[:, :2]).any():
            raise DataError(
                "a box must be (top, left, bottom, right); the bottom or right of one comes before its top or left."
            )
        if labels is not None and len(labels) != len(self.data):
            raise DataError(f"each box must have a label; {len(self.data)} boxes and {len(labels)} labels.")
        self.size = size
        self.labels = labels

    def draw(self, axes: Axes, size: tuple[int, int] | None = None) -> None:
        """Draw the boxes, with their labels.

        Args:
            axes: where to draw.
            size: height and width of the picture there, which is the frame; that of the boxes unless given.
        """
        from matplotlib.patches import Rectangle

        scale = torch.tensor(size or self.size) / torch.tensor(self.size)
        for i, (top, left, bottom, right) in enumerate((self.data * scale.repeat(2)).tolist()):
            corner = (left - 0.5, top - 0.5)
            axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, edgecolor="white", linewidth=2))
            if self.labels is not None:
                axes.text(*corner, str(self.labels[i]), color="white", fontsize=10, va="top", parse_math=False)

    def __repr__(self) -> str:
        return f"ImageBBox {len(self.data)} on {self.size[0]}×{self.size[1]}"


def _rows(data: Tensor | NDArray[Any], width: int, what: str, each: str) -> Tensor:
    rows = torch.as_tensor(data, dtype=torch.float32)
    if rows.ndim != 2 or rows.shape[1] != width or not rows.isfinite().all():
        raise DataError(f"{what} must be finite numbers [N, {width}], each {each}; {_described(data)} arrived.")
    return rows


def _described(value: Any) -> str:
    if isinstance(value, (np.ndarray, Tensor)):
        return f"{value.dtype} {list(value.shape)}"
    return type(value).__name__


# ---------------------------------------------------------------------------------------------- files


def open_image(
    path: Path | str | IO[bytes],
    *,
    at_least: tuple[int, int] | None = None,
    limits: Limits | None = None,
    convert_mode: str = "RGB",
) -> Image:
    """Read a picture from a file as a person sees it: upright by its EXIF orientation, in RGB.

    Of an animation the first frame is read; transparency becomes white; CMYK, palette and 16-bit pictures become 8-bit
    RGB.

    Args:
        path: the file; or an open one, such as `io.BytesIO(data)`, which is read from where it is to its end.
        at_least: the smallest height and width in pixels, of the upright picture, that are enough. A larger JPEG may
            then be decoded at 1/2, 1/4 or 1/8 of its size, which is faster.
        limits: what is black and what is white in a picture of more than 8 bits; its own unless given.
        convert_mode: "RGB", or "L" for one channel, the luma of ITU-R 601: .299 R + .587 G + .114 B.

    Raises:
        DataError: names the file and says why it cannot be read: missing, empty, damaged, truncated, not a picture, or
            too large; or that `path` is of another type.

    Example:
        >>> Pillow.new("RGB", (6, 4), "red").save("red.png")
        >>> open_image("red.png")
        Image 4×6
    """
    if at_least is not None and min(at_least) < 1:
        raise DataError(f"at_least must be a height and width of 1 or more; {at_least} arrived.")
    check_mode(convert_mode)
    if not isinstance(path, Path):
        if hasattr(path, "read"):
            return _opened_from(path, at_least=at_least, limits=limits, convert_mode=convert_mode)
        if not isinstance(path, (str, PathLike)):
            raise DataError(
                "open_image takes a path, or a file that is open to read bytes; "
                f"{type(path).__name__} arrived: of bytes, give io.BytesIO(data)."
            )
        path = Path(path)
    try:
        check_is_file(path)
        pixels = _decoded_jpeg(path, at_least)
        if pixels is None:
            pixels = _decoded(path, at_least, limits)
        if convert_mode == "RGB":
            return Image.from_pixels(pixels)
        grey = np.array(Pillow.fromarray(pixels).convert("L"))
        return Image.from_pixels(np.repeat(grey[..., None], 3, axis=2), channels=1)
    except Exception as error:  # Pillow raises nearly any type on a malformed file
        raise DataError(f"{path} {_BEFORE_REASON}{picture_fault(path, error)}{_AFTER_REASON}.") from error


def _opened_from(file: Any, **options: Any) -> Image:
    """The picture of an open file, by way of a file on the disk: so both are read, and refused, in the same way."""
    data = file.read()
    if not isinstance(data, bytes):
        raise DataError(f"an open file must give bytes, open(path, 'rb'); this one gives {type(data).__name__}.")
    with TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        path.write_bytes(data)
        try:
            return open_image(path, **options)
        except DataError as error:
            reason = why_unreadable(path, error)
            raise DataError(f"the open file {_BEFORE_REASON}{reason}{_AFTER_REASON}.") from error


def check_mode(convert_mode: str) -> str:
    """The mode; raises DataError if it is neither "RGB" nor "L"."""
    if convert_mode not in MODES:
        raise DataError(f"convert_mode must be one of {', '.join(MODES)}; {convert_mode!r} arrived.")
    return convert_mode


def _decoded_jpeg(path: Path, at_least: tuple[int, int] | None) -> Pixels | None:
    """The pixels of an ordinary JPEG that must be decoded at full size; None for other files, which Pillow reads."""
    with open(path, "rb", buffering=0) as file:
        data = file.read(_HEAD)
        if not data.startswith(jpeg.MAGIC):
            return None
        data += file.read()
    header = jpeg.read_header(data)
    count = 0 if header is None else header.height * header.width
    if header is None or count > LARGEST or is_cut_off(count, len(data)):
        return None
    # Half the size may be enough, whatever the orientation: then Pillow decodes at reduced scale.
    sides = header.height, header.width
    if at_least is not None and min(sides) // 2 >= min(at_least) and max(sides) // 2 >= max(at_least):
        return None
    try:
        pixels = jpeg.decoded(data)
    except RuntimeError:
        return None
    if header.has_metadata:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
            orientation = orientation_of(picture)
        if orientation != 1:
            return np.array(upright(Pillow.fromarray(pixels), orientation))
    return pixels


def _decoded(path: Path, at_least: tuple[int, int] | None, limits: Limits | None) -> Pixels:
    with open_picture(path) as picture:
        return np.array(as_seen(picture, at_least=at_least, limits=limits))


def why_unreadable(path: Path | str, error: DataError) -> str:
    """Why `open_image` could not read a file, as a clause without the file's name and a full stop."""
    return str(error).removesuffix(".").removesuffix(_AFTER_REASON).removeprefix(f"{Path(path)} {_BEFORE_REASON}")
