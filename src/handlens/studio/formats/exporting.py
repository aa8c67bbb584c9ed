"""What every format of an export has in common: what it is given, and how it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.predictions import LABEL, PATH, PREDICTED, PROBABILITY
from handlens.errors import Cancelled, CollectionError, PhotoError
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import LABEL_COLUMNS
from handlens.studio.register import file_below
from handlens.studio.scanning import LeftOut

if TYPE_CHECKING:
    from handlens.audit import Datasheet
    from handlens.studio.collection import Collection
    from handlens.studio.filters import Filter

_OWN = ("collection.", "studio.")
"""How the names of the files in a collection's folder begin; what else it is made of is in folders there."""

TIME = "labelled_at"
"""The column with the time at which a label was given, in UTC."""

FACTS = [name for name in LABEL_COLUMNS if name not in (PATH, LABEL)]
"""The columns that say where a label comes from."""

PHOTO_COLUMNS = [*LABEL_COLUMNS, PREDICTED, PROBABILITY]
"""The columns of `Export.photos`."""


@dataclass(frozen=True)
class Export:
    """What an exporter writes.

    Attributes:
        name: of the collection.
        images: the folder of the photos.
        photos: a row for each photo, in the order of ids, with the columns of labels.csv (`labelled_at` holds times in
            UTC), `predicted` and `probability`; missing values without a label, and without a prediction.
        seed: of random choices.
        find_model: gives `model`.
        find_groups: gives the number of a group for each row of `photos`, the same for photos with the same content.
        make_datasheet: gives the datasheet of the photos.
        report: called with the steps that are done and their total; raises Cancelled if the work is to stop.

    Example:
        >>> photos = pd.DataFrame({"path": ["a.png", "b.png"], "label": ["cat", None]})
        >>> Export("pets", Path("photos"), photos.reindex(columns=PHOTO_COLUMNS)).labels
        ['cat']
    """

    name: str
    images: Path
    photos: pd.DataFrame
    seed: int = 0
    find_model: Callable[[], str | None] = lambda: None
    find_groups: Callable[[], NDArray[np.int64]] | None = None
    make_datasheet: Callable[[], Datasheet] | None = None
    report: Callable[[int, int], None] = lambda _done, _total: None

    @cached_property
    def labelled(self) -> pd.DataFrame:
        """The rows of `photos` that have a label."""
        return self.photos[self.photos[LABEL].notna()]

    @cached_property
    def labels(self) -> list[str]:
        """The labels that photos have, sorted."""
        return sorted(set(self.labelled[LABEL]))

    @cached_property
    def model(self) -> str | None:
        """The hash of the model that predicts: SHA-256 of the tensors.safetensors that `export_model` writes.

        None without a model.
        """
        return self.find_model()

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """A number for each row of `photos`, the same for photos with the same content; int64 [n]."""
        return self.find_groups() if self.find_groups else np.arange(len(self.photos))

    @cached_property
    def datasheet(self) -> Datasheet | None:
        """The datasheet of all photos; None where it is not known."""
        return self.make_datasheet() if self.make_datasheet else None

    def read(self, path: str) -> bytes:
        """The file of a photo, unchanged.

        Args:
            path: below the folder of photos.

        Raises:
            PhotoError: it cannot be read; the message is the reason, as a clause.
        """
        try:
            return file_below(self.images, path).read_bytes()
        except OSError as error:
            raise PhotoError(reason_of(error)) from error


class Exporter(Protocol):
    r"""Writes labels in one format; a plugin names one under the entry points `handlens.exporters`.

    Attributes:
        name: what it is asked for by, such as "coco".
        title: what people call it, such as "COCO".
        ending: of the file that it writes, such as ".json"; "" if it writes a folder.

    Example:
        >>> class Lines:
        ...     name, title, ending = "lines", "Lines of text", ".txt"
        ...
        ...     def write(self, export, path):
        ...         rows = zip(export.labelled["path"], export.labelled["label"])
        ...         _ = path.write_text("".join(f"{photo}\t{label}\n" for photo, label in rows), encoding="utf-8")
        ...         return []
        >>> photos = pd.DataFrame({"path": ["a.png", "b.png"], "label": ["cat", None]})
        >>> Lines().write(Export("pets", Path("photos"), photos.reindex(columns=PHOTO_COLUMNS)), Path("labels.txt"))
        []
        >>> Path("labels.txt").read_text(encoding="utf-8")
        'a.png\tcat\n'
    """

    name: str
    title: str
    ending: str

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the file or folder, whole or not at all.

        Args:
            export: what is written.
            path: where.

        Returns:
            The photos that are left out, since they cannot be read.

        Raises:
            Cancelled: `export.report` raised it.
            StorageError: the disk refuses; what was at `path` before stays.
        """
        ...


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        format: the exporter's name.
        labels: how many photos have a label.
        left_out: the photos that are not in it, since they cannot be read.

    Example:
        >>> Exported(Path("labels.csv"), "csv", labels=12).left_out
        []
    """

    path: Path
    format: str
    labels: int
    left_out: list[LeftOut] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"{self.labels:,} labels: {self.path}"
        return f"{text} ({len(self.left_out):,} photos left out)" if self.left_out else text


