"""The estimator of a metric that is a function of the user, (y_true, y_pred) → number: the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.audit import significance
from handlens.audit.columns import as_array
from handlens.audit.estimates import GroupedRows, GroupEstimates, LevelEstimate
from handlens.audit.intervals import Floats, bootstrap
from handlens.errors import AuditError, HandlensError
from handlens.io.problems import reason_of


class _Value(NamedTuple):
    """A function's value on some rows, with its interval; or why it is undefined."""

    rows: int
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    undefined: str = ""


@dataclass(frozen=True)
class UserFunction:
    """Any function of the true and predicted values, with the bootstrap's interval.

    The function says that it is undefined for some rows by raising ValueError or ZeroDivisionError, or by returning a
    number that is not finite. Its test compares intervals.

    Args:
        name: the metric's name, for error messages.
        function: takes two arrays [n], y_true and y_pred, and returns a number.
    """

    name: str
    function: Callable[..., float]

    def measure(self, data: GroupedRows) -> list[LevelEstimate]:
        """See `Estimator`.

        Raises:
            AuditError: the function is undefined for all rows together, or returns something else than a number.
        """
        y_true, y_pred, rng = data.y_true.to_numpy(), data.y_pred.to_numpy(), data.rng()

        def of(rows: NDArray[np.bool_]) -> _Value:
            return self._value(y_true[rows], y_pred[rows], data, rng)

        everyone = of(np.ones(len(y_true), bool))
        if math.isnan(everyone.value):
            raise AuditError(
                f"metric {self.name!r} must be defined for all rows together; it is not: {everyone.undefined}."
            )
        found = []
        for level in data.levels:
            codes = level.of_cell[data.grouping.cells]
            masks = [codes == group for group in range(len(level.labels))]
            groups = [everyone if mask.all() else of(mask) for mask in masks]
            rest = [of(~mask) for mask in masks]
            found.append(LevelEstimate(_estimate(groups), _estimate(rest), [each.undefined for each in groups]))
        return found

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:
        """See `Estimator`."""
        return significance.of_intervals([m.groups for m in measured[1:]], [m.rest for m in measured[1:]], data.ci)

    def _value(self, y_true: NDArray[Any], y_pred: NDArray[Any], data: GroupedRows, rng: np.random.Generator) -> _Value:
        n = len(y_true)
        if not n:
            return _Value(0, undefined="no rows")

        def resampled(rows: NDArray[np.intp]) -> float:
            try:
                return self._call(y_true[rows], y_pred[rows])
            except (ValueError, ZeroDivisionError):
                return math.nan

        try:
            value = self._call(y_true, y_pred)
        except (ValueError, ZeroDivisionError) as error:
            return _Value(n, undefined=str(error) or type(error).__name__)
        if not math.isfinite(value):
            return _Value(n, undefined="the function gave no number")
        return _Value(n, value, *bootstrap(resampled, n, level=data.ci, draws=data.draws, rng=rng))

    def _call(self, y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        try:
            found: Any = self.function(y_true, y_pred)
        except (ValueError, ZeroDivisionError, HandlensError):
            raise
        except Exception as error:
            raise AuditError(
                f"metric {self.name!r} must take the arrays y_true and y_pred and return a number; it raised "
                f"{type(error).__name__}: {reason_of(error)}."
            ) from error
        try:
            return float(None if isinstance(found, str) else as_array(found))  # type: ignore[arg-type]  # no text
        except Exception:  # whatever the value's own __float__ raises
            raise AuditError(f"metric {self.name!r} must return a number; {found!r:.40} arrived.") from None


def _estimate(values: list[_Value]) -> GroupEstimates:
    columns = np.array([each[:4] for each in values], np.float64).reshape(-1, 4).T
    return GroupEstimates(*columns)
