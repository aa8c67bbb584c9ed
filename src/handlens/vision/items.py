"""ImageItemList: pictures found in a folder or listed in a table, to be split, labelled and transformed."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.items import FEW, ItemList, SplitItems
from handlens.errors import DataError, TableError
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import LABEL_COLUMNS, is_for_spreadsheets, unguarded
from handlens.io.tables import csv_columns, read_csv
from handlens.io.walking import Entry, walk
from handlens.vision.data import ImageDataBunch, LabelledImages
from handlens.vision.dataset import ImageDataset
from handlens.vision.image import Image, check_mode, open_image
from handlens.vision.masks import MaskList
from handlens.vision.points import PointsList
from handlens.vision.verify import unreadable_images

IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"),
    *(".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".ico"),
)
"""The endings of picture files, in lower case; the case of a file's ending does not matter."""


class ImageItemList(ItemList):
    """Pictures, by the paths of their files.

    Files that cannot be read as pictures are left out when the list is made: a warning names them, and `left_out`
    holds all of them with the reasons. So training does not fail hours later because of one file.

    Attributes:
        items: the paths.
        left_out: (path, reason) of each file that is not used.

    Example:
        >>> from PIL import Image as Pillow
        >>> for name in ("red_1", "red_2", "blue_1"):
        ...     Pillow.new("RGB", (12, 8), name.split("_")[0]).save(f"{name}.png")
        >>> items = ImageItemList.from_folder(".")
        >>> len(items)
        3
        >>> labelled = items.split_none().label_from_re(r"([a-z]+)_")
        >>> labelled.train.y.classes
        ['blue', 'red']
    """

    bunch_class = ImageDataBunch
    labelled_class = LabelledImages

    left_out: list[tuple[Path, str]]

    convert_mode = "RGB"
    """How pictures are read: in colour, or "L" for one channel."""

    @classmethod
    def from_folder(
        cls,
        path: Path | str,
        *,
        recurse: bool = True,
        extensions: Iterable[str] = IMAGE_EXTENSIONS,
        convert_mode: str = "RGB",
    ) -> Self:
        """The pictures in a folder, sorted by their paths; hidden files and folders (a leading dot) are ignored.

        Links to folders are followed, but for those that lead back to a folder that they are in. A warning says which
        folders and links cannot be followed, and whether links lead to one picture twice.

        Args:
            path: the folder; models and exports are saved below it.
            recurse: also those in its subfolders.
            extensions: the endings of files that are pictures, such as (".jpg", ".png"), in any case.
            convert_mode: "RGB", or "L" for one channel, as in `open_image`.

        Raises:
            DataError: there is no such folder, or it holds no picture that can be read.
        """
        root = Path(path)
        if not root.is_dir():
            raise DataError(f"path must be a folder of pictures; there is no folder at {root.absolute()}.")
        endings = (extensions,) if isinstance(extensions, str) else tuple(extensions)
        endings = tuple(f".{ending.lower().lstrip('.')}" for ending in endings)
        found, others, lost = _found(root, endings, recurse)
        if not found:
            inside = f"only {others} other files" if others else "the folder is empty"
            inside = f"{lost[0][0]} is {lost[0][1]}" if lost else inside
            raise DataError(f"{root} holds no pictures; {inside}{'' if recurse else ' (recurse=False)'}.")
        return cls._readable(found, path=root, lost=lost, convert_mode=convert_mode)

    @classmethod
    def from_files(cls, files: Iterable[Path | str], path: Path | str = ".") -> Self:
        """The pictures in a list of files, in its order.

        Args:
            files: their paths; those that are relative begin at the working folder.
            path: the folder that models and exports are saved below.

        Raises:
            DataError: there are no files, one occurs twice, or none can be read.
        """
        found = [Path(file) for file in files]
        if not found:
            raise DataError("files must be paths of pictures; the list is empty: check what it was made from.")
        twice = [file for file, count in Counter(found).items() if count > 1]
        if twice:
            raise DataError(
                f"each picture must be named once; {len(twice)} are named again: {_first(twice)}. With a copy in both "
                "parts of a split the model would seem too good: take the copies out."
            )
        return cls._readable(found, path=Path(path))

    @classmethod
    def from_df(
        cls,
        df: pd.DataFrame,
        path: Path | str,
        *,
        cols: int | str = 0,
        folder: Path | str | None = None,
        suffix: str = "",
        convert_mode: str = "RGB",
    ) -> Self:
        """The pictures that a table names, one in each row; `label_from_df` can label them by its other columns.

        Args:
            df: the table; it is not changed.
            path: the folder that the names are relative to; models and exports are saved below it.
            cols: the column of names, or its position.
            folder: the folder below `path` that holds the pictures.
            suffix: added to each name, such as ".jpg".
            convert_mode: "RGB", or "L" for one channel, as in `open_image`.

        Raises:
            DataError: the column is missing, a name is missing or occurs twice, or a file is missing.
        """
        root = Path(path)
        names = _names(df, cols)
        base = root if folder is None else root / folder
        paths = [base / f"{name}{suffix}" for name in names]
        missing = [file for file in paths if not file.is_file()]
        if missing:
            raise DataError(
                f"each row must name a file; {len(missing)} of {len(paths)} do not exist: {_first(missing)}. "
                "Check path, folder= and suffix=, or drop these rows."
            )
        return cls._readable(paths, path=root, frame=df, convert_mode=convert_mode)

    @classmethod
    def from_csv(
        cls,
        path: Path | str,
        csv_name: str = "labels.csv",
        *,
        cols: int | str = 0,
        folder: Path | str | None = None,
        suffix: str = "",
        convert_mode: str = "RGB",
    ) -> Self:
        """The pictures that a CSV file names, one in each row.

        Args:
            path: the folder that the names are relative to; models and exports are saved below it.
            csv_name: the file, below `path`.
            cols: the column of names, or its position.
            folder: the folder below `path` that holds the pictures.
            suffix: added to each name, such as ".jpg".
            convert_mode: "RGB", or "L" for one channel, as in `open_image`.

        Raises:
            DataError: the CSV or the column is missing, a name is missing or occurs twice, or a picture is missing.
        """
        file = Path(path) / csv_name
        if not file.is_file():
            raise DataError(f"csv_name must be a file below path; there is no file {file.absolute()}.")
        try:
            columns = csv_columns(file)
            name = _column_name(pd.DataFrame(columns=columns), cols)
            # As text: "0001" is a name, and not the number 1.
            ours = columns in (LABEL_COLUMNS, LABEL_COLUMNS[:-1])
            text = {name, "label"} if ours else {name}
            df = read_csv(file, levels={column: pd.Index([], dtype="str") for column in text})
            if ours and is_for_spreadsheets(file):
                df[["path", "label"]] = df[["path", "label"]].map(unguarded, na_action="ignore")
        except TableError as error:
            raise DataError(str(error)) from error
        return cls.from_df(df, path, cols=name, folder=folder, suffix=suffix, convert_mode=convert_mode)

    @classmethod
    def _readable(
        cls,
        paths: list[Path],
        *,
        path: Path,
        frame: pd.DataFrame | None = None,
        lost: Sequence[tuple[Path, str]] = (),
        convert_mode: str = "RGB",
    ) -> Self:
        """The list of the files that can be read as pictures; a warning names the others, and those that are lost."""
        unreadable = unreadable_images(paths)
        bad = {file for file, _ in unreadable}
        left_out = [*lost, *unreadable]
        if left_out:
            named = "; ".join(f"{file} ({reason})" for file, reason in left_out[:FEW])
            more = f"; and {len(left_out) - FEW} more, see .left_out" if len(left_out) > FEW else ""
            if len(bad) == len(paths):
                raise DataError(f"none of the {len(paths)} files can be read as a picture: {named}{more}.")
            of = f"{len(left_out)} of {len(paths) + len(lost)}"
            warnings.warn(f"{of} files cannot be read as pictures and are left out: {named}{more}", stacklevel=3)
        keep = np.array([file not in bad for file in paths], bool)
        items = cls(_array([file for file in paths if file not in bad]), path=path)
        items.frame = None if frame is None else frame[keep]
        items.left_out = left_out
        items.convert_mode = check_mode(convert_mode)
        return items

    def __getitem__(self, position: int) -> Image:
        return open_image(self.items[position], convert_mode=self.convert_mode)

    def processed(self, like: ImageDataset | None = None) -> ImageDataset:  # noqa: ARG002 — there is nothing to fit
        return ImageDataset(self.items, convert_mode=self.convert_mode)

    def split_by_folder(self, train: str = "train", valid: str = "valid") -> SplitItems:
        """Train on the pictures in one folder below the path and hold out those in another.

        Other pictures are left out, and a warning says how many.

        Args:
            train, valid: the names of the two folders.

        Raises:
            DataError: one of the folders has no pictures.
        """
        tops = [_below(self.path, file).parts[0] for file in self.items]
        parts = [self.subset(np.flatnonzero([top == name for top in tops])) for name in (train, valid)]
        for part, name in zip(parts, (train, valid), strict=True):
            if not len(part):
                there = ", ".join(sorted({top for top in tops if top not in (train, valid)})[:FEW]) or "nothing else"
                raise DataError(
                    f"the folder {name!r} below {self.path} must hold pictures; it has no pictures, and beside it are "
                    f"{there}: name the folders, split_by_folder(train=…, valid=…)."
                )
        rest = Counter(top for top in tops if top not in (train, valid))
        if rest:
            named = ", ".join(f"{top} ({count})" for top, count in rest.most_common(FEW))
            warnings.warn(
                f"{rest.total()} pictures are neither in {train} nor in {valid} and are left out: {named}", stacklevel=2
            )
        return SplitItems(*parts)

    def split_by_fname_file(self, file: Path | str) -> SplitItems:
        """Hold out the pictures that a text file names, one in each line, by path (below the list's path) or by name.

        Args:
            file: the text file, by its path or its path below the list's path.

        Raises:
            DataError: there is no such file, or a line names no picture or several pictures.
        """
        source = self.path / file
        try:
            lines = source.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"file must be a text file of picture names; {source} cannot be read: {reason_of(error)}."
            ) from error
        by_name: dict[str, list[int]] = {}
        for i, item in enumerate(self.items):
            for name in {_below(self.path, item).as_posix(), item.name}:
                by_name.setdefault(name, []).append(i)
        named = [Path(line.strip()).as_posix() for line in lines if line.strip()]
        unclear = [name for name in named if len(by_name.get(name, ())) != 1]
        if unclear:
            raise DataError(
                f"each line must name one picture; {len(unclear)} of {len(named)} name no picture or several: "
                f"{_first(unclear)}. Give paths below {self.path}."
            )
        return self.split_by_idx([by_name[name][0] for name in named])


