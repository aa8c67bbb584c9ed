"""cont_cat_split: which columns of a table are continuous, and which categorical."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from handlens.core.checks import listed
from handlens.errors import TableError


def cont_cat_split(
    df: pd.DataFrame, max_card: int = 20, dep_var: str | Iterable[str] | None = None
) -> tuple[list[str], list[str]]:
    """Sort the columns of a table into continuous and categorical ones, by the rule of the course.

    Floats are continuous, and whole numbers with more than `max_card` distinct values; all others are categorical. So
    are dates, which `add_datepart` should replace before. Unlike in the course, which looks for 64 bits alone, numbers
    of any size count.

    Args:
        df: the table.
        max_card: the most distinct values of whole numbers that are categories.
        dep_var: the target, or several, which are neither.

    Returns:
        The names of the continuous and of the categorical columns, each in the order of the table.

    Raises:
        TableError: a target is not a column of the table.

    Example:
        >>> df = pd.DataFrame({"shop": ["a", "b"], "floor": [1, 2], "size": [2.5, 3.0], "sales": [10.0, 20.0]})
        >>> cont_cat_split(df, dep_var="sales")
        (['size'], ['shop', 'floor'])
    """
    given = [dep_var] if isinstance(dep_var, str) else dep_var
    targets = [] if given is None else listed(given, "dep_var", "['sales']", TableError)
    missing = [name for name in targets if name not in df.columns]
    if missing:
        raise TableError(f"dep_var must be columns of the frame, {list(df.columns)}; {missing} are not: correct them.")
    conts: list[str] = []
    cats: list[str] = []
    for name in df.columns:
        if name in targets:
            continue
        whole = pd.api.types.is_integer_dtype(df[name].dtype)
        many = whole and df[name].nunique(dropna=False) > max_card
        (conts if many or pd.api.types.is_float_dtype(df[name].dtype) else cats).append(name)
    return conts, cats
