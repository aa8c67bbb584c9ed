"""Giving labels and taking them back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.studio.collection.folder import Folder
from handlens.studio.labels import LabelInfo, LabelState

Ids = Sequence[int] | NDArray[np.integer]


class Labelling(Folder):
    """The labels of the photos; every change is in the log before the method returns."""

    def label(self, ids: Ids, name: str) -> None:
        """Give the photos the label `name`, on disk before this returns; made if it is new."""
        self._log.assign(np.asarray(ids), name)
        self._labels_changed()

    def unlabel(self, ids: Ids) -> None:
        """Take the labels off the photos."""
        self._log.remove(np.asarray(ids))
        self._labels_changed()

    def rename(self, name: str, to: str) -> None:
        """Rename a label; a name in use is refused."""
        self._log.rename(name, to)
        self._labels_changed()

    def merge(self, names: Sequence[str], into: str) -> None:
        """Give the photos of all `names` the label `into`."""
        self._log.merge(names, into)
        self._labels_changed()

    def delete(self, name: str) -> None:
        """Delete a label; its photos become unlabelled."""
        self._log.delete(name)
        self._labels_changed()

    def undo(self) -> bool:
        """Take the latest label change back, also one made before a restart; False when there is none."""
        undone = self._log.undo()
        self._labels_changed()
        return undone

    def redo(self) -> bool:
        """Bring back what undo took; False when there is nothing."""
        redone = self._log.redo()
        self._labels_changed()
        return redone

    @property
    def labels(self) -> pd.Series[str]:
        """Each photo's label by id, missing where none."""
        state = self._log.state
        values = pd.Categorical.from_codes(state.codes, pd.Index(state.names, dtype="str"))
        return pd.Series(values, name="label", index=pd.RangeIndex(len(values), name="id")).astype("str")

    @property
    def label_names(self) -> list[str]:
        """The labels in the order in which they were made."""
        return self._log.names

    @property
    def codes(self) -> NDArray[np.int32]:
        """Each photo's position in `label_names`, −1 where none; int32 [N]."""
        return self._log.codes

    @property
    def label_state(self) -> LabelState:
        """Version, table and codes of the labels at one and the same moment."""
        return self._log.state

    @property
    def label_table(self) -> list[LabelInfo]:
        """Each label with its count and the number of its colour."""
        return self._log.table

    @property
    def label_version(self) -> int:
        """Grows with every change of the labels."""
        return self._log.version

    @property
    def undo_text(self) -> str | None:
        """What undo would take back."""
        return self._log.undo_text

    @property
    def redo_text(self) -> str | None:
        """What redo would bring back."""
        return self._log.redo_text

    def _labels_changed(self) -> None:
        self._tell("labels", version=self._log.version)