class SegmentationItemList(ImageItemList):
    """Pictures whose labels are masks, a class for each pixel; `label_cls=MaskList` says the same of ImageItemList.

    Example:
        >>> from PIL import Image as Pillow
        >>> for name in ("a", "b"):
        ...     Pillow.new("RGB", (12, 8), "red").save(f"{name}.jpg")
        ...     Pillow.new("L", (12, 8), 1).save(f"{name}_mask.png")
        >>> items = SegmentationItemList.from_folder(".", extensions=[".jpg"]).split_by_idx([1])
        >>> labelled = items.label_from_func(lambda f: f.with_name(f"{f.stem}_mask.png"), classes=["road", "car"])
        >>> labelled.transform(size=4).train[0]
        (Image 4×4, ImageSegment 4×4)
    """

    label_class = MaskList


class PointsItemList(ImageItemList):
    """Pictures whose labels are points on them; `label_cls=PointsList` says the same of ImageItemList.

    Example:
        >>> from PIL import Image as Pillow
        >>> for name in ("a", "b"):
        ...     Pillow.new("RGB", (12, 8), "red").save(f"{name}.png")
        >>> labelled = PointsItemList.from_folder(".").split_by_idx([1]).label_from_func(lambda file: [4, 6])
        >>> labelled.transform(size=4).train[0]
        (Image 4×4, ImagePoints 1 on 4×4)
    """

    label_class = PointsList


