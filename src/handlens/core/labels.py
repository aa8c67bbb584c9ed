"""Labels as a model is trained on them: classes (one or several an item) and numbers."""

from __future__ import annotations

import copy
import datetime
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.core.checks import listed
from handlens.errors import ArtifactError, DataError

Loss = Callable[[Tensor, Tensor], Tensor]

NO_CLASS = -100
"""The code of an item without a class, which cross-entropy leaves out."""


class LabelList(ABC):
    """Labels of a list of items, encoded as the training labels taught.

    Attributes:
        names: what each target is called: the columns they came from, or "label".
        data: the encoded labels, a tensor with a row an item.
        c: how many numbers a model has to put out for an item.
        classes: the classes in the order of their codes; None where labels are numbers.
        loss_func: the loss that fits these labels: (outputs [B, c], targets [B] or [B, c]) → mean over the batch.
    """

    names: list[str]
    data: Tensor
    c: int
    classes: list[Any] | None = None
    loss_func: Loss

    @abstractmethod
    def __init__(self, values: Any, **options: Any) -> None:
        """From the labels of the training items."""

    def new(self, values: Any) -> Self:
        """Labels of other items, encoded as these are."""
        other = copy.copy(self)
        other.data = self._encode(_table(values))
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
        return self.decode(self.data[position : position + 1] if position >= 0 else self.data[position:][:1])[0]

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

    @abstractmethod
    def activate(self, outputs: Tensor) -> Tensor:
        """A model's raw outputs [B, c] as predictions: probabilities of classes, or numbers on the scale of `data`."""

    @abstractmethod
    def decide(self, predictions: Tensor) -> Tensor:
        """Predictions, as `activate` gives them, as the encoded label that they speak for."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All but the data, as plain JSON: {"kind": class name, …}."""

    @staticmethod
    def from_state(state: dict[str, Any]) -> LabelList:
        """An empty list that encodes as the one whose `state()` this is; raises ArtifactError if it is none."""
        kinds: dict[str, type[LabelList]] = {
            kind.__name__: kind for kind in (CategoryList, MultiCategoryList, FloatList)
        }
        try:
            labels = object.__new__(kinds[state["kind"]])
            labels._restore(state)
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise ArtifactError(f"the saved labels are damaged ({error!r}); save the model again") from error
        return labels

    @abstractmethod
    def _restore(self, state: dict[str, Any]) -> None:
        """Set every attribute from a state; may raise KeyError, TypeError, ValueError or DataError."""


_TWO = "['no', 'yes']"


class Category(NamedTuple):
    """One class: its name, and its code as `int(category)`."""

    name: Any
    code: int

    def __int__(self) -> int:
        return self.code

    def __str__(self) -> str:
        return str(self.name)

    def __repr__(self) -> str:
        return f"Category {self.name}"


class CategoryList(LabelList):
    """Each item has one class; a model puts out a score a class and is trained with cross-entropy.

    Args:
        values: text, whole numbers or booleans, one an item, none missing.
        classes: all classes in the order of their codes; the distinct values, sorted, unless given. Categories of
            a pandas column keep their own order.

    Raises:
        DataError: a label is missing, or is none of the classes of the training items.
    """

    def __init__(self, values: Any, *, classes: Sequence[Any] | None = None) -> None:
        table = _table(values)
        if table.shape[1] != 1:
            raise DataError(
                f"an item has one class in a CategoryList; columns {list(table.columns)} arrived. "
                "Give one, or label_cls=MultiCategoryList or FloatList for several targets"
            )
        self.names = [str(name) for name in table.columns]
        name = self.names[0]
        found = _classes_of(table.iloc[:, 0], name) if classes is None else listed(classes, "classes", _TWO, DataError)
        self.classes = _checked_classes(found, name)
        self.c = len(self.classes)
        self.data = self._encode(table)

    loss_func = staticmethod(F.cross_entropy)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        column, name = table.iloc[:, 0], self.names[0]
        _refuse_missing(column.isna().to_numpy(), name)
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
            raise DataError(
                f"the labels of {name!r} must be classes of the training items; {len(unknown)} are not, such as "
                f"{repr(odd)[:40]}. Split otherwise, drop these rows, or give all classes: classes=[…]"
            )
        return torch.from_numpy(codes.astype(np.int64))

    def blank(self, n: int) -> Self:
        return self._filled(n, NO_CLASS)

    def decode(self, data: Tensor) -> list[Category]:
        classes = self.classes or []
        return [Category(classes[code], code) for code in data.tolist()]

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)

    def decide(self, predictions: Tensor) -> Tensor:
        return predictions.argmax(-1)

    def state(self) -> dict[str, Any]:
        return {"kind": "CategoryList", "names": self.names, "classes": self.classes}

    def _restore(self, state: dict[str, Any]) -> None:
        self.names = _saved_names(state)
        self.classes = _checked_classes(_saved_list(state, "classes"), self.names[0])
        if len(self.names) != 1 or not self.classes:
            raise ValueError(f"{len(self.names)} targets and {len(self.classes)} classes")
        self.c, self.data = len(self.classes), torch.empty(0, dtype=torch.int64)


