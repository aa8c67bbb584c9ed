"""From rows to what the model takes: level codes and normalised numbers, for whole frames and for single rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ArtifactError, TableError
from handlens.tabular.frames import check_columns, check_names, number, numbers
from handlens.tabular.levels import Levels
from handlens.tabular.procs import Categorify, FillMissing, Normalize, TabularProc

Codes = NDArray[np.int64]
Floats = NDArray[np.float32]
MakeProc = Callable[[list[str], list[str]], TabularProc]


class Encoder:
    """Fitted preprocessors, replayed on any rows without changing them, and the arrays they give.

    One row goes by way of dicts in some 50 µs, a frame by way of whole columns; both give the same.
    Fit one with `Encoder.fit`.

    Attributes:
        inputs: the columns that rows must have, of both kinds; others are ignored.
        cat_names, cont_names: the columns of the two arrays that `encode` gives, in their order.
        procs: the fitted preprocessors, in order.
    """

    def __init__(self, cat_names: Iterable[str], cont_names: Iterable[str], procs: Iterable[TabularProc]) -> None:
        """From the names before any preprocessing, and preprocessors fitted one after the other on the same rows.

        Raises TableError if a categorical column reaches the end without levels.
        """
        self._given = (check_names(cat_names, "cat_names"), check_names(cont_names, "cont_names"))
        self.inputs = [*self._given[0], *self._given[1]]
        self.procs = list(procs)
        # Those that know whole frames only must find in one of a single row what the steps before leave in any frame.
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
                "Put Categorify into procs, after FillMissing: procs=[FillMissing, Categorify, Normalize]"
            )
        self.levels = {name: levels[name] for name in self.cat_names}

    @classmethod
    def fit(
        cls, df: pd.DataFrame, *, cat_names: Iterable[str], cont_names: Iterable[str], procs: Iterable[MakeProc]
    ) -> Encoder:
        """Fit preprocessors on the training rows, each on what the one before made of them; `df` is left as it is.

        Args:
            df: the training rows; at least one.
            cat_names, cont_names: its columns to use.
            procs: classes such as [FillMissing, Categorify, Normalize], or anything else that makes a TabularProc
                of cat_names and cont_names.

        Raises:
            TableError: as the preprocessors do.
        """
        cats, conts = check_names(cat_names, "cat_names"), check_names(cont_names, "cont_names")
        check_columns(df, cats, "cat_names")
        check_columns(df, conts, "cont_names")
        rows = df[[*cats, *conts]]  # a frame of its own: what is set in it is not set in df
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
        """The levels of each categorical column, level 0 (missing or unseen) included."""
        return {name: len(levels) + 1 for name, levels in self.levels.items()}

    def encode(self, rows: pd.DataFrame | pd.Series | Mapping[str, Any]) -> tuple[Codes, Floats]:
        """The codes, int64 [N, categorical columns], and the numbers, float32 [N, continuous columns], of N rows.

        Code 0 is missing or unseen. `rows` is a frame, left as it is, or one row: a mapping by column name, or a Series
        such as df.iloc[0].

        Raises:
            TableError: a column is not there, or holds what cannot be used, NaN where nothing fills it included.
        """
        if isinstance(rows, pd.DataFrame):
            return self._encode_frame(rows)
        return self._encode_row(rows.to_dict() if isinstance(rows, pd.Series) else rows)

    def _encode_frame(self, df: pd.DataFrame) -> tuple[Codes, Floats]:
        check_columns(df, self._given[0], "cat_names")
        check_columns(df, self._given[1], "cont_names")
        rows = df[self.inputs]  # a frame of its own
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
            raise TableError(f"rows must be a DataFrame, or one row as a dict; a {type(given).__name__} arrived")
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise TableError(f"the row must have a value for each column; missing: {missing}. None stands for no value")
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
        """Everything that was fitted, as plain JSON."""
        procs = [{"name": type(proc).__name__, "state": proc.state()} for proc in self.procs]
        return {"cat_names": self._given[0], "cont_names": self._given[1], "procs": procs}

    @classmethod
    def from_state(cls, state: dict[str, Any], *, own_procs: Iterable[type[TabularProc]] = ()) -> Encoder:
        """The encoder again from its `state()`; classes that are not this library's must be given in `own_procs`.

        Raises ArtifactError if the state is not one, or names a class that is not at hand.
        """
        known: list[type[TabularProc]] = [FillMissing, Categorify, Normalize, *own_procs]
        classes = {proc.__name__: proc for proc in known}
        try:
            cats, conts = (check_names(state[key], key) for key in ("cat_names", "cont_names"))
            fitted: list[TabularProc] = []
            names = (cats, conts)
            for saved in state["procs"]:
                if saved["name"] not in classes:
                    raise ArtifactError(
                        f"the model was saved with a preprocessor {saved['name']}, which is not part of handlens; "
                        f"give its class when loading, own_procs=[{saved['name']}]"
                    )
                fresh = classes[saved["name"]].from_state(*names, saved["state"])
                names = (fresh.cat_names, fresh.cont_names)
                fitted.append(fresh)
            return cls(cats, conts, fitted)
        except (KeyError, TypeError, TableError) as error:
            raise ArtifactError(f"the saved preprocessing is damaged ({error!r}); save the model again") from error


def _still_missing(name: str, count: int) -> TableError:
    return TableError(
        f"continuous column {name!r} must have no missing values for a model; {count} are left after preprocessing. "
        "Put FillMissing into procs"
    )
