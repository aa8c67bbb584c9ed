"""Safetensors files of unknown origin: what they say of themselves is checked before memory is allocated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from handlens.io.plain_json import LARGEST, parse_json

if TYPE_CHECKING:
    from torch import Tensor

_BITS = {"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16}
_SMALL = 256 * 2**20
_RATIO = 100
_RANGES = ("_min", "_max")
"""How the names of tensors end that are the ends of a range: these alone may be infinite."""

_METADATA = "__metadata__"


class Outline(NamedTuple):
    """What a file says of one tensor: its shape, and safetensors' name of its type, such as "F32"."""

    shape: list[int]
    dtype: str


class TensorPlace(NamedTuple):
    """Where a tensor lies in a file: its outline, and its first byte."""

    outline: Outline
    start: int


class Head(NamedTuple):
    """What stands at the beginning of a safetensors file.

    Attributes:
        data: its bytes.
        metadata: texts by name.
        places: of the tensors, by name.
    """

    data: bytes
    metadata: dict[str, str]
    places: dict[str, TensorPlace]


def read_head(file: Path) -> Head:
    """The head of a safetensors file that may be larger than memory; no tensor is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: the head is damaged, or the file does not have the size that it describes.
    """
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        first = opened.read(8)
        length = int.from_bytes(first, "little")
        if size < 8 or length > min(size - 8, LARGEST):
            raise ValueError("its header is damaged")
        data = opened.read(length)
    header = parse_json(data)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata is damaged")
    places, end = {}, 0
    for name, entry in header.items():
        outline, end = _checked(name, entry, end)
        places[name] = TensorPlace(outline, 8 + length + entry["data_offsets"][0])
    if 8 + length + end != size:
        raise ValueError(f"its header describes {8 + length + end:,} bytes, and the file has {size:,}")
    return Head(first + data, metadata, places)


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, on the CPU.

    Raises:
        OSError: the file cannot be read.
        ValueError: as of `outlines`, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    with file.open("rb") as opened:
        _header(opened)
        size = os.fstat(opened.fileno()).st_size
        opened.seek(0)
        try:
            return load(opened.read(size))
        except (SafetensorError, KeyError) as error:  # KeyError: of a type that torch has not
            raise ValueError(str(error)) from error


def outlines(file: Path) -> dict[str, Outline]:
    """What a safetensors file says of its tensors, by name; none of them is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, its size is not what it says, it consists of holes, or its tensors are larger than
            the memory of this machine.
    """
    with file.open("rb") as opened:
        return _header(opened)


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Which of some tensors has NaN or infinity, as a clause for an error; None if none has.

    Example:
        >>> import torch
        >>> not_finite({"a": torch.tensor([1.0, float("nan")]), "b_min": torch.tensor(-float("inf"))})
        '1 of 2 numbers of a are not finite'
    """
    import torch

    for name, tensor in tensors.items():
        try:
            bad = torch.isnan(tensor) if name.endswith(_RANGES) else ~torch.isfinite(tensor)
        except NotImplementedError:  # of four bits, which are always finite
            continue
        if bad.any():
            return f"{int(bad.sum()):,} of {tensor.numel():,} numbers of {name} are not finite"
    return None


def _header(opened: BinaryIO) -> dict[str, Outline]:
    state = os.fstat(opened.fileno())
    size = state.st_size
    length = int.from_bytes(opened.read(8), "little")
    if size < 8 or length > min(size - 8, LARGEST):
        raise ValueError("its header is damaged")
    header = parse_json(opened.read(length))
    header.pop(_METADATA, None)
    found, end = {}, 0
    for name, entry in header.items():
        found[name], end = _checked(name, entry, end)
    if 8 + length + end != size:
        raise ValueError(f"its header describes {8 + length + end:,} bytes, and the file has {size:,}")
    # Blocks are not known everywhere.
    if size > _SMALL and size > _RATIO * 512 * getattr(state, "st_blocks", size):
        raise ValueError(f"of the {size:,} bytes that it claims, the disk holds hardly any")
    memory = _memory()
    if memory is not None and size > memory:
        raise ValueError(f"it needs {size / 1e9:,.1f} GB of memory, and this machine has {memory / 1e9:,.1f}")
    return found


def _checked(name: str, entry: Any, end: int) -> tuple[Outline, int]:
    """The outline of a tensor, and the end of the furthest one so far."""
    fits = isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}
    if not fits or not isinstance(entry["dtype"], str) or not _are_sizes(entry["shape"]):
        raise ValueError(f"its header is damaged at the tensor {name[:100]!r}")
    outline, offsets = Outline(entry["shape"], entry["dtype"]), entry["data_offsets"]
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"its header is damaged at the tensor {name[:100]!r}")
    # Of the types that are not listed here, safetensors itself checks the size.
    bits = _BITS.get(outline.dtype)
    if bits is not None and prod(outline.shape) * bits != 8 * (offsets[1] - offsets[0]):
        raise ValueError(f"the tensor {name[:100]!r} has another size than its shape {outline.shape[:8]}")
    return outline, max(end, offsets[1])


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _memory() -> int | None:
    """The memory of this machine in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
