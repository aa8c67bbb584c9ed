"""Which labels values are taken for, and which were saved."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pandas as pd

from handlens.core.checks import callers_level
from handlens.core.labels.base import LabelList, as_table
from handlens.core.labels.classes import CategoryList, MultiCategoryList
from handlens.core.labels.floats import FloatList
from handlens.errors import ArtifactError, DataError

_KINDS: dict[str, type[LabelList]] = {kind.__name__: kind for kind in (CategoryList, MultiCategoryList, FloatList)}

# By name, because they are in a room after this one: imported when labels of their kind are read.
_ON_PICTURES = {"MaskList": "handlens.vision.masks", "PointsList": "handlens.vision.points"}

MANY, SOME = 50, 20
"""Distinct whole numbers of a target that seem to be amounts, whatever their rows; and if each has few rows."""


def label_class_for(values: Any) -> type[LabelList]:
    """The class of labels that values are taken for: floats are numbers to predict, the rest classes.

    Several columns are FloatList if all hold floats, and MultiCategoryList if all hold booleans. A warning says so
    where whole numbers have so many distinct values that they seem to be amounts: more than `MANY`, or more than `SOME`
    that occur less than ten times each on average.

    Raises:
        DataError: several columns are neither all floats nor all booleans.

    Example:
        >>> import pandas as pd
        >>> label_class_for(pd.Series([1.5, 2.0])).__name__
        'FloatList'
        >>> label_class_for(pd.Series(["cat", "dog"])).__name__
        'CategoryList'
    """
    table = as_table(values)
    kinds = {"f" if _is_float(table[name]) else table[name].dtype.kind for name in table.columns}
    if kinds == {"f"}:
        return FloatList
    if table.shape[1] == 1:
        _warn_of_amounts(table.iloc[:, 0])
        return CategoryList
    if kinds == {"b"}:
        return MultiCategoryList
    raise DataError(
        f"columns {list(table.columns)} must all be floats or all booleans to be taken as targets together; "
        "say what they are: label_cls=FloatList or label_cls=MultiCategoryList."
    )


def _warn_of_amounts(column: pd.Series) -> None:
    if column.dtype.kind not in "iu" and pd.api.types.infer_dtype(column, skipna=True) != "integer":
        return
    distinct = column.nunique()
    if distinct > MANY or (distinct > SOME and len(column) < 10 * distinct):
        warnings.warn(
            f"the whole numbers of the target {str(column.name)!r} are taken for {distinct} classes; for amounts to "
            "predict give label_cls=FloatList, and label_cls=CategoryList if they are classes.",
            UserWarning,
            stacklevel=callers_level(),
        )


def _is_float(column: pd.Series) -> bool:
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in ("floating", "mixed-integer-float", "decimal")
    return bool(pd.api.types.is_float_dtype(column.dtype))


def labels_from_state(state: dict[str, Any]) -> LabelList:
    """An empty list that encodes as the one whose `state()` this is.

    Raises:
        ArtifactError: it is not such a state.

    Example:
        >>> labels = CategoryList(["cat", "dog", "cat"])
        >>> labels_from_state(labels.state()).classes
        ['cat', 'dog']
    """
    try:
        labels = object.__new__(_kind(state["kind"]))
        labels.restore(state)
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise ArtifactError(f"the saved labels are damaged ({error!r}); save the model again.") from error
    return labels


def _kind(name: str) -> type[LabelList]:
    if name in _ON_PICTURES:
        found: type[LabelList] = getattr(importlib.import_module(_ON_PICTURES[name]), name)
        return found
    return _KINDS[name]