def _found(root: Path, endings: tuple[str, ...], recurse: bool) -> tuple[list[Path], int, list[tuple[Path, str]]]:
    """The pictures in a folder, how many other files there are, and what cannot be followed, with its reason."""
    entries = list(walk(root, recurse=recurse))
    pictures = [entry for entry in entries if not entry.problem and entry.path.name.lower().endswith(endings)]
    lost = sorted((root / entry.path, entry.problem) for entry in entries if entry.problem)
    _tell_twice(root, pictures)
    return sorted(root / entry.path for entry in pictures), len(entries) - len(pictures) - len(lost), lost


def _tell_twice(root: Path, pictures: list[Entry]) -> None:
    """Warn of pictures that are found by several paths because links lead to their folder."""
    if not any(entry.linked for entry in pictures):
        return
    ways: dict[Path, list[Path]] = {}
    for entry in sorted(pictures):
        ways.setdefault((root / entry.path).resolve(), []).append(entry.path)
    twice = [paths for paths in ways.values() if len(paths) > 1]
    if twice:
        warnings.warn(
            f"{len(twice)} pictures are found by several paths, because links lead to their folders, such as "
            f"{' and '.join(map(str, twice[0][:2]))}. With one of them in each part of a split the model would seem "
            "too good: split by their names, or take the links away.",
            stacklevel=4,
        )


