"""How photos, their labels and file names are written in JSON."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError

RUNS = "runs:"
"""What a selection begins with that is written as runs of ids."""

_MOST_BYTES = 5  # of one number


def selected(selection: str, count: int) -> NDArray[np.int64]:
    """The ids in a selection.

    Args:
        selection: base64 of a bitmask: bit i % 8, least significant first, of byte i // 8 is photo i; or what
            `packed_ids` makes.
        count: how many photos there are.

    Returns:
        int64 [n], ascending.

    Raises:
        CollectionError: it is not a selection of `count` photos.

    Example:
        >>> selected("BQI=", 10)
        array([0, 2, 9])
        >>> selected("runs:AgANBQ==", 20)
        array([ 0,  7,  8,  9, 10, 11, 12, 13])
    """
    try:
        data = base64.b64decode(selection.removeprefix(RUNS), validate=True)
    except (binascii.Error, ValueError):
        raise CollectionError("selection must be base64 of a bitmask or of runs; what arrived is not base64.") from None
    if selection.startswith(RUNS):
        return _ids_of_runs(data, count)
    if len(data) != (count + 7) // 8:
        raise CollectionError(
            f"selection must be a bitmask of {(count + 7) // 8} bytes for {count} photos; {len(data)} arrived."
        )
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count:].any():
        raise CollectionError(f"selection must be a bitmask of {count} photos; a bit beyond the {count} is set.")
    return np.flatnonzero(bits[:count])


def packed_ids(ids: NDArray[np.integer], count: int) -> str:
    """A selection that `selected` reads, in the shorter of two forms.

    Runs are numbers of 7 bits a byte, the least significant first, with bit 7 set in all but the last byte (LEB128):
    how many runs there are; for each, twice the photos skipped before it, plus 1 where it is of several photos; then
    the length of each of these, less 2.

    Args:
        ids: of photos, ascending.
        count: how many photos there are.

    Example:
        >>> packed_ids(np.array([0, *range(7, 14)]), 1_000_000)
        'runs:AgANBQ=='
        >>> packed_ids(np.array([0, 2, 9]), 10)
        'BQI='
    """
    first = np.flatnonzero(np.diff(ids, prepend=-2) > 1)
    lengths = np.diff(first, append=len(ids))
    starts = ids[first].astype(np.int64)
    skipped = starts - np.concatenate([[0], (starts + lengths)[:-1]])[: len(starts)]
    several = lengths > 1
    runs = _varints(np.concatenate([[len(first)], 2 * skipped + several, lengths[several] - 2]))
    if len(runs) < (count + 7) // 8:
        return RUNS + base64.b64encode(runs).decode("ascii")
    mask = np.zeros(count, bool)
    mask[ids] = True
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode("ascii")


def packed_values(values: NDArray[np.integer]) -> str:
    """Numbers from −1 on, many of which are alike: base64 of numbers as in `packed_ids`.

    First how many runs of equal numbers there are, then each run's number plus 1, then each run's length.

    Example:
        >>> packed_values(np.array([3, 3, 3, -1]))
        'AgQAAwE='
    """
    first = np.flatnonzero(np.diff(values, prepend=-2) != 0)
    lengths = np.diff(first, append=len(values))
    return base64.b64encode(_varints(np.concatenate([[len(first)], values[first] + 1, lengths]))).decode("ascii")


def _varints(numbers: NDArray[np.integer]) -> bytes:
    """Numbers under 2³⁵ as LEB128."""
    sizes = np.ones(len(numbers), np.int64)
    for i in range(1, _MOST_BYTES):
        sizes += numbers >> (7 * i) > 0
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    for i in range(_MOST_BYTES):
        has = sizes > i
        more = (sizes[has] > i + 1).astype(np.uint8) << 7
        out[(ends - sizes)[has] + i] = (numbers[has] >> (7 * i) & 127).astype(np.uint8) | more
    return out.tobytes()


def _numbers(data: bytes) -> NDArray[np.int64]:
    """The numbers that `_varints` wrote."""
    read = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(read < 128) + 1
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    sizes = ends - starts
    if len(ends) == 0 or ends[-1] != len(read) or sizes.max() > _MOST_BYTES:
        raise CollectionError("selection must have whole numbers of at most 5 bytes after “runs:”; others arrived.")
    found = np.zeros(len(ends), np.int64)
    for i in range(_MOST_BYTES):
        has = sizes > i
        found[has] |= (read[starts[has] + i].astype(np.int64) & 127) << (7 * i)
    return found


def _ids_of_runs(data: bytes, count: int) -> NDArray[np.int64]:
    runs, *_ = found = _numbers(data)
    heads = found[1 : 1 + runs]
    several = heads % 2 == 1
    if len(heads) != runs or len(found) != 1 + runs + several.sum():
        raise CollectionError(f"selection must have as many numbers as its {runs} runs need; {len(found)} arrived.")
    lengths = np.ones(len(heads), np.int64)
    lengths[several] = found[1 + runs :] + 2
    ends = np.cumsum((heads >> 1) + lengths)
    if len(ends) and ends[-1] > count:
        raise CollectionError(f"selection must be of {count} photos; one beyond the {count} is in it.")
    offsets = np.cumsum(lengths) - lengths
    return np.repeat(ends - lengths - offsets, lengths) + np.arange(lengths.sum())


def readable(text: str) -> str:
    """A file's name as text that UTF-8 can hold: bytes that are not valid text become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
