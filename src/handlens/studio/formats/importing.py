"""Importing labels: first what it would do, then all of it in one change, or nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError, ImportProblem
from handlens.studio.formats import importer_of
from handlens.studio.formats.archives import unpacked
from handlens.studio.formats.crops import write_crops
from handlens.studio.formats.found import FoundLabels
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.truth import Truths
from handlens.studio.labels import MOST_LABELS, Labels, LabelState, check_name
from handlens.studio.origins import Origin
from handlens.studio.own_files import is_inside
from handlens.studio.photos import Photos

"""A label that came from a file."""

_SHOWN = 5  # examples in the text of a plan


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do, or what it did.

    Attributes:
        title: of the format, such as “CSV”.
        name: of the file or folder.
        matched: DataFrame with columns id, path, label, where and now: a row for each photo to which the file gives
            one label; `where` is its place in the file, and `now` the label that the photo has already, or missing.
        unmatched: DataFrame with columns where, photo, label and reason: what is not used, and why.
        conflicting: DataFrame with columns id, path, labels and where: photos to which the file gives several labels.
            None of these is used.
        respelled: labels that are kept in another form, as white space at the ends is removed: from the file's to the
            collection's.
        choices: what may be chosen, such as {"label_column": ["species", "site"]}; what was chosen comes first.
        version: of the collection's labels that it was made for.
        new_labels: labels that the collection does not have yet.
        imported: how many labels were given, or kept aside; None before that.

    Example:
        >>> from handlens.studio import Collection
        >>> from handlens.studio.builtin import write_builtin
        >>> names = write_builtin("digits", Path("digits"))
        >>> with Collection.create("my-digits", images="digits") as collection:
        ...     rows = [f"{collection.paths[0]},zero", f"{collection.paths[1]},one", "gone.png,one"]
        ...     _ = Path("labels.csv").write_text("\\n".join(["path,label", *rows]))
        ...     plan = collection.plan_import("labels.csv")
        >>> plan.counts["new"], plan.unmatched["reason"].tolist()
        (2, ['no photo has this name'])
    """

    title: str
    name: str
    matched: pd.DataFrame
    unmatched: pd.DataFrame
    conflicting: pd.DataFrame
    respelled: dict[str, str]
    choices: dict[str, list[str]]
    version: int
    new_labels: list[str]
    imported: int | None = None
    found: FoundLabels = field(repr=False, kw_only=True)

    @property
    def new(self) -> pd.DataFrame:
        """The rows of `matched` of photos that have no label."""
        return self.matched[self.matched["now"].isna()]

    @property
    def changes(self) -> pd.DataFrame:
        """The rows of `matched` of photos that have another label, which they keep unless it is to be replaced."""
        return self.matched[self.matched["now"].notna() & (self.matched["now"] != self.matched["label"])]

    @property
    def same(self) -> pd.DataFrame:
        """The rows of `matched` of photos that have the label already."""
        return self.matched[self.matched["now"] == self.matched["label"]]

    @property
    def counts(self) -> dict[str, int]:
        """How many photos are matched, of these new, changes and same, and how many conflicting and unmatched."""
        parts = ("matched", "new", "changes", "same", "conflicting", "unmatched")
        return {part: len(getattr(self, part)) for part in parts}

    def __str__(self) -> str:
        """A few lines for people."""
        n = self.counts
        lines = [f"{self.name} ({self.title}) gives one label to {_photos(n['matched'])}."]
        if self.choices:
            lines.append(f"Chosen: {'; '.join(f'{key} = {_choice(values)}' for key, values in self.choices.items())}.")
        if n["new"]:
            by_label = self.new["label"].value_counts(sort=False)
            most = [
                f"{label} {count:,}" for label, count in by_label.sort_values(ascending=False, kind="stable").items()
            ]
            lines.append(f"Without a label until now: {_photos(n['new'])}: {_listed(most)}.")
        if n["changes"]:
            some = [f"{row.path}: {row.now}, not {row.label}" for row in _first(self.changes)]
            lines.append(
                f"With another label, kept unless it is replaced: {_photos(n['changes'])}: {_some(some, n['changes'])}."
            )
        if n["same"]:
            lines.append(f"With this label already: {_photos(n['same'])}.")
        if n["conflicting"]:
            some = [f"{row.path}: {_listed(row.labels)}" for row in _first(self.conflicting)]
            lines.append(
                f"With several labels in the file, left out: {_photos(n['conflicting'])}: "
                f"{_some(some, n['conflicting'])}."
            )
        if n["unmatched"]:
            some = [_reason(row) for row in _first(self.unmatched)]
            lines.append(f"Not used: {_places(n['unmatched'])}: {_some(some, n['unmatched'])}.")
        # Forms that look the same, as an accent that is a character of its own, are of interest to programs only.
        spaced = {before: after for before, after in self.respelled.items() if normalize("NFC", before) != after}
        if spaced:
            some = [f"{before!r} as {after!r}" for before, after in list(spaced.items())[:_SHOWN]]
            lines.append(f"Kept in another form: {_some(some, len(spaced))}.")
        if self.new_labels:
            lines.append(f"Labels that are new: {_listed(self.new_labels)}.")
        if self.imported is not None:
            lines.append(f"Imported: {_labels(self.imported)}.")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain JSON: counts, choices, and the rows of what is not simply new or the same."""
        tables = ("unmatched", "conflicting", "changes")
        return {
            "name": self.name,
            "format": self.title,
            "choices": self.choices,
            "counts": self.counts,
            "new_labels": self.new_labels,
            "respelled": self.respelled,
            **{table: getattr(self, table).to_dict("records") for table in tables},
            "imported": self.imported,
        }


class Importing:
    """Imports labels into a collection.

    Args:
        photos, labels, truths: of the collection.
    """

    def __init__(self, photos: Photos, labels: Labels, truths: Truths) -> None:
        self._photos, self._labels, self._truths = photos, labels, truths

    def plan(self, path: Path | str, /, *, format: str | None, **choices: str) -> ImportPlan:
        """What importing a file would do; see `Collection.plan_import`."""
        for name in ("self", "path", "photos"):  # which are not choices, but what importers are called with
            if name in choices:
                raise ImportProblem(f"no choice of an import is called {name}.")
        source = Path(os.path.expanduser(path))
        if not source.is_file() and not source.is_dir():  # a pipe or device would never end
            raise ImportProblem(
                f"a file or folder with labels is needed; there is no such file: {_printable(str(path))}."
            )
        names = PhotoNames(self._photos.paths)
        with unpacked(source) as opened:
            found = importer_of(opened.path, format).read(opened.path, names, **choices)
        left_out = pd.DataFrame(opened.left_out, columns=found.problems.columns, dtype=object)
        problems = pd.concat([found.problems, left_out], ignore_index=True)
        return self._planned(dataclasses.replace(found, name=source.name, problems=problems), names)

    def do(
        self, source: ImportPlan | Path | str, /, *, format: str | None, replace: bool, as_truth: bool, **choices: str
    ) -> ImportPlan:
        """Import labels; see `Collection.import_labels`."""
        if isinstance(source, ImportPlan):
            if format is not None or choices:
                raise CollectionError("a plan was made with a format and choices already; give these to plan_import.")
            plan = source
        else:
            plan = self.plan(source, format=format, **choices)
        return self._keep_aside(plan) if as_truth else self._label(plan, replacing=replace)

    def crop(self, source: ImportPlan | Path | str, folder: Path, *, format: str | None, **choices: str) -> FoundLabels:
        """Cut boxes out of the photos; see `Collection.crop_boxes`."""
        images = self._photos.register.images
        if is_inside(folder, images):
            raise CollectionError(
                f"the folder of crops must not be among the photos; {folder} is. They would be new photos of the "
                "collection. Choose another folder."
            )
        plan = source if isinstance(source, ImportPlan) else self.plan(source, format=format, **choices)
        return write_crops(plan.found, PhotoNames(self._photos.paths), self._photos.file, folder)

    def _label(self, plan: ImportPlan, *, replacing: bool) -> ImportPlan:
        while True:
            rows = pd.concat([plan.new, plan.changes]) if replacing else plan.new
            if not len(rows):
                return dataclasses.replace(plan, imported=0)
            groups: list[tuple[NDArray[np.int64], str | None]] = [
                (photos["id"].to_numpy(np.int64), str(label)) for label, photos in rows.groupby("label", sort=False)
            ]
            text = f"import {_labels(len(rows))} from {plan.name}"
            # If a label has changed since the plan was made, it is made again.
            origin = Origin("import", "imported", by=plan.name)
            if self._labels.assign_many(groups, origin=origin, text=text, version=plan.version):
                return dataclasses.replace(plan, imported=len(rows))
            plan = self._planned(plan.found, PhotoNames(self._photos.paths))

    def _keep_aside(self, plan: ImportPlan) -> ImportPlan:
        if not len(plan.matched):
            raise ImportProblem(
                f"{plan.name} must give a label to at least one photo; it gives a label to none of them."
            )
        self._truths.keep(plan.name, plan.matched["id"].tolist(), plan.matched["label"].tolist())
        return dataclasses.replace(plan, imported=len(plan.matched))

    def _planned(self, found: FoundLabels, names: PhotoNames) -> ImportPlan:
        """What the statements of a file mean for the photos and labels that there are now."""
        state, table = self._labels.state, found.labels
        ids, photo_reasons = _for_each(table["photo"], names.find)
        kept, label_reasons = _for_each(table["label"], _kept)
        reasons = np.where(np.array(photo_reasons, object) == "", np.array(label_reasons, object), photo_reasons)
        unused = reasons != ""
        unmatched = table.loc[unused, ["where", "photo", "label"]].assign(reason=reasons[unused])
        problems = found.problems.assign(photo="", label=None)[["where", "photo", "label", "reason"]]
        used = pd.DataFrame(
            {"id": np.array(ids, np.int64), "label": pd.Series(kept, dtype=object), "where": table["where"]}
        )[~unused]
        paths = np.array(self._photos.paths, object)
        different = used.drop_duplicates(["id", "label"])
        several = different["id"].duplicated(keep=False)
        once = different[~several]
        once = once.assign(path=paths[once["id"]], now=state.series.astype(object).to_numpy()[once["id"]])
        spelled = pd.DataFrame({"before": table["label"], "after": pd.Series(kept, dtype=object)})[~unused]
        changed = spelled[spelled["before"] != spelled["after"]].drop_duplicates()
        labels = [str(label) for label in once["label"].unique()]
        new_labels = _new_labels(labels, state, found.name)
        return ImportPlan(
            title=found.title,
            name=_printable(found.name),
            matched=once[["id", "path", "label", "where", "now"]].reset_index(drop=True),
            unmatched=pd.concat([problems, unmatched], ignore_index=True),
            conflicting=_conflicting(different[several], paths),
            respelled=dict(zip(changed["before"], changed["after"], strict=True)),
            choices=found.choices,
            version=state.version,
            new_labels=new_labels,
            found=found,
        )


def _for_each(values: pd.Series, of: Any) -> tuple[list[Any], list[str]]:
    """What a function says of each value, found once for those that are equal: its results and its reasons."""
    known: dict[Any, tuple[Any, str]] = {value: of(value) for value in dict.fromkeys(values.tolist())}
    found = [known[value] for value in values.tolist()]
    return [result for result, _ in found], [reason for _, reason in found]


def _kept(label: str | None) -> tuple[str | None, str]:
    """A label as a collection keeps it, and the reason why it cannot be kept."""
    if not isinstance(label, str) or not label.strip():
        return None, "has no label"
    try:
        return check_name(label, of="its label"), ""
    except CollectionError as error:
        return None, str(error).split(";")[0]


def _new_labels(labels: list[str], state: LabelState, name: str) -> list[str]:
    known = {*state.names}
    new = [label for label in labels if label not in known]
    if len(known) + len(new) > MOST_LABELS:
        raise ImportProblem(
            f"a collection can have at most {MOST_LABELS:,} labels; {name} has {len(new):,} new ones, such as "
            f"{new[0]} and {new[1]}. Are these labels? If another column or field holds the labels, choose it."
        )
    return new


def _conflicting(rows: pd.DataFrame, paths: NDArray[np.object_]) -> pd.DataFrame:
    """A row for each photo, with all of its labels and their places."""
    by_id = rows.groupby("id", sort=True).agg({"label": list, "where": list})
    ids = by_id.index.to_numpy(np.int64)
    return pd.DataFrame(
        {"id": ids, "path": paths[ids], "labels": by_id["label"].to_numpy(), "where": by_id["where"].to_numpy()}
    )


def _printable(name: str) -> str:
    """A name that any text may hold: names of files may have characters that cannot be printed, and halves of some."""
    return "".join(c if c.isprintable() else "�" for c in name.encode("utf-8", "replace").decode())


def _first(table: pd.DataFrame) -> Sequence[Any]:
    return list(table.head(_SHOWN).itertuples())


def _some(shown: Sequence[str], total: int) -> str:
    return "; ".join([*shown, *(["…"] if total > len(shown) else [])])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _choice(values: Sequence[str]) -> str:
    return f"{values[0]} (or {_listed(values[1:])})" if len(values) > 1 else values[0]


def _reason(row: Any) -> str:
    return f"{row.where}, {row.photo}: {row.reason}" if row.photo else f"{row.where}: {row.reason}"


def _photos(n: int) -> str:
    return "1 photo" if n == 1 else f"{n:,} photos"


def _labels(n: int) -> str:
    return "1 label" if n == 1 else f"{n:,} labels"


def _places(n: int) -> str:
    return "1 place" if n == 1 else f"{n:,} places"