def _column_name(df: pd.DataFrame, cols: int | str) -> Any:
    if isinstance(cols, Integral) and not isinstance(cols, bool) and cols not in df.columns:
        if not -len(df.columns) <= cols < len(df.columns):
            raise DataError(f"cols must be the position of a column; there are {len(df.columns)}, {cols} arrived.")
        return df.columns[cols]
    if [name == cols for name in df.columns].count(True) != 1:
        raise DataError(f"cols must be the column of names; {cols!r} is not exactly one of {list(df.columns)}.")
    return cols


def _names(df: pd.DataFrame, cols: int | str) -> list[str]:
    if not len(df):
        raise DataError("a table of pictures needs rows; this one is empty: check how it was read or filtered.")
    name = _column_name(df, cols)
    column = df[name]
    empty = np.flatnonzero(column.isna().to_numpy() | (column.astype(str).str.strip() == "").to_numpy(bool))
    if len(empty):
        raise DataError(
            f"each row must name a picture; {len(empty)} of {len(df)} are missing in {name!r}, the first at position "
            f"{empty[0]}. Drop these rows: df = df[df[{name!r}].notna()]."
        )
    names = column.astype(str).tolist()
    twice = [value for value, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"each picture must have one row; {len(twice)} have several in {name!r}: {_first(twice)}. With a copy in "
            "both parts of a split the model would seem too good: join their labels in one row (label_delim=), or "
            f"df = df.drop_duplicates({name!r})."
        )
    return names


def _below(root: Path, file: Path) -> Path:
    return file.relative_to(root) if file.is_relative_to(root) else file


def _array(paths: list[Path]) -> NDArray[Any]:
    array = np.empty(len(paths), object)
    array[:] = paths
    return array


def _first(things: list[Any]) -> str:
    more = f" and {len(things) - FEW} more" if len(things) > FEW else ""
    return ", ".join(str(thing) for thing in things[:FEW]) + more
