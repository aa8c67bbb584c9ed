"""Encoder: rows as the arrays that a model takes, level codes and preprocessed numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ArtifactError, TableError
from handlens.tabular.date_parts import DateParts
from handlens.tabular.frames import check_columns, check_names, number, numbers
from handlens.tabular.levels import Levels
from handlens.tabular.procs import Categorify, FillMissing, Normalize, TabularProc

Codes = NDArray[np.int64]
Floats = NDArray[np.float32]
MakeProc = Callable[[list[str], list[str]], TabularProc]


class Encoder:
    """Fitted preprocessors that turn any rows into arrays, without changing the rows; made by `Encoder.fit`.

    A single row is encoded through dicts, in some 50 µs, and a frame column by column; the results are the same.

    Attributes:
        inputs: the columns that rows must have, of both kinds; others are ignored.
        cat_names, cont_names: the columns of the two arrays that `encode` returns, in their order.
        procs: the fitted preprocessors, in order.

    Example:
        >>> df = pd.DataFrame({"shop": ["a", "b", "a", "b"], "sales": [1.0, 1.0, 3.0, 3.0]})
        >>> encoder = Encoder.fit(df, cat_names=["shop"], cont_names=["sales"], procs=[Categorify, Normalize])
        >>> codes, numbers = encoder.encode({"shop": "b", "sales": 5})
        >>> codes.tolist(), numbers.tolist()
        ([[2]], [[3.0]])
        >>> encoder.encode({"shop": "never seen", "sales": 2})[0].tolist()
        [[0]]
    """

    def __init__(self, cat_names: Iterable[str], cont_names: Iterable[str], procs: Iterable[TabularProc]) -> None:
        """From the column names before preprocessing, and preprocessors fitted one after the other on the same rows.

        Raises:
            TableError: a categorical column has no levels after the last preprocessor.
        """
        self._given = (check_names(cat_names, "cat_names"), check_names(cont_names, "cont_names"))
        self.inputs = [*self._given[0], *self._given[1]]
        self.procs = list(procs)
        # If one step works on frames only, all steps do: it must see a row as the steps before it leave a frame.
        self._by_frame = any(type(proc).apply_row is TabularProc.apply_row for proc in self.procs)
        last = self.procs[-1] if self.procs else None
        self.cat_names, self.cont_names = (last.cat_names, last.cont_names) if last else self._given
        levels: dict[str, Levels] = {}
        for proc in self.procs:
            if isinstance(proc, Categorify):
                levels |= proc.levels
        bare = [name for name in self.cat_names if name not in levels]
        if bare:
            raise TableError(
                f"categorical columns need levels before a model can take them; without: {bare}. "
                "Put Categorify into procs, after FillMissing: procs=[FillMissing, Categorify, Normalize]."
            )
        self.levels = {name: levels[name] for name in self.cat_names}

    @classmethod
    def fit(
        cls, df: pd.DataFrame, *, cat_names: Iterable[str], cont_names: Iterable[str], procs: Iterable[MakeProc]
    ) -> Encoder:
        """Fit preprocessors on the training rows, each on the result of the one before; `df` is not changed.

        Args:
            df: the training rows; at least one.
            cat_names, cont_names: its columns to use.
            procs: classes such as [FillMissing, Categorify, Normalize], or any callable that makes a TabularProc
                from cat_names and cont_names.

        Raises:
            TableError: a column is missing or cannot be used, see the preprocessors.
        """
        cats, conts = check_names(cat_names, "cat_names"), check_names(cont_names, "cont_names")
        check_columns(df, cats, "cat_names")
        check_columns(df, conts, "cont_names")
        rows = df[[*cats, *conts]]  # a new frame: setting its columns does not change df
        fitted: list[TabularProc] = []
        names = (cats, conts)
        for make in procs:
            proc = make(*names)
            proc(rows)
            names = (proc.cat_names, proc.cont_names)
            fitted.append(proc)
        return cls(cats, conts, fitted)

    @property
    def n_levels(self) -> dict[str, int]:
        """The number of levels of each categorical column, including level 0 (missing or unseen)."""
        return {name: len(levels) + 1 for name, levels in self.levels.items()}

    def encode(self, rows: pd.DataFrame | pd.Series | Mapping[str, Any]) -> tuple[Codes, Floats]:
        """Encode N rows.

        Args:
            rows: a frame, which is not changed, or one row: a mapping by column name, or a Series such as df.iloc[0].

        Returns:
            codes int64 [N, categorical columns], where 0 means missing or unseen, and numbers float32 [N, continuous
            columns].

        Raises:
            TableError: a column is missing, or holds values that cannot be used; also NaN that no preprocessor fills.
        """
        if isinstance(rows, pd.DataFrame):
            return self._encode_frame(rows)
        return self._encode_row(rows.to_dict() if isinstance(rows, pd.Series) else rows)

    def _encode_frame(self, df: pd.DataFrame) -> tuple[Codes, Floats]:
        check_columns(df, self._given[0], "cat_names")
        check_columns(df, self._given[1], "cont_names")
        rows = df[self.inputs]  # a new frame
        for proc in self.procs:
            proc(rows, test=True)
        codes = np.empty((len(rows), len(self.cat_names)), np.int64)
        floats = np.empty((len(rows), len(self.cont_names)), np.float32)
        for k, (name, levels) in enumerate(self.levels.items()):
            codes[:, k] = levels.codes(rows[name])
        codes += 1
        for k, name in enumerate(self.cont_names):
            values = numbers(rows[name], name)
            if np.isnan(values).any():
                raise _still_missing(name, int(np.isnan(values).sum()))
            floats[:, k] = values
        return codes, floats

    def _encode_row(self, given: Mapping[Any, Any]) -> tuple[Codes, Floats]:
        if not isinstance(given, Mapping):
            raise TableError(f"rows must be a DataFrame, or one row as a dict; a {type(given).__name__} arrived.")
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise TableError(
                f"the row must have a value for each column; missing: {missing}. Give None for a missing value."
            )
        row = {name: given[name] for name in self.inputs}
        if self._by_frame:
            return self._encode_frame(pd.DataFrame({name: [value] for name, value in row.items()}))
        for proc in self.procs:
            proc.apply_row(row)
        codes = [levels.code(row[name]) + 1 for name, levels in self.levels.items()]
        floats = [number(row[name], name) for name in self.cont_names]
        for name, value in zip(self.cont_names, floats, strict=True):
            if math.isnan(value):
                raise _still_missing(name, 1)
        return np.array([codes], np.int64), np.array([floats], np.float32)

    def state(self) -> dict[str, Any]:
        """The fitted preprocessors, as plain JSON."""
        procs = [{"name": type(proc).__name__, "state": proc.state()} for proc in self.procs]
        return {"cat_names": self._given[0], "cont_names": self._given[1], "procs": procs}

    @classmethod
    def from_state(cls, state: dict[str, Any], *, own_procs: Iterable[type[TabularProc]] = ()) -> Encoder:
        """The encoder that was saved.

        Args:
            state: what its `state()` gave.
            own_procs: the classes of preprocessors that are not part of this library.

        Raises:
            ArtifactError: the state is damaged, or names a class that was not given.
        """
        known: list[type[TabularProc]] = [DateParts, FillMissing, Categorify, Normalize, *own_procs]
        classes = {proc.__name__: proc for proc in known}
        try:
            cats, conts = (check_names(state[key], key) for key in ("cat_names", "cont_names"))
            fitted: list[TabularProc] = []
            names = (cats, conts)
            for saved in state["procs"]:
                if saved["name"] not in classes:
                    raise ArtifactError(
                        f"the model was saved with a preprocessor {saved['name']}, which is not part of handlens; "
                        f"give its class when loading, own_procs=[{saved['name']}]."
                    )
                proc = classes[saved["name"]].from_state(*names, saved["state"])
                names = (proc.cat_names, proc.cont_names)
                fitted.append(proc)
            return cls(cats, conts, fitted)
        except (KeyError, TypeError, TableError) as error:
            raise ArtifactError(f"the saved preprocessing is damaged ({error!r}); save the model again.") from error


def _still_missing(name: str, count: int) -> TableError:
    return TableError(
        f"continuous column {name!r} must have no missing values for a model; {count} are left after preprocessing. "
        "Put FillMissing into procs."
    )
