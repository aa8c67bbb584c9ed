"""The pictures of DICOM files, in the window that they ask for; nothing else that the files say is kept."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import PhotoError
from handlens.io.problems import reason_of
from handlens.studio.photo_sources.parts import FilePart, check_pages, check_pixels, write_png

BURNED_IN = "text is burned into the picture"
"""The note of a picture whose file says so."""

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_LARGE = 2**20  # bytes of an element that is read only when it is used


def dicom_pictures(file: Path) -> Generator[FilePart, None, None]:
    """Give the pictures of a DICOM file, a `PartReader`."""
    try:
        import pydicom
    except ImportError as error:
        raise PhotoError("a DICOM file; to use its pictures, pip install 'handlens[dicom]'") from error

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the file says of the patient, which is not used
        try:
            data = pydicom.dcmread(file, defer_size=_LARGE)
            if not any(name in data for name in _PIXELS):
                raise PhotoError("a DICOM file without a picture")
            count = int(data.get("NumberOfFrames") or 1)
            width, height = int(data.Columns), int(data.Rows)
        except PhotoError:
            raise
        except Exception as error:  # of nearly any type
            raise PhotoError(f"a damaged DICOM file ({reason_of(error)})") from error
    check_pages(count)
    check_pixels(width, height)
    note = BURNED_IN if str(data.get("BurnedInAnnotation", "")).strip().upper() == "YES" else ""
    for number in range(count):

        def write(target: Path, number: int = number) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    picture = _windowed(file, data, number)
                except Exception as error:  # of nearly any type
                    raise PhotoError(_missing_library(data) or _not_decoded(error)) from error
            write_png(picture, target)

        yield FilePart(number + 1 if count > 1 else None, None, ".png", write, (number + 1) / count, note)


def _windowed(file: Path, data: Any, number: int) -> Image.Image:
    """A frame in 8 bits: colours as they are, grey in its first window, or from its least to its greatest value."""
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, pixel_array

    stored = pixel_array(file, index=number)  # of the file, so that one frame is read; colours come as RGB
    if data.get("PhotometricInterpretation") == "PALETTE COLOR":
        stored = apply_color_lut(stored, data)
    if stored.ndim == 3:
        top = 255 if stored.dtype == np.uint8 else np.iinfo(stored.dtype).max
        return Image.fromarray(_to_bytes(stored, 0, top))
    values = apply_modality_lut(stored, data)
    if data.get("VOILUTSequence"):
        grey = _to_bytes(apply_voi(values, data), 0, 2 ** int(data.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    elif data.get("WindowCenter") is not None and data.get("WindowWidth") is not None:
        grey = _in_window(values, data)
    else:
        grey = _to_bytes(values, values.min(), values.max())
    return Image.fromarray(255 - grey if data.get("PhotometricInterpretation") == "MONOCHROME1" else grey)


def _in_window(values: NDArray[Any], data: Any) -> NDArray[np.uint8]:
    """Grey in the first window, as DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3 define it."""
    centre, width = (_first(data[key].value) for key in ("WindowCenter", "WindowWidth"))
    function = str(data.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID":
        return _to_bytes(1 / (1 + np.exp(-4 * (values - centre) / width)), 0, 1)
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    return _to_bytes(values, centre - width / 2, centre + width / 2)


def _first(value: Any) -> float:
    """The first of the numbers of an element, or the only one."""
    return float(value if isinstance(value, int | float | str) else value[0])


def _to_bytes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Values from low to high as 0 to 255, clipped; with a window without width, all above it are white."""
    above = values.astype(np.float64) - low
    share = above / (high - low) if high > low else (above > 0).astype(np.float64)
    return np.rint(share.clip(0, 1) * 255).astype(np.uint8)


def _not_decoded(error: Exception) -> str:
    first = reason_of(error).split(". ")[0].splitlines()[0].rstrip(":")
    return f"its picture cannot be decoded ({first})"


def _missing_library(data: Any) -> str:
    """The reason if the pixels are compressed in a way for which pydicom needs a library that is missing, or ""."""
    from pydicom.pixels import get_decoder

    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return ""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return f"it is compressed as {syntax.name}, which pydicom does not decode"
    if decoder.is_available:
        return ""
    needed = ", or ".join(text.partition("requires ")[2] for text in decoder.missing_dependencies)
    return f"it is compressed as {syntax.name}; to decode it, pydicom needs {needed}"
