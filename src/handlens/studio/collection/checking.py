"""Checking the data and the model: attributes and subgroups, the datasheet, the review of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.core.description import DataDescription, picture_files
from handlens.errors import CollectionError, TrainingError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.attributes import Attached, attached
from handlens.studio.collection.finding import Finding
from handlens.studio.collection.models import NO_MODEL, Models

if TYPE_CHECKING:
    from handlens.audit import Datasheet, Subgroups
    from handlens.studio.reviewing import Review

ATTRIBUTES = "attributes.csv"


class Checking(Finding, Models):
    """Who the model fails, what the photos are, and a person's word against the model's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._attached: tuple[object, Attached] | None = None
        self._review: Review | None = None

    def attach(self, csv: Path | str, *, name: str | None = None) -> Attached:
        """Keep a CSV with the collection, in place of an earlier one: what it says of each photo can split the report.

        One column names the photos, by path or name, and the others are attributes (camera, site, skin tone, …).
        `name` is what the file is called, if not as it is. Raises CollectionError, with a sentence, for a file that
        cannot be read, or names no photo; StorageError if the disk refuses.
        """
        file = Path(csv)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CollectionError(f"csv must be a file that can be read: {file}: {reason_of(error)}.") from error
        found = attached(data, name or file.name, self.paths)
        with self._lock:
            with atomic_write(self.folder / ATTRIBUTES) as partial:
                partial.write_bytes(data)
            self._log.keep("attached", found.name)
            self._attached = None
        return found

    def detach(self) -> None:
        """Remove the attached CSV from the collection; the file that it was read from stays."""
        with self._lock:
            self._log.keep("attached", None)
            (self.folder / ATTRIBUTES).unlink(missing_ok=True)

    @property
    def attached(self) -> Attached | None:
        """The attached CSV, matched with the photos that there are now; None without one."""
        name, file = self._log.kept("attached"), self.folder / ATTRIBUTES
        with self._lock:
            if not isinstance(name, str) or not file.is_file():
                return None
            key = (name, file.stat().st_mtime_ns, len(self.paths))
            if self._attached is None or self._attached[0] != key:
                self._attached = (key, attached(file.read_bytes(), name, self.paths))
            return self._attached[1]

    def subgroups(self, columns: str | Sequence[str], *, metrics: Sequence[str] = ("accuracy",)) -> Subgroups:
        """The accuracy of the model in use by one or several columns of the attached CSV, and their intersections.

        Of labelled photos alone, each predicted by a model that had not seen it, as in `report`; photos without a
        value are a group of their own, "missing". `metrics` as in `handlens.audit.subgroups`. Raises CollectionError
        for a column that is none, TrainingError where there is no such estimate.
        """
        from handlens.audit import subgroups

        given, found = self.attached, self.held_out
        if given is None:
            raise CollectionError("no CSV is attached to this collection. Attach one: “Split by” in the page.")
        wanted = [columns] if isinstance(columns, str) else list(columns)
        unknown = [column for column in wanted if column not in given.columns]
        if unknown or not wanted:
            raise CollectionError(
                f"columns must be among {', '.join(given.columns)}; {', '.join(map(str, unknown)) or 'none'} arrived."
            )
        if self.model is None:
            raise TrainingError(NO_MODEL)
        if found is None:
            raise TrainingError("how the model did on each photo was not kept yet when it was trained. Train again.")
        groups = given.table[wanted].iloc[found.ids].reset_index(drop=True)
        return subgroups(found.truth, found.predicted, groups, metrics=metrics, seed=self.seed)

    def describe(self) -> DataDescription:
        """The photos with their labels so far, for a datasheet."""
        photos = picture_files(self.paths, self.images, self.labels.tolist())
        return DataDescription(parts={"data": photos}, name=self.name)

    def datasheet(self) -> Datasheet:
        """What the photos are: counts, classes, sizes, doubles, cameras, hashes, and what was answered so far.

        Reads every photo's file.
        """
        from handlens.audit import Datasheet

        sheet = Datasheet.from_data(self)
        sheet.answers = self.answers
        return sheet

    @property
    def answers(self) -> dict[str, str]:
        """The datasheet's answers so far, by the key of their question."""
        from handlens.audit import Datasheet

        asked = [*Datasheet(self.name, {}).questions, "notes"]
        kept = {key: self._log.kept(f"datasheet {key}") for key in asked}
        return {key: answer for key, answer in kept.items() if isinstance(answer, str) and answer}

    def answer(self, key: str, text: str) -> None:
        """Answer a question of the datasheet, on disk before this returns; an empty text takes the answer back.

        Raises AuditError if there is no such question.
        """
        from handlens.audit import Datasheet

        sheet = Datasheet(self.name, {})
        sheet.answer(key, text)
        self._log.keep(f"datasheet {key}", sheet.answers.get(key, ""))

    def export_datasheet(self, path: Path | str) -> None:
        """Write `datasheet()` as Markdown, which `handlens audit check` reads."""
        self.datasheet().save(path)

    @property
    def review(self) -> Review:
        """The queue of predictions that wait for a person."""
        from handlens.studio.reviewing import Review

        with self._lock:
            if self._review is None:
                self._review = Review(self, self.folder / "collection.sqlite", self._log)
            return self._review

    def export_review(self, path: Path | str) -> None:
        """Write the log of the review, every entry, as .csv or .jsonl."""
        self.review.export(path)