class MultiCategoryList(LabelList):
    """Each item has any number of classes; a model puts out a score a class, trained with binary cross-entropy.

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
    """

    def __init__(self, values: Any, *, label_delim: str | None = None, classes: Sequence[str] | None = None) -> None:
        table = _table(values)
        self.names = [str(name) for name in table.columns]
        self.label_delim = label_delim
        if label_delim is None:
            if classes is not None:
                raise DataError("classes=[…] goes with label_delim=; otherwise each column is a class: select columns")
            self.classes = self.names
        else:
            named = _named(table, label_delim)
            distinct = sorted({name for item in named for name in item})
            self.classes = distinct if classes is None else listed(classes, "classes", _TWO, DataError)
        self.classes = _checked_classes(self.classes, self.names[0])
        self.c = len(self.classes)
        self.data = self._encode(table)

    loss_func = staticmethod(F.binary_cross_entropy_with_logits)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        if self.label_delim is not None:
            return self._encode_text(table, self.label_delim)
        for name in table.columns:
            if not table[name].isin([True, False]).all():
                raise DataError(f"the label column {name!r} must hold True or False (or 1 and 0) in every row")
        return torch.from_numpy(table.to_numpy(bool).astype(np.float32))

    def _encode_text(self, table: pd.DataFrame, label_delim: str) -> Tensor:
        codes = {name: code for code, name in enumerate(self.classes or [])}
        data = torch.zeros(len(table), self.c)
        for row, item in enumerate(_named(table, label_delim)):
            for name in item:
                if name not in codes:
                    raise DataError(
                        f"the labels of {self.names[0]!r} must be classes of the training items; {name!r} at position "
                        f"{row} is not. Split otherwise, drop these rows, or give all classes: classes=[…]"
                    )
                data[row, codes[name]] = 1
        return data

    def blank(self, n: int) -> Self:
        return self._filled(n, float("nan"))

    def decode(self, data: Tensor) -> list[list[str]]:
        classes = self.classes or []
        return [[name for name, flag in zip(classes, row, strict=True) if flag] for row in data.tolist()]

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()

    def decide(self, predictions: Tensor) -> Tensor:
        return (predictions >= 0.5).float()

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"kind": "MultiCategoryList", "names": self.names}
        if self.label_delim is not None:
            state |= {"label_delim": self.label_delim, "classes": self.classes}
        return state

    def _restore(self, state: dict[str, Any]) -> None:
        self.names, self.label_delim = _saved_names(state), state.get("label_delim")
        if self.label_delim is not None and not (isinstance(self.label_delim, str) and self.label_delim):
            raise ValueError(f"label_delim {self.label_delim!r}")
        found = self.names if self.label_delim is None else _saved_list(state, "classes")
        self.classes = _checked_classes(found, self.names[0])
        self.c = len(self.classes)
        self.data = torch.empty(0, self.c)


