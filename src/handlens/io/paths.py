"""Path: the standard library's, with `ls()` as in the course."""

from __future__ import annotations

import pathlib


class Path(type(pathlib.Path())):  # type: ignore[misc]  # the class for this system
    """A `pathlib.Path` that lists a folder with `ls()`; what is below it, path / "name", is one too.

    Example:
        >>> Path("pets").mkdir()
        >>> (Path("pets") / "1.txt").write_text("a cat")
        5
        >>> [file.name for file in Path("pets").ls()]
        ['1.txt']
    """

    def ls(self) -> list[Path]:
        """What is in this folder, sorted by name.

        Raises:
            OSError: there is no such folder, or it cannot be read.
        """
        return sorted(self.iterdir())
