"""What all labels have in common."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from torch import Tensor

from handlens.core.predictions import predicted_columns, probability_columns
from handlens.errors import DataError
from handlens.io.problems import reason_of

Loss = Callable[[Tensor, Tensor], Tensor]


class LabelList(ABC):
    """Labels of a list of items, encoded as the training labels are.

    Attributes:
        names: what each target is called: the columns they came from, or "label".
        data: the encoded labels, a tensor with a row for each item.
        c: how many numbers a model has to give for an item.
        classes: the classes in the order of their codes; None where labels are numbers.
        loss_func: the loss that fits these labels: (outputs [B, c], targets [B] or [B, c]) → mean over the batch.

    Example:
        >>> from handlens.core.labels import CategoryList
        >>> labels = CategoryList(["dog", "cat", "dog"])
        >>> isinstance(labels, LabelList), labels.classes, labels.data.tolist()
        (True, ['cat', 'dog'], [1, 0, 1])
        >>> labels.new(["cat"]).data.tolist()
        [0]
    """

    names: list[str]
    data: Tensor
    c: int
    classes: list[Any] | None = None
    loss_func: Loss

    task: str | None = None
    """What a model of these labels does, in the hub's names of tasks; classification or regression if it is None."""

    every_item_counts = True
    """Whether each item has a loss; otherwise a batch of items without one, a mask of unknown pixels, is left out."""

    in_batches = False
    """Whether the outputs for a whole dataset are too many to be held at once: metrics then see one batch at a time."""

    @abstractmethod
    def __init__(self, values: Any, **options: Any) -> None:
        """Learn the encoding from the labels of the training items.

        Args:
            values: N labels: a list, array, Series, or a frame with a column for each target.
            options: those of the class.

        Raises:
            DataError: a label is missing or cannot be used.
        """

    def new(self, values: Any) -> Self:
        """Labels of other items, encoded as these are.

        Args:
            values: a list, array or Series, or a frame that has the columns `names`.

        Raises:
            DataError: a column or a label is missing, or a label cannot be encoded in this way.
        """
        table = as_table(values)
        if isinstance(values, pd.DataFrame):
            places = {str(name): place for place, name in enumerate(values.columns)}
            missing = [name for name in self.names if name not in places]
            if missing:
                raise DataError(
                    f"labels must have the columns {self.names}, as the training labels; missing: {missing}."
                )
            table = values.iloc[:, [places[name] for name in self.names]]
        elif not len(table):  # an empty list does not say how many labels each item would have
            table = pd.DataFrame({name: [] for name in self.names}, dtype=float)
        elif table.shape[1] != len(self.names):
            raise DataError(f"each item has {len(self.names)} labels, {self.names}; {table.shape[1]} arrived.")
        other = copy.copy(self)
        other.data = self._encode(table)
        return other

    def take(self, which: Tensor) -> Self:
        """The labels of some of these items, by their positions or a mask."""
        other = copy.copy(self)
        other.data = self.data[which]
        return other

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {', '.join(self.names)}"

    def __getitem__(self, position: int) -> Any:
        """One label in a person's terms; None for an item without a label."""
        row = self.data[position : position + 1] if position >= 0 else self.data[position:][:1]
        missing = row.isnan() if row.is_floating_point() else row < 0
        return None if bool(missing.any()) else self.decode(row)[0]

    def with_item(self, items: Any, position: int) -> tuple[Any, Any]:
        """An item of a dataset with its label: other labels are changed together with their items."""
        return items[position], self[position]

    @abstractmethod
    def _encode(self, table: pd.DataFrame) -> Tensor:
        """Labels in a person's terms, a column a target, as `data` holds them; raises DataError."""

    @abstractmethod
    def blank(self, n: int) -> Self:
        """n items without a label, encoded so that losses and metrics of them are nan."""

    def _filled(self, n: int, value: float) -> Self:
        other = copy.copy(self)
        other.data = self.data.new_full((n, *self.data.shape[1:]), value)
        return other

    @abstractmethod
    def decode(self, data: Tensor) -> list[Any]:
        """Encoded labels in a person's terms."""

    def label_on(self, encoded: Tensor, size: Sequence[int]) -> Any:  # noqa: ARG002 — for labels that depend on it
        """The encoded label of one item, [1, …], in a person's terms.

        Args:
            encoded: the label.
            size: of the item as the model gets it: height and width of a picture.
        """
        return self.decode(encoded)[0]

    def by_target(self, data: Tensor) -> dict[str, Any]:
        """Encoded labels in a person's terms, by the names of the columns that a table of them has."""
        decoded = self.decode(data)
        if len(self.names) == 1:
            return {self.names[0]: decoded}
        return {name: [item[i] for item in decoded] for i, name in enumerate(self.names)}

    def in_rows(self, values: Tensor) -> Tensor:
        """Encoded labels, or predictions, of N items as they are given to people: a row for each item, [N, …]."""
        return values

    def columns(self) -> dict[str, list[Any]]:
        """The labels of these items in a person's terms, a list for each target; None or nan for a missing label."""
        return {name: list(labels) for name, labels in self.by_target(self.data).items()}

    @abstractmethod
    def activate(self, outputs: Tensor) -> Tensor:
        """A model's raw outputs [B, c] as predictions: probabilities of classes, or numbers on the scale of `data`."""

    @abstractmethod
    def decide(self, predictions: Tensor) -> Tensor:
        """Predictions, as `activate` gives them, as encoded labels: the most probable class, the number."""

    def answer(self, predictions: Tensor) -> dict[str, Any]:
        """The prediction of one photo as a server gives it: plain values, named as in `photo_predictions_frame`.

        Args:
            predictions: as `activate` gives them, of one item: [1, …]; on the photo, if labels lie on pictures.
        """
        targets = self.by_target(self.decide(predictions))
        values = [value.item() if isinstance(value, np.generic) else value for (value,) in targets.values()]
        found = dict(zip(predicted_columns(self, list(targets)), values, strict=True))
        if self.classes:
            found |= zip(probability_columns(self.classes), predictions[0].tolist(), strict=True)
        return found

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All but the data, as plain JSON: {"kind": class name, …}."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Set every attribute from a state; may raise KeyError, TypeError, ValueError or DataError."""


