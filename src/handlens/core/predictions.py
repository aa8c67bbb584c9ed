"""Tables of predictions: the names of their columns, the same whichever model predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import DataError

if TYPE_CHECKING:  # Studio imports this module, and opens without torch
    from torch import Tensor

    from handlens.core.labels import LabelList

PATH, LABEL, PREDICTED, PROBABILITY, REASON = "path", "label", "predicted", "probability", "reason"
"""The fixed columns of predictions for photos; Studio adds LABEL, what a person said, after PATH."""


def probability_columns(classes: Sequence[Any]) -> list[str]:
    """The column that holds the probability of each class.

    Example:
        >>> probability_columns(["cat", 3])
        ['probability of cat', 'probability of 3']
    """
    return [f"probability of {name}" for name in classes]


def predicted_columns(y: LabelList, targets: Sequence[str]) -> list[str]:
    """The columns that hold what is predicted of a photo: one for each target, or class of any number of classes."""
    from handlens.core.labels import MultiCategoryList

    alone = len(targets) == 1 and not isinstance(y, MultiCategoryList)
    return [PREDICTED] if alone else [f"{PREDICTED} {name}" for name in targets]


def check_prediction_columns(y: LabelList) -> None:
    """Check that every column of predictions for these labels gets a name of its own.

    Raises:
        DataError: two classes are the same when written as text (1 and "1"), two targets have one name, or a target
            is called like the column of a class's probability.
    """
    classes = list(y.classes or [])
    written: dict[str, Any] = {}
    for name in classes:
        if str(name) in written:
            raise DataError(
                f"the classes of {y.names[0]!r} must be distinct when written as text, because columns of predictions "
                f"are named after them; {written[str(name)]!r} and {name!r} are not. Rename one, or make both the same."
            )
        written[str(name)] = name
    targets = list(y.by_target(y.blank(0).data))
    columns = [*targets, *probability_columns(classes)]
    twice = [name for name in targets if columns.count(name) > 1]
    if twice:
        raise DataError(
            f"each column of predictions must have a name of its own; {twice[0]!r} would be there more than once "
            f"(targets: {targets}, classes: {classes}). Rename the target or the class."
        )


def predictions_frame(y: LabelList, predictions: Tensor, *, index: pd.Index | None = None) -> pd.DataFrame:
    """Predictions as a table: a column for each target, and for classes a column `probability of NAME` for each.

    Args:
        y: labels of the kind that the model predicts; those that it holds are not used.
        predictions: as `LabelList.activate` gives them, [N, classes], [N] or [N, targets].
        index: the index of the table, N values; 0 to N − 1 unless given.

    Returns:
        N rows. A target of one class an item holds the class, targets of any number of classes hold True or False in
        a column for each class, numbers are on the scale of the labels.

    Raises:
        DataError: two columns would have the same name, see `check_prediction_columns`.

    Example:
        >>> import torch
        >>> from handlens.core.labels import CategoryList
        >>> y = CategoryList(["no", "yes", "yes"])
        >>> predictions_frame(y, torch.tensor([[0.25, 0.75]]))
          label  probability of no  probability of yes
        0   yes               0.25                0.75
    """
    check_prediction_columns(y)
    return _frame(y, predictions, list(y.by_target(y.blank(0).data)), index)


def photo_predictions_frame(
    paths: Sequence[str], y: LabelList, predictions: Tensor, *, reasons: Sequence[str] | None = None
) -> pd.DataFrame:
    """Predictions for photos as a table with a row for each file, whichever model predicted.

    Args:
        paths: N paths.
        y: labels of the kind that the model predicts; those that it holds are not used.
        predictions: as `LabelList.activate` gives them, [N, classes], [N] or [N, targets]; NaN for a photo that
            could not be read.
        reasons: why a photo has no prediction, empty for one that has; all empty unless given.

    Returns:
        N rows with the columns

        - `path`;
        - `predicted`: the class or the number; for several numbers or any number of classes an item, a column
          `predicted NAME` for each;
        - `probability`: that of the predicted class (0–1); only where an item has one class;
        - `probability of NAME` for each class;
        - `reason`: why there is no prediction; empty where there is one.

        Without a prediction these columns hold missing values.

    Raises:
        DataError: two columns would have the same name, see `check_prediction_columns`.

    Example:
        >>> import torch
        >>> from handlens.core.labels import CategoryList
        >>> y = CategoryList([], classes=["cat", "dog"])
        >>> p = torch.tensor([[0.25, 0.75], [float("nan"), float("nan")]])
        >>> photo_predictions_frame(["a.jpg", "b.jpg"], y, p, reasons=["", "not a picture"]).iloc[:, :4]
            path predicted  probability  probability of cat
        0  a.jpg       dog         0.75                0.25
        1  b.jpg       NaN          NaN                 NaN
    """
    from handlens.core.labels import CategoryList

    check_prediction_columns(y)
    targets = list(y.by_target(y.blank(0).data))
    known = ~predictions.reshape(len(paths), y.c).isnan().any(1)
    found = predictions[known]
    table = _frame(y, found, predicted_columns(y, targets), pd.Index(np.flatnonzero(known.numpy())))
    if isinstance(y, CategoryList):
        table.insert(1, PROBABILITY, found.amax(1).numpy() if len(found) else np.empty(0, np.float32))
    table = with_missing_rows(table, range(len(paths)))
    table.insert(0, PATH, pd.Series([str(path) for path in paths], table.index, dtype="str"))
    why = list(reasons) if reasons is not None else [""] * len(paths)
    return table.assign(**{REASON: pd.Series(why, table.index, dtype="str")})


def with_missing_rows(table: pd.DataFrame, index: Sequence[int]) -> pd.DataFrame:
    """The rows of a table by its index, in this order; one that the table does not have is all missing."""
    if set(index) <= set(table.index):
        return table.loc[list(index)]
    # Whole numbers and booleans would become floats where some are missing.
    kept = {name: object for name in table if table[name].dtype.kind in "iub"}
    return table.astype(kept).reindex(list(index))


def class_predictions_frame(
    paths: Sequence[str], classes: Sequence[str], p: NDArray[np.floating[Any]], *, reasons: Sequence[str] | None = None
) -> pd.DataFrame:
    """As `photo_predictions_frame`, from the names of the classes and their probabilities [N, C]."""
    import torch

    from handlens.core.labels import CategoryList

    y = CategoryList([], classes=list(classes))
    return photo_predictions_frame(paths, y, torch.from_numpy(np.ascontiguousarray(p)), reasons=reasons)


def class_answers(
    classes: Sequence[str], p: NDArray[np.floating[Any]], reasons: Sequence[str]
) -> list[dict[str, Any] | str]:
    """What a server says of photos whose classes have the probabilities p [N, C], or the reason why it has none."""
    import torch

    from handlens.core.labels import CategoryList

    y, values = CategoryList([], classes=list(classes)), torch.from_numpy(np.ascontiguousarray(p))
    return [why or y.answer(values[i : i + 1]) for i, why in enumerate(reasons)]


def _frame(y: LabelList, predictions: Tensor, names: Sequence[str], index: pd.Index | None) -> pd.DataFrame:
    from handlens.core.labels import CategoryList

    columns = dict(zip(names, y.by_target(y.decide(predictions)).values(), strict=True))
    if y.classes:
        columns |= dict(zip(probability_columns(y.classes), predictions.numpy().T, strict=True))
    table = pd.DataFrame(columns, index=index)
    if isinstance(y, CategoryList) and all(isinstance(name, str) for name in y.classes or []):
        table = table.astype({names[0]: "str"})  # which columns hold does not depend on whether there are rows
    return table
