"""What filters ask about, the photos that they mean, and the filters that were saved."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError
from handlens.studio.checks import Checks
from handlens.studio.duplicates import Duplicates
from handlens.studio.filters import MOST_LEVELS, Filter, Mask
from handlens.studio.labels import Labels, LabelState, check_name
from handlens.studio.models.model import BestGuess, Model
from handlens.studio.models.registry import Models
from handlens.studio.origins import LabelChange
from handlens.studio.photos import Photos
from handlens.studio.settings import Settings

MOST_SAVED = 100
"""A collection keeps at most so many filters."""


class Facts:
    """What the conditions of one filter ask about, each thing read when it is first asked for.

    Args:
        photos, labels, models, checks, duplicates: of the collection.
    """

    def __init__(self, photos: Photos, labels: Labels, models: Models, checks: Checks, duplicates: Duplicates) -> None:
        self._photos, self._models, self._checks, self._duplicates = photos, models, checks, duplicates
        self.labels: LabelState = labels.state

    @cached_property
    def predictions(self) -> BestGuess:
        """What the model in use predicts; TrainingError without one."""
        return self._models.best()

    @cached_property
    def disagreement(self) -> Mask:
        """Labelled photos that are predicted to be something else."""
        return self._models.with_model(self._disagreement)

    def _disagreement(self, model: Model) -> Mask:
        codes, scores = self._models.codes(model, self.labels), self._models.scores(model)
        known: Mask = np.asarray(np.isfinite(scores).all(1), bool)
        said = codes[np.nan_to_num(scores).argmax(1)]
        held_out = self._models.held_out(model)
        if held_out is not None:
            code_of = dict(zip(self._models.classes(model), codes.tolist(), strict=True))
            said[held_out.ids] = [code_of[name] for name in held_out.predicted]
            known[held_out.ids] = True
        return np.asarray(known & (self.labels.codes >= 0) & (said != self.labels.codes), bool)

    def given_by(self, wanted: Callable[[LabelChange], bool]) -> Mask:
        """Which photos have a label that was given by a change of this kind."""
        changes, by_change = self.labels.origins
        return np.isin(changes, [number for number, change in by_change.items() if wanted(change)])

    def column(self, name: str) -> pd.Series:
        """A column of the attached CSV, by photo id."""
        attached = self._checks.attached
        if attached is None:
            raise CollectionError(f"no CSV is attached, so there is no column “{name}”. Attach one: “Split by”.")
        if name not in attached.columns:
            have = ", ".join(f"“{known}”" for known in attached.columns)
            raise CollectionError(f"{attached.name} has no column “{name}”. Its columns are: {have}.")
        return attached.table[name]

    @property
    def duplicate_kinds(self) -> NDArray[np.int64]:
        """For each photo its position in "first", "exact", "near", −1 for photos without duplicates."""
        found = self._duplicates.found
        if found is None:
            raise CollectionError(
                "duplicates have not been searched for since photos were prepared. Search for duplicates first."
            )
        kinds = np.full(len(self._photos), -1, np.int64)
        kinds[found.ids] = found.kinds
        return kinds

    @property
    def replaced(self) -> Mask:
        """Which photos have a label that was given before another photo was found in their place."""
        found = np.zeros(len(self._photos), bool)
        changes, by_change = self.labels.origins
        for photo, at in self._photos.register.replaced.items():
            found[photo] = changes[photo] > 0 and by_change[int(changes[photo])].at <= at
        return found

    @property
    def left_out(self) -> Mask:
        """Which photos cannot be used."""
        out = {file.path for file in self._photos.left_out}
        return np.array([path in out for path in self._photos.paths], bool)


class Filtering:
    """Finds the photos that filters mean, and keeps filters by name.

    Args:
        photos, labels, models, checks, duplicates, settings: of the collection.
    """

    def __init__(
        self,
        photos: Photos,
        labels: Labels,
        models: Models,
        checks: Checks,
        duplicates: Duplicates,
        settings: Settings,
    ) -> None:
        self._photos, self._labels, self._models = photos, labels, models
        self._checks, self._duplicates, self._settings = checks, duplicates, settings

    def column(self, name: str) -> pd.Series:
        """A column of the attached CSV, by photo id; CollectionError if there is no such column."""
        return self._facts().column(name)

    def mask(self, wanted: Filter) -> Mask:
        """Which photos a filter means, bool [N] by id; see `Collection.where`."""
        return _checked(wanted).mask(self._facts())

    @property
    def replaced(self) -> Mask:
        """Which photos have a label that was given before another photo was found in their place."""
        return self._facts().replaced

    @property
    def replaced_notice(self) -> list[str]:
        """What to say of the photos of `replaced`, as a sentence, if there are any."""
        photos = np.flatnonzero(self.replaced) if self._photos.register.replaced else np.empty(0, np.int64)
        if not len(photos):
            return []
        count = "1 labelled photo was" if len(photos) == 1 else f"{len(photos):,} labelled photos were"
        return [
            f"{count} replaced by another one under the same name, such as {self._photos.paths[photos[0]]}. The labels "
            "are kept: look whether they are right, and give them again."
        ]

    @property
    def saved(self) -> dict[str, Filter]:
        """The filters that were saved, by name; labels are called as they are now."""
        state, found = self._labels.state, {}
        for name, kept in self._settings.saved_filters.items():
            codes = {label: state.code_of_key(key) for label, key in kept["keys"].items()}
            now = {label: state.names[code] for label, code in codes.items() if code >= 0}
            with suppress(CollectionError):  # somebody edited the file
                found[name] = Filter.from_json(kept["filter"]).with_labels(partial(_looked_up, now))
        return found

    def save(self, name: str, wanted: Filter) -> None:
        """Keep a filter under a name, in place of an earlier one with that name; see `Collection.save_filter`."""
        name = check_name(name, of="the name of a filter")
        wanted = _checked(wanted)
        key_of = {info.name: info.colour for info in self._labels.table}
        keys: dict[str, int] = {}

        def note(label: str) -> str:
            if label in key_of:
                keys[label] = key_of[label]
            return label

        wanted.with_labels(note)
        with self._settings.changing_filters() as kept:
            if name not in kept and len(kept) >= MOST_SAVED:
                raise CollectionError(f"at most {MOST_SAVED} filters are kept. Delete one first.")
            kept[name] = {"filter": wanted.as_json(), "keys": keys}

    def delete(self, name: str) -> None:
        """Forget a saved filter; see `Collection.delete_filter`."""
        with self._settings.changing_filters() as kept:
            if name not in kept:
                raise CollectionError(f"no filter is called “{name}”.")
            del kept[name]

    def _facts(self) -> Facts:
        return Facts(self._photos, self._labels, self._models, self._checks, self._duplicates)


def _checked(wanted: Filter) -> Filter:
    """The filter, if it is one, and within the limits of depth and size."""
    if not isinstance(wanted, Filter):
        raise CollectionError(f"a filter must be made of conditions such as label(…); {wanted!r} arrived.")
    try:
        tree = wanted.as_json()
    except ValueError as error:  # of hundreds of levels
        raise CollectionError(f"a filter must have at most {MOST_LEVELS} levels; many more arrived.") from error
    return Filter.from_json(tree)


def _looked_up(names: dict[str, str], label: str) -> str:
    return names.get(label, label)
