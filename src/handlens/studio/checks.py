"""Checking data and model: attached attributes, subgroups, and the answers of the datasheet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import CollectionError, TrainingError
from handlens.io.checksums import checksum
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.attributes import Attached, match_csv
from handlens.studio.evaluation import Evaluation
from handlens.studio.models.model import NO_MODEL
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.settings import FIRST_NAME, Settings

if TYPE_CHECKING:
    from handlens.audit import Subgroups


class Checks:
    """The attached CSV, the report by its columns, and the datasheet's answers.

    Args:
        photos, models, evaluation, settings: of the collection.
        folder: the collection's folder, where the CSV is kept under a name that holds its checksum.
        seed: of the permutation tests.

    Attributes:
        damage: that the attached CSV is damaged, as a sentence.
    """

    def __init__(
        self,
        photos: Photos,
        models: Models,
        evaluation: Evaluation,
        settings: Settings,
        *,
        folder: Path,
        seed: int,
    ) -> None:
        self._photos, self._models, self._evaluation = photos, models, evaluation
        self._settings, self._seed = settings, seed
        self._folder = folder
        self.damage: list[str] = []
        self._lock = threading.RLock()
        self._attached: tuple[object, Attached] | None = None

    def attach(self, csv: Path | str, *, name: str | None = None) -> Attached:
        """Keep a CSV with the collection; see `Collection.attach`."""
        file = Path(csv)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CollectionError(f"csv must be a file that can be read: {file}: {reason_of(error)}.") from error
        found = match_csv(data, name or file.name, self._photos.paths)
        kept = f"attributes-{checksum(data):08x}.csv"
        with self._lock:
            self._settings.check_in_place()
            with atomic_write(self._folder / kept) as partial:
                partial.write_bytes(data)
            self._settings.attached = (found.name, kept)
            self._remove_others(kept)
            self._attached, self.damage = None, []
        return found

    def detach(self) -> None:
        """Remove the attached CSV from the collection; the file that it was read from stays."""
        with self._lock:
            self._settings.attached = None
            self._remove_others("")
            self.damage = []

    @property
    def attached(self) -> Attached | None:
        """The attached CSV, matched with the photos that there are now; None without one, or if it is damaged."""
        with self._lock:
            found = self._settings.attached
            if found is None:
                return None
            key = (*found, len(self._photos))
            if self._attached is None or self._attached[0] != key:
                data = self._read(found[1])
                if data is None:
                    return None
                self._attached = (key, match_csv(data, found[0], self._photos.paths))
            return self._attached[1]

    def _read(self, name: str) -> bytes | None:
        """The attached CSV; None if it is not the one that was attached."""
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            data = None
        if data is None or (name != FIRST_NAME and name != f"attributes-{checksum(data):08x}.csv"):
            self.damage = ["The attached CSV is damaged or gone. Attach it again."]
            return None
        return data

    def _remove_others(self, name: str) -> None:
        with suppress(OSError):
            for file in self._folder.glob("attributes*.csv"):
                if file.name != name:
                    file.unlink(missing_ok=True)

    def subgroups(self, columns: str | Sequence[str], *, metrics: Sequence[str]) -> Subgroups:
        """The accuracy of the model in use by columns of the attached CSV; see `Collection.subgroups`."""
        from handlens.audit import subgroups

        given, model = self.attached, self._models.in_use
        if given is None:
            raise CollectionError("no CSV is attached to this collection. Attach one: “Split by” in the page.")
        wanted = [columns] if isinstance(columns, str) else list(columns)
        unknown = [column for column in wanted if column not in given.columns]
        if unknown or not wanted:
            raise CollectionError(
                f"columns must be among {', '.join(given.columns)}; {', '.join(map(str, unknown)) or 'none'} arrived."
            )
        if model is None:
            raise TrainingError(NO_MODEL)
        found = self._evaluation.blind_predictions(model)
        if found is None:
            raise TrainingError("how the model did on each photo was not kept yet when it was trained. Train again.")
        truth, predicted, ids = found
        if not len(ids):
            raise TrainingError(
                "nothing is known of photos that the model had not seen: all photos of a label were selected together. "
                "Check random photos, or label more."
            )
        groups = given.table[wanted].iloc[ids].reset_index(drop=True)
        return subgroups(truth, predicted, groups, metrics=metrics, seed=self._seed)

    @property
    def answers(self) -> dict[str, str]:
        """The datasheet's answers so far, by the key of their question."""
        from handlens.audit import Datasheet

        kept = {key: self._settings.answer(key) for key in [*Datasheet("", {}).questions, "notes"]}
        return {key: answer for key, answer in kept.items() if answer}

    def answer(self, key: str, text: str) -> None:
        """Keep the answer to a question of the datasheet; see `Collection.answer`."""
        from handlens.audit import Datasheet

        sheet = Datasheet("", {})
        sheet.answer(key, text)
        self._settings.set_answer(key, sheet.answers.get(key, ""))