def as_table(values: Any) -> pd.DataFrame:
    """Labels as a table with a column a target, whatever list, array, Series or frame they came as."""
    if isinstance(values, pd.DataFrame):
        names = [str(name) for name in values.columns]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise DataError(
                f"targets must have distinct names; {twice[0]!r} arrived more than once: rename or drop columns."
            )
        return values
    if isinstance(values, pd.Series):
        return values.to_frame("label" if values.name is None else values.name)
    if isinstance(values, Tensor):
        values = values.numpy()
    try:
        table = pd.DataFrame(values) if len(values) else pd.DataFrame({"label": []}, dtype=float)
    except UnicodeEncodeError as error:
        raise DataError(
            f"labels must be Unicode text to be saved: {reason_of(error)}. Correct or leave out these."
        ) from error
    table.columns = pd.Index(["label"] if table.shape[1] == 1 else [f"label_{i}" for i in range(table.shape[1])])
    return table


def refuse_missing(missing: np.ndarray, name: str) -> None:
    rows = np.flatnonzero(missing)
    if len(rows):
        raise DataError(
            f"each item must have a label; {len(rows)} of {len(missing)} are missing in {name!r}, the first at "
            f"position {rows[0]}. Drop these rows: df = df[df[{name!r}].notna()]."
        )


def saved_list(state: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(state[key], list):
        raise ValueError(f"{key} are {type(state[key]).__name__}")
    return list(state[key])


def saved_names(state: dict[str, Any]) -> list[str]:
    names = saved_list(state, "names")
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names {names}")
    return names
