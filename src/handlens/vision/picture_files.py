"""Pictures that are written for photos: a mask or a heat map of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from handlens.errors import DataError
from handlens.io.files import atomic_write


def one_for_each(files: Sequence[Path | str], places: Sequence[Path | str] | None, option: str) -> list[str]:
    """The places of the pictures, one for each photo.

    Args:
        files: the photos.
        places: where their pictures are to be written.
        option: the argument that named the places, such as "masks".

    Raises:
        DataError: there are more or fewer places than photos, or two are the same.

    Example:
        >>> one_for_each(["a.jpg"], [Path("a.png")], "masks")
        ['a.png']
    """
    found = [str(place) for place in places or []]
    if len(found) != len(files) or len(set(found)) != len(found):
        raise DataError(
            f"{option}= must name a PNG to write for each of the {len(files)} photos, each another one; "
            f"{len(set(found))} arrived: {option}=[Path('{option}', f'{{Path(file).stem}}.png') for file in files]."
        )
    return found


@contextmanager
def made_for(place: Path | str) -> Iterator[IO[bytes]]:
    """A file to write, which is at its place when the block ends, whole or not at all."""
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(Path(place)) as partial, partial.open("wb") as out:
        yield out