class FloatList(LabelList):
    """Each item has a number, or several; a model is trained with the mean squared error.

    Args:
        values: finite numbers, one an item, or a column a target.
        log: train on the natural logarithm of the numbers, which must be above 0 then: errors count in proportion
            to the number, as in exp_rmspe. `data` and predictions are logarithms; `decode`, `predict` and
            `dataset.y[i]` give numbers on the scale they came in.
        scale: what predictions are multiplied by, targets and loss are not; see `rmspe_scale`. It may also be set
            later: `learn.data.y.scale = …`.

    Raises:
        DataError: a number is missing or infinite, or not above 0 with `log`; a value is none, but text or a
            timestamp; or `scale` is not a finite number above 0.
    """

    def __init__(self, values: Any, *, log: bool = False, scale: float = 1.0) -> None:
        table = _table(values)
        self.names = [str(name) for name in table.columns]
        self.log = log
        self.scale = scale
        self.c = len(self.names)
        self.data = self._encode(table)

    @property
    def scale(self) -> float:
        """What predictions are multiplied by."""
        return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        if not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
            raise DataError(f"scale must be a finite number above 0; {scale!r} arrived")
        self._scale = float(scale)

    @staticmethod
    def loss_func(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs.view_as(targets), targets)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        columns = [_finite(table[name], str(name)) for name in table.columns]
        if self.log:
            columns = [_log(values, name) for values, name in zip(columns, self.names, strict=True)]
        values = np.stack(columns, 1).astype(np.float32)
        return torch.from_numpy(values[:, 0].copy() if self.c == 1 else values)

    def blank(self, n: int) -> Self:
        return self._filled(n, float("nan"))

    def decode(self, data: Tensor) -> list[Any]:
        numbers = data.double()
        return (numbers.exp() if self.log else numbers).tolist()

    def activate(self, outputs: Tensor) -> Tensor:
        numbers = outputs.flatten() if self.c == 1 else outputs
        if self.scale == 1:
            return numbers
        return numbers + math.log(self.scale) if self.log else numbers * self.scale

    def decide(self, predictions: Tensor) -> Tensor:
        return predictions

    def state(self) -> dict[str, Any]:
        return {"kind": "FloatList", "names": self.names, "log": self.log, "scale": self.scale}

    def _restore(self, state: dict[str, Any]) -> None:
        self.names, self.log = _saved_names(state), state["log"]
        if not isinstance(self.log, bool):
            raise ValueError(f"log {self.log!r}")
        self.scale = state.get("scale", 1.0)
        self.c = len(self.names)
        self.data = torch.empty(0) if self.c == 1 else torch.empty(0, self.c)


def label_class_for(values: Any) -> type[LabelList]:
    """The class of labels that values are taken for: floats are numbers to predict, the rest classes.

    Several columns are FloatList if all hold floats, and MultiCategoryList if all hold booleans; DataError otherwise.
    """
    table = _table(values)
    kinds = {"f" if _is_float(table[name]) else table[name].dtype.kind for name in table.columns}
    if kinds == {"f"}:
        return FloatList
    if table.shape[1] == 1:
        return CategoryList
    if kinds == {"b"}:
        return MultiCategoryList
    raise DataError(
        f"columns {list(table.columns)} must all be floats or all booleans to be taken as targets together; "
        "say what they are: label_cls=FloatList or label_cls=MultiCategoryList"
    )


def _is_float(column: pd.Series) -> bool:
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in ("floating", "mixed-integer-float", "decimal")
    return bool(pd.api.types.is_float_dtype(column.dtype))


def _table(values: Any) -> pd.DataFrame:
    """Labels as a table with a column a target, whatever list, array, Series or frame they came as."""
    if isinstance(values, pd.DataFrame):
        return values
    if isinstance(values, pd.Series):
        return values.to_frame("label" if values.name is None else values.name)
    if isinstance(values, Tensor):
        values = values.numpy()
    try:
        table = pd.DataFrame(values) if len(values) else pd.DataFrame({"label": []}, dtype=float)
    except UnicodeEncodeError as error:
        raise DataError(f"labels must be Unicode text to be saved: {error}. Correct or leave out these") from error
    table.columns = pd.Index(["label"] if table.shape[1] == 1 else [f"label_{i}" for i in range(table.shape[1])])
    return table


