"""Labels that are classes: one an item, or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.core.checks import listed
from handlens.core.labels.base import LabelList, as_table, refuse_missing, saved_list, saved_names
from handlens.core.predictions import PREDICTED, PROBABILITY
from handlens.errors import DataError
from handlens.io.problems import reason_of

NO_CLASS = -100
"""The code of an item without a class, which cross-entropy leaves out."""

_TWO = "['no', 'yes']"


class Category(NamedTuple):
    """One class: its name, and its code as `int(category)`.

    Example:
        >>> label = CategoryList(["cat", "dog"]).decode(torch.tensor([1]))[0]
        >>> str(label), int(label)
        ('dog', 1)
    """

    name: Any
    code: int

    @property
    def obj(self) -> Any:
        """The name, as the course calls it."""
        return self.name

    @property
    def data(self) -> Tensor:
        """The code as a tensor, [], as the course has it."""
        return torch.tensor(self.code)

    def __int__(self) -> int:
        return self.code

    def __str__(self) -> str:
        return str(self.name)

    def __repr__(self) -> str:
        return f"Category {self.name}"


class MultiCategory(list[str]):
    """The classes of one item: a list of names, which as text stand side by side.

    Args:
        names: of the classes.
        data: 1.0 for each class of the labels that the item has, [classes].

    Example:
        >>> label = MultiCategory(["clear", "water"], torch.tensor([1.0, 0.0, 1.0]))
        >>> str(label), label == ["clear", "water"], label.data.tolist()
        ('clear;water', True, [1.0, 0.0, 1.0])
    """

    def __init__(self, names: Sequence[str], data: Tensor) -> None:
        super().__init__(names)
        self.data = data

    @property
    def obj(self) -> list[str]:
        """The names, as the course calls them."""
        return list(self)

    def __str__(self) -> str:
        return ";".join(map(str, self))


class CategoryList(LabelList):
    """Each item has one class; a model gives a score for each class and is trained with cross-entropy.

    Args:
        values: text, whole numbers or booleans, one for each item, none missing.
        classes: all classes in the order of their codes; the distinct values, sorted, unless given. Categories of
            a pandas column keep their own order.

    Raises:
        DataError: a label is missing, or is not one of the classes of the training items.

    Example:
        >>> y = CategoryList(["dog", "cat", "dog"])
        >>> y.classes, y.data.tolist(), y.c
        (['cat', 'dog'], [1, 0, 1], 2)
        >>> y.decode(y.decide(torch.tensor([[0.8, 0.2]])))
        [Category cat]
    """

    def __init__(self, values: Any, *, classes: Sequence[Any] | None = None) -> None:
        table = as_table(values)
        if table.shape[1] != 1:
            raise DataError(
                f"an item has one class in a CategoryList; columns {list(table.columns)} arrived. "
                "Give one, or label_cls=MultiCategoryList or FloatList for several targets."
            )
        self.names = [str(name) for name in table.columns]
        name = self.names[0]
        found = _classes_of(table.iloc[:, 0], name) if classes is None else listed(classes, "classes", _TWO, DataError)
        self.classes = checked_classes(found, name)
        self.c = len(self.classes)
        self.data = self._encode(table)

    loss_func = staticmethod(F.cross_entropy)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        column, name = table.iloc[:, 0], self.names[0]
        refuse_missing(column.isna().to_numpy(), name)
        classes: Any = np.empty(self.c, object)
        classes[:] = self.classes
        try:
            # Of objects: pandas would take them for text, and fail on text that is not Unicode.
            codes = pd.Index(classes, dtype=object).get_indexer(pd.Index(column.astype(object), dtype=object))
        except TypeError as error:
            raise _no_class(name, "values", str(error)) from error
        unknown = np.flatnonzero(codes < 0)
        if len(unknown):
            [odd] = column.iloc[unknown[:1]].tolist()
            is_number = isinstance(odd, (int, float)) and not isinstance(odd, bool)
            amounts = "For numbers to predict, give label_cls=FloatList. " if is_number else ""
            raise DataError(
                f"the labels of {name!r} must be classes of the training items; {len(unknown)} are not, such as "
                f"{repr(odd)[:40]}. {amounts}Split otherwise, drop these rows, or give all classes: classes=[…]."
            )
        return torch.from_numpy(codes.astype(np.int64))

    def blank(self, n: int) -> Self:
        return self._filled(n, NO_CLASS)

    def decode(self, data: Tensor) -> list[Category]:
        classes = self.classes or []
        return [Category(classes[code], code) for code in data.tolist()]

    def by_target(self, data: Tensor) -> dict[str, Any]:
        return {self.names[0]: [label.name for label in self.decode(data)]}

    def columns(self) -> dict[str, list[Any]]:
        """The class of each item by name, None for an item without one."""
        classes = self.classes or []
        return {self.names[0]: [classes[code] if code >= 0 else None for code in self.data.tolist()]}

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)

    def decide(self, predictions: Tensor) -> Tensor:
        codes = predictions.argmax(-1)
        if codes.numel() and int(codes.max()) >= self.c:
            raise DataError(
                f"a model has to give a score for each of the {self.c} classes; this one gives "
                f"{predictions.shape[-1]}, and the highest belongs to no class: end the model in data.c outputs."
            )
        return codes

    def answer(self, predictions: Tensor) -> dict[str, Any]:
        """The class, its probability, and that of each class."""
        found = super().answer(predictions)
        return {PREDICTED: found.pop(PREDICTED), PROBABILITY: float(predictions.max()), **found}

    def state(self) -> dict[str, Any]:
        return {"kind": "CategoryList", "names": self.names, "classes": self.classes}

    def restore(self, state: dict[str, Any]) -> None:
        self.names = saved_names(state)
        self.classes = checked_classes(saved_list(state, "classes"), self.names[0])
        if len(self.names) != 1 or not self.classes:
            raise ValueError(f"{len(self.names)} targets and {len(self.classes)} classes")
        self.c, self.data = len(self.classes), torch.empty(0, dtype=torch.int64)


class MultiCategoryList(LabelList):
    """Each item has any number of classes; a model gives a score for each class, trained with binary cross-entropy.

    Args:
        values: a column a class, True or False (or 1 and 0) where an item has it; with `label_delim`, one column of
            text that names the classes of each item.
        label_delim: what stands between the names in the text, such as " " in "clear haze primary"; text with
            nothing in it has no class.
        classes: with `label_delim`, all classes in the order of their codes; those that are named, sorted, unless
            given.

    Raises:
        DataError: a column holds anything else, or with `label_delim`, a label is missing or none of the classes of
            the training items.

    Example:
        >>> y = MultiCategoryList(["haze forest", "clear", "clear forest"], label_delim=" ")
        >>> y.classes
        ['clear', 'forest', 'haze']
        >>> y.data.tolist()
        [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """

    def __init__(self, values: Any, *, label_delim: str | None = None, classes: Sequence[str] | None = None) -> None:
        table = as_table(values)
        self.names = [str(name) for name in table.columns]
        self.label_delim = label_delim
        if label_delim is None:
            if classes is not None:
                raise DataError("classes=[…] goes with label_delim=; otherwise each column is a class: select columns.")
            self.classes = self.names
        else:
            named = _named(table, label_delim)
            distinct = sorted({name for item in named for name in item})
            self.classes = distinct if classes is None else listed(classes, "classes", _TWO, DataError)
        self.classes = checked_classes(self.classes, self.names[0])
        self.c = len(self.classes)
        self.thresholds = [0.5] * self.c
        self.data = self._encode(table)

    loss_func = staticmethod(F.binary_cross_entropy_with_logits)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        if self.label_delim is not None:
            return self._encode_text(table, self.label_delim)
        for name in table.columns:
            if not table[name].isin([True, False]).all():
                raise DataError(f"the label column {name!r} must hold True or False (or 1 and 0) in every row.")
        return torch.from_numpy(table.to_numpy(bool).astype(np.float32))

    def _encode_text(self, table: pd.DataFrame, label_delim: str) -> Tensor:
        codes = {name: code for code, name in enumerate(self.classes or [])}
        data = torch.zeros(len(table), self.c)
        for row, item in enumerate(_named(table, label_delim)):
            for name in item:
                if name not in codes:
                    raise DataError(
                        f"the labels of {self.names[0]!r} must be classes of the training items; {name!r} at position "
                        f"{row} is not. Split otherwise, drop these rows, or give all classes: classes=[…]."
                    )
                data[row, codes[name]] = 1
        return data

    def blank(self, n: int) -> Self:
        return self._filled(n, float("nan"))

    def decode(self, data: Tensor) -> list[MultiCategory]:
        classes = self.classes or []
        return [
            MultiCategory([name for name, flag in zip(classes, row.tolist(), strict=True) if flag], row) for row in data
        ]

    def by_target(self, data: Tensor) -> dict[str, Any]:
        """True or False in a column for each class, named after it."""
        return {str(name): flags for name, flags in zip(self.classes or [], data.numpy().astype(bool).T, strict=True)}

    def columns(self) -> dict[str, list[Any]]:
        """The classes of each item as one text, None for an item without labels."""
        name = self.names[0] if len(self.names) == 1 else "label"
        delimiter = self.label_delim or " "
        missing = self.data.isnan().any(1).tolist()
        named = [delimiter.join(map(str, classes)) for classes in self.decode(self.data.nan_to_num())]
        return {name: [None if gone else text for text, gone in zip(named, missing, strict=True)]}

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()

    @property
    def thresholds(self) -> list[float]:
        """The probability of each class from which on an item has it: 0.5 unless set; saved with the model.

        It may be one number for all classes.

        Example:
            >>> y = MultiCategoryList(["clear haze", "clear"], label_delim=" ")
            >>> y.thresholds = [0.5, 0.2]  # such as learn.interpret().thresholds().values
            >>> y.decode(y.decide(torch.tensor([[0.4, 0.3]])))
            [['haze']]
        """
        return list(self._thresholds)

    @thresholds.setter
    def thresholds(self, values: float | Sequence[float]) -> None:
        found = [values] * self.c if isinstance(values, (int, float)) else list(values)
        if len(found) != self.c or not all(isinstance(t, (int, float)) and 0 <= t <= 1 for t in found):
            raise DataError(
                f"thresholds must be a probability, 0 to 1, for each of the {self.c} classes {self.classes}, or one "
                f"for all; {values!r} arrived: y.thresholds = learn.interpret().thresholds().values."
            )
        self._thresholds = [float(t) for t in found]

    def decide(self, predictions: Tensor) -> Tensor:
        return (predictions >= predictions.new_tensor(self._thresholds)).float()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"kind": "MultiCategoryList", "names": self.names, "thresholds": self.thresholds}
        if self.label_delim is not None:
            state |= {"label_delim": self.label_delim, "classes": self.classes}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        self.names, self.label_delim = saved_names(state), state.get("label_delim")
        if self.label_delim is not None and not (isinstance(self.label_delim, str) and self.label_delim):
            raise ValueError(f"label_delim {self.label_delim!r}")
        found = self.names if self.label_delim is None else saved_list(state, "classes")
        self.classes = checked_classes(found, self.names[0])
        self.c = len(self.classes)
        self.thresholds = state.get("thresholds", [0.5] * self.c)  # models saved before have none
        self.data = torch.empty(0, self.c)


def _classes_of(column: pd.Series, name: str) -> list[Any]:
    refuse_missing(column.isna().to_numpy(), name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = column.cat.remove_unused_categories().cat.categories
        classes = found.tolist()
    else:
        try:
            classes = list(pd.unique(column.astype(object)))
        except TypeError as error:  # lists and other things without a hash
            raise _no_class(name, "values", str(error)) from error
        classes = checked_classes(classes, name)
        try:
            classes.sort()
        except TypeError:  # text among numbers
            classes.sort(key=lambda value: (type(value).__name__, value))
    return classes


def checked_classes(classes: list[Any], name: str) -> list[Any]:
    """Classes as Python's own values; raises DataError unless they are distinct and can be saved."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in classes]
    for value in plain:
        if not isinstance(value, (str, int, float)):
            raise _no_class(name, f"{type(value).__name__} values", repr(value)[:40])
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"the classes of {name!r} must be finite numbers; {value} arrived: drop these rows.")
    if len(set(plain)) < len(plain):
        twice = next(value for value in plain if plain.count(value) > 1)
        raise DataError(f"the classes of {name!r} must be distinct; {twice!r} arrived more than once: name it once.")
    try:
        "".join(value for value in plain if isinstance(value, str)).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the classes of {name!r} must be Unicode text to be saved: {reason_of(error)}. Correct or drop these rows."
        ) from error
    return plain


def _no_class(name: str, kind: str, shown: str) -> DataError:
    return DataError(
        f"the classes of {name!r} must be text, numbers or booleans; {kind} arrived ({shown}). "
        f"Convert them: df[{name!r}] = df[{name!r}].astype(str)."
    )


def _named(table: pd.DataFrame, label_delim: str) -> list[list[str]]:
    """The classes that each item's text names."""
    if table.shape[1] != 1:
        raise DataError(f"label_delim splits the text of one column; columns {list(table.columns)} arrived.")
    if not label_delim:
        raise DataError("label_delim must be the text that stands between two classes, such as ' '; it is empty.")
    column, name = table.iloc[:, 0], str(table.columns[0])
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise DataError(
            f"each item must have a text of labels; {len(missing)} of {len(column)} are missing in {name!r}, the first "
            f"at position {missing[0]}. If these have no class, say so: df[{name!r}] = df[{name!r}].fillna('')."
        )
    return [[part.strip() for part in str(text).split(label_delim) if part.strip()] for text in column]
