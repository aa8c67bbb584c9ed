"""Spaces: what a choice is asked for, options or a range, and how Optuna is asked for a value of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from handlens.core.checks import listed, whole
from handlens.errors import ExperimentError

if TYPE_CHECKING:
    from optuna import Trial as OptunaTrial


class Space(Protocol):
    """The values that one choice may have."""

    @property
    def record(self) -> dict[str, Any]:
        """As the store keeps it, plain JSON; two spaces are the same if these are."""

    def check(self, name: str, value: Any) -> None:
        """Raise ExperimentError for a value of a grid that is not one of these."""

    def internal(self, value: Any) -> Any:
        """A value as Optuna knows it."""

    def ask(self, trial: OptunaTrial, name: str) -> Any:
        """The value that Optuna gives this trial, as JSON."""

    def given(self, value: Any) -> Any:
        """The user's own object for a value from the store."""


@dataclass(frozen=True)
class Options:
    """One of several values; any JSON values, lists too."""

    options: Sequence[Any]

    @classmethod
    def of(cls, name: str, options: Sequence[Any]) -> Options:
        found = listed(options, f"the options of {name!r}", "[1, 2] or ['a', 'b']", ExperimentError)
        if not found:
            raise ExperimentError(f"the options of {name!r} must be one value or more; an empty list arrived.")
        texts = [json_text(option, name) for option in found]
        twice = [text for text in texts if texts.count(text) > 1]
        if twice:
            raise ExperimentError(f"the options of {name!r} must differ; {twice[0]} arrived twice.")
        return cls(found)

    @property
    def record(self) -> dict[str, Any]:
        return {"kind": "categorical", "options": [json.loads(json_text(option)) for option in self.options]}

    def check(self, name: str, value: Any) -> None:
        if json_text(value, name) not in map(json_text, self.options):
            raise ExperimentError(
                f"the grid has {value!r} for {name!r}, which is not one of the options that train asks for, "
                f"{list(self.options)!r}."
            )

    def internal(self, value: Any) -> str:
        return json_text(value)

    def ask(self, trial: OptunaTrial, name: str) -> Any:
        return json.loads(trial.suggest_categorical(name, [json_text(option) for option in self.options]))

    def given(self, value: Any) -> Any:
        return next(option for option in self.options if json_text(option) == json_text(value))


@dataclass(frozen=True)
class Range:
    """A number between two; an integer, or a real one."""

    low: float
    high: float
    log: bool
    kind: str  # "integer" or "real"

    @classmethod
    def integers(cls, name: str, low: int, high: int, *, log: bool) -> Range:
        for value in (low, high):
            whole(value, f"the range of {name!r}", ExperimentError, least=-(10**15))
        return cls._of(name, int(low), int(high), log, "integer")

    @classmethod
    def reals(cls, name: str, low: float, high: float, *, log: bool) -> Range:
        for value in (low, high):
            if not isinstance(value, (int, float, np.number)) or isinstance(value, bool) or not math.isfinite(value):
                raise ExperimentError(f"the range of {name!r} must be two finite numbers; {value!r} arrived.")
        return cls._of(name, float(low), float(high), log, "real")

    @classmethod
    def _of(cls, name: str, low: float, high: float, log: bool, kind: str) -> Range:
        if low > high or (log and low <= 0):
            also = ", above 0 for a log scale" if log else ""
            raise ExperimentError(
                f"the range of {name!r} must go from a number to one not below it{also}; {low} to {high} arrived."
            )
        return cls(low, high, bool(log), kind)

    @property
    def record(self) -> dict[str, Any]:
        return {"kind": self.kind, "low": self.low, "high": self.high, "log": self.log}

    def check(self, name: str, value: Any) -> None:
        right = isinstance(value, (int, np.integer) if self.kind == "integer" else (int, float, np.number))
        if not right or isinstance(value, bool) or not self.low <= value <= self.high:
            raise ExperimentError(
                f"the grid has {value!r} for {name!r}, for which train asks for {_article(self.kind)} from {self.low} "
                f"to {self.high}."
            )

    def internal(self, value: Any) -> float:
        return int(value) if self.kind == "integer" else float(value)

    def ask(self, trial: OptunaTrial, name: str) -> Any:
        suggest = trial.suggest_int if self.kind == "integer" else trial.suggest_float
        return suggest(name, self.low, self.high, log=self.log)  # type: ignore[arg-type]

    def given(self, value: Any) -> Any:
        return int(value) if self.kind == "integer" else float(value)


def space_of(record: dict[str, Any]) -> Space:
    """A space of the store."""
    if record["kind"] == "categorical":
        return Options(record["options"])
    return Range(record["low"], record["high"], record["log"], record["kind"])


def described(record: dict[str, Any]) -> str:
    """A space of the store, in words."""
    if record["kind"] == "categorical":
        return f"one of {record['options']!r}"
    scale = ", log scale" if record["log"] else ""
    return f"{_article(record['kind'])} from {record['low']} to {record['high']}{scale}"


def json_text(value: Any, name: str = "a choice") -> str:
    """A value as JSON, by which options are told apart: 1, 1.0 and true are three values."""
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)
        text.encode()  # not every text is one that databases and tables have
        return text
    except (TypeError, ValueError) as error:
        raise ExperimentError(
            f"options of {name!r} must be values that JSON has: text, numbers, True and False, None, and lists and "
            f"dicts of them; {value!r} arrived. Give names, and look up by the name what each means."
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "integer" else f"a {kind} number"
