"""Studies whose outcomes are known, written straight into the record, for tests and benchmarks that only read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from handlens.experiments.store import CHOICES, COMBINATIONS, EPOCHS, RUNS, STUDIES, Place, Store, written

BEGAN = 1_700_000_000.0


def combinations_of(choices: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of these values, the last name fastest."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def curve(end: float, epochs: int, random: np.random.Generator) -> list[float]:
    """A falling curve that ends at exactly `end`."""
    falls = end + np.exp(-np.arange(epochs) / 2) + 0.02 * random.standard_normal(epochs)
    return [*map(float, falls[:-1]), end]


def make_study(
    folder: Path,
    combinations: Sequence[Mapping[str, Any]],
    value: Callable[[Mapping[str, Any], int], float],
    *,
    name: str = "made",
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 5,
    metric: str = "valid_loss",
    direction: str = "minimize",
    storage: str | None = None,
) -> Store:
    """Write a study all of whose runs are finished; `value(choices, seed)` is what each run ends with."""
    store = Store(Place.of(folder, storage))
    random = np.random.default_rng(0)
    runs, curves = [], []
    for number, choices in enumerate(combinations):
        for seed in seeds:
            run, end = len(runs) + 1, float(value(choices, seed))
            losses = curve(end, epochs, random)
            numbers = [{"train_loss": 0.9 * loss, "valid_loss": loss, "rate": 0.01} | {metric: loss} for loss in losses]
            curves += [
                {"run": run, "epoch": i + 1, "seconds": 1.0, "numbers": written(row)} for i, row in enumerate(numbers)
            ]
            facts = {"machine": "made", "versions": {"handlens": "0"}, "commit": None, "data": None}
            runs.append(
                {
                    "id": run,
                    "study": name,
                    "combination": number,
                    "phase": "study",
                    "seed": seed,
                    "split": 0,
                    "status": "finished",
                    "owner": None,
                    "beat": None,
                    "started": BEGAN + run,
                    "ended": BEGAN + run + epochs,
                    "seconds": float(epochs),
                    "epochs": epochs,
                    "value": end,
                    "numbers": written(numbers[-1]),
                    "facts": written(facts),
                    "error": None,
                    "note": "",
                    "star": False,
                    "hidden": False,
                    "stop": False,
                    "changed": BEGAN + run,
                }
            )
    rows = [
        {"study": name, "number": i, "trial": None, "choices": written(dict(one)), "complete": True, "told": True}
        for i, one in enumerate(combinations)
    ]
    options: dict[str, dict[str, Any]] = {}  # of each choice by their JSON
    for choices in combinations:
        for choice, option in choices.items():
            options.setdefault(choice, {})[written({"": option})] = option
    asked = [
        {"study": name, "name": choice, "position": position, "space": written(_categorical(values.values()))}
        for position, (choice, values) in enumerate(options.items())
    ]
    with store.writing() as connection:
        connection.execute(
            STUDIES.insert().values(
                name=name, metric=metric, direction=direction, seed=0, made=BEGAN, settings=written({})
            )
        )
        connection.execute(CHOICES.insert(), asked)
        connection.execute(COMBINATIONS.insert(), rows)
        connection.execute(RUNS.insert(), runs)
        connection.execute(EPOCHS.insert(), curves)
    return store


def _categorical(options: Iterable[Any]) -> dict[str, Any]:
    return {"kind": "categorical", "options": list(options)}