def _classes_of(column: pd.Series, name: str) -> list[Any]:
    _refuse_missing(column.isna().to_numpy(), name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = column.cat.remove_unused_categories().cat.categories
        classes = found.tolist()
    else:
        try:
            classes = list(pd.unique(column.astype(object)))
        except TypeError as error:  # lists and other things without a hash
            raise _no_class(name, "values", str(error)) from error
        classes = _checked_classes(classes, name)
        try:
            classes.sort()
        except TypeError:  # text among numbers
            classes.sort(key=lambda value: (type(value).__name__, value))
    return classes


def _checked_classes(classes: list[Any], name: str) -> list[Any]:
    """Classes as Python's own values; raises DataError unless they are distinct and can be saved."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in classes]
    for value in plain:
        if not isinstance(value, (str, int, float)):
            raise _no_class(name, f"{type(value).__name__} values", repr(value)[:40])
        if isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"the classes of {name!r} must be finite numbers; {value} arrived: drop these rows")
    if len(set(plain)) < len(plain):
        twice = next(value for value in plain if plain.count(value) > 1)
        raise DataError(f"the classes of {name!r} must be distinct; {twice!r} arrived more than once: name it once")
    try:
        "".join(value for value in plain if isinstance(value, str)).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"the classes of {name!r} must be Unicode text to be saved: {error}. Correct or drop these rows"
        ) from error
    return plain


def _no_class(name: str, kind: str, shown: str) -> DataError:
    return DataError(
        f"the classes of {name!r} must be text, numbers or booleans; {kind} arrived ({shown}). "
        f"Convert them: df[{name!r}] = df[{name!r}].astype(str)"
    )


def _saved_list(state: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(state[key], list):
        raise ValueError(f"{key} are {type(state[key]).__name__}")
    return list(state[key])


def _saved_names(state: dict[str, Any]) -> list[str]:
    names = _saved_list(state, "names")
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"names {names}")
    return names


def _named(table: pd.DataFrame, label_delim: str) -> list[list[str]]:
    """The classes that each item's text names."""
    if table.shape[1] != 1:
        raise DataError(f"label_delim splits the text of one column; columns {list(table.columns)} arrived")
    if not label_delim:
        raise DataError("label_delim must be the text that stands between two classes, such as ' '; it is empty")
    column, name = table.iloc[:, 0], str(table.columns[0])
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise DataError(
            f"each item must have a text of labels; {len(missing)} of {len(column)} are missing in {name!r}, the first "
            f"at position {missing[0]}. If these have no class, say so: df[{name!r}] = df[{name!r}].fillna('')"
        )
    return [[part.strip() for part in str(text).split(label_delim) if part.strip()] for text in column]


def _refuse_missing(missing: np.ndarray, name: str) -> None:
    rows = np.flatnonzero(missing)
    if len(rows):
        raise DataError(
            f"each item must have a label; {len(rows)} of {len(missing)} are missing in {name!r}, the first at "
            f"position {rows[0]}. Drop these rows: df = df[df[{name!r}].notna()]"
        )


def _finite(column: pd.Series, name: str) -> np.ndarray:
    if column.dtype.kind in "biuf":
        values = column.to_numpy(np.float64, na_value=np.nan)
    else:
        values = np.array([_number(value, name) for value in column.astype(object)], np.float64)
    _refuse_missing(np.isnan(values), name)
    limit = np.finfo(np.float32).max
    infinite = np.flatnonzero(np.abs(values) > limit)
    if len(infinite):
        raise DataError(
            f"the target {name!r} must hold finite numbers; {len(infinite)} of {len(values)} are not (or are beyond "
            f"{limit:.1e}), the first at position {infinite[0]}: drop or correct these rows"
        )
    return values


def _number(value: Any, name: str) -> float:
    """One value of a target as a float, nan if missing; what no float can hold is infinite."""
    if isinstance(value, _NUMBERS) and not isinstance(value, np.timedelta64):  # which numpy counts among the integers
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return math.nan
    remedy = f"leave label_cls out to predict classes, or convert it: pd.to_numeric(df[{name!r}])"
    if isinstance(value, (datetime.date, np.datetime64)):
        remedy = f"make numbers of it: (df[{name!r}] - df[{name!r}].min()).dt.days"
    elif isinstance(value, (datetime.timedelta, np.timedelta64)):
        remedy = f"make numbers of it: df[{name!r}].dt.total_seconds()"
    raise DataError(
        f"the target {name!r} must hold numbers; it holds {type(value).__name__} values such as {str(value)[:40]!r}: "
        f"{remedy}"
    )


_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating, Decimal)


def _log(values: np.ndarray, name: str) -> np.ndarray:
    wrong = np.flatnonzero(values <= 0)
    if len(wrong):
        raise DataError(
            f"log=True needs targets above 0; {len(wrong)} of {len(values)} in {name!r} are not, the first, "
            f"{values[wrong[0]]:g}, at position {wrong[0]}. Drop them, df = df[df[{name!r}] > 0], or leave log out"
        )
    return np.log(values)