def times_as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its times as text, ISO 8601 in UTC, whole seconds."""
    codes, times = pd.factorize(table[TIME], use_na_sentinel=False)  # all labels of one change have the same time
    texts = np.array([f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in times], object)
    return table.assign(**{TIME: pd.Series(texts[codes], table.index, "str")})


def labels_table(export: Export) -> pd.DataFrame:
    """The table that labels.csv holds: labelled photos alone, times as text."""
    return times_as_text(export.labelled[LABEL_COLUMNS])


def named_table(export: Export, names: Sequence[str], left_out: Sequence[LeftOut]) -> pd.DataFrame:
    """The table that labels.csv holds beside copies of photos: the `name` of each copy first, without what is left out.

    Args:
        export: what is written.
        names: of the copy of each labelled photo.
        left_out: photos without a copy.
    """
    table = labels_table(export)
    table.insert(0, "name", pd.Series(list(names), table.index, "str"))
    return table[~table[PATH].isin([out.path for out in left_out])]


STEP = 1_000
"""Rows between two looks whether an export is to stop."""


def steps_of(
    export: Export, table: pd.DataFrame, *, first: int = 0, total: int | None = None
) -> Iterator[dict[str, Any]]:
    """As `rows_of`, while `export.report` is told how far it is.

    Args:
        export: that is written.
        table: a part of its photos.
        first: steps that were done before.
        total: all steps; as many as rows unless given.
    """
    for start in range(0, len(table), STEP):
        export.report(first + start, len(table) if total is None else total)
        yield from rows_of(table.iloc[start : start + STEP])


def rows_of(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries of plain values, without those that are missing, times as text."""
    for start in range(0, len(table), STEP):  # objects of Python take ten times the memory of the table
        part = table.iloc[start : start + STEP]
        if TIME in part:
            texts = pd.Series(
                [None if pd.isna(at) else f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in part[TIME]], part.index, dtype=object
            )
            part = part.astype(object).assign(**{TIME: texts})
        for row in part.astype(object).to_dict("records"):
            yield {str(name): value for name, value in row.items() if not pd.isna(value)}


def facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Where the label of a row comes from."""
    return {name: row[name] for name in FACTS if name in row}


def export(
    collection: Collection,
    path: Path | str,
    format: str,
    *,
    where: Filter | None,
    progress: Callable[[int, int], None] | None,
    cancel: threading.Event | None,
) -> Exported:
    """Write the labels of a collection; see `Collection.export`."""
    from handlens.studio.formats import exporter_of

    exporter, target = exporter_of(format), Path(path).expanduser()

    def report(done: int, total: int) -> None:
        if progress:
            progress(done, total)
        if cancel is not None and cancel.is_set():
            raise Cancelled("the export was cancelled; nothing was written.")

    report(0, 1)
    if exporter.ending:
        _check_file(target, collection)
    else:
        _check_folder(target, collection.images)
    given = export_of(collection, where=where, report=report)
    left_out = exporter.write(given, target)
    gone = {one.path for one in left_out} & set(given.labelled[PATH])
    return Exported(target, exporter.name, len(given.labelled) - len(gone), left_out)


def export_of(
    collection: Collection, *, where: Filter | None = None, report: Callable[[int, int], None] = lambda _d, _t: None
) -> Export:
    """What an exporter is given of a collection.

    Args:
        collection: of the photos.
        where: only the photos that this filter means.
        report: as in `Export`.
    """
    parts = collection.parts
    names = {"kind": "origin", "at": TIME, "error": "error_at_most"}
    report(0, 1)

    def step(done: int, total: int) -> bool:
        report(done, total)
        return False

    photos = collection.origins.rename(columns=names)[LABEL_COLUMNS]
    if parts.models.in_use is None:
        said = pd.DataFrame({PREDICTED: pd.Series(dtype="str"), PROBABILITY: pd.Series(dtype="float32")}, photos.index)
    else:
        best = parts.models.best(report=step, what="the export")
        said = pd.DataFrame(
            {
                PREDICTED: pd.Categorical.from_codes(best.codes, pd.Index(best.names, dtype="str")).astype("str"),
                PROBABILITY: best.probability,
            },
            photos.index,
        )
    report(0, 1)
    photos = photos.join(said)
    kept = np.ones(len(photos), bool) if where is None else parts.filtering.mask(where)
    return Export(
        collection.name,
        collection.images,
        photos[kept].reset_index(drop=True),
        seed=collection.seed,
        find_model=lambda: parts.models.content_hash,
        find_groups=lambda: parts.duplicates.groups(report=step)[kept],
        make_datasheet=collection.datasheet,
        report=report,
    )


def _check_file(target: Path, collection: Collection) -> None:
    """Check that a file may be written; no photo, and nothing that the collection is made of, is replaced."""
    resolved = target.resolve()
    if not resolved.exists():
        return
    if resolved.is_relative_to(collection.images):
        if resolved.relative_to(collection.images).as_posix() in set(collection.paths):
            raise CollectionError(
                f"a file of an export must not replace a photo; {target} is one. Choose another name."
            )
    elif resolved.is_relative_to(collection.folder.resolve()):
        inside = resolved.relative_to(collection.folder.resolve())
        if len(inside.parts) == 1 and not inside.name.startswith(_OWN):
            return  # an earlier export
        raise CollectionError(
            f"a file of an export must not replace one of the collection's; {target} is one. Choose another name."
        )


def _check_folder(target: Path, images: Path) -> None:
    """Check that a folder may be written; nothing of a person's is replaced."""
    resolved = target.resolve()
    if resolved == images or images in resolved.parents:
        raise CollectionError(
            f"the folder of an export must not be among the photos; {target} is. Their copies would be new photos of "
            "the collection. Choose another folder."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CollectionError(f"an export needs a new or an empty folder; {target} is there. Choose another name.")
