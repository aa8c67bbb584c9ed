"""The computed part of a model card as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from handlens.audit.model_card import ModelCard
from handlens.audit.report.markdown import cell, table

MOST_ROWS = 60
"""Rows of the table of subgroups that are shown; below it stands how many more there are."""

COLUMNS = ("by", "group", "metric", "n", "value", "low", "high", "minus_best", "worst", "small", "undefined")
"""The columns of a frame of subgroups that are shown, those that it has."""


def computed_part(card: ModelCard) -> str:
    """What the model was trained on and how, how good it is, and for whom."""
    return "\n\n".join(
        [
            "### Trained on",
            _datasheet_line(card),
            table(["what", "value"], _lines(card.data)),
            "### Recipe",
            table(["what", "value"], _lines(card.recipe)),
            *(["### How it was chosen", table(["what", "value"], _lines(card.chosen))] if card.chosen else []),
            "### How good it is",
            _metrics(card),
            "### For whom",
            *_subgroups(card),
        ]
    )


def _datasheet_line(card: ModelCard) -> str:
    sheet = card.datasheet
    if sheet is None:
        return "_No datasheet was given._ `handlens audit datasheet` makes one of the data."
    unanswered = f"; {len(sheet.unanswered)} of its questions are not answered yet" if sheet.unanswered else ""
    return f"Datasheet “{cell(sheet.name)}”, of the data with SHA-256 `{sheet.hash}`{unanswered}."


def _metrics(card: ModelCard) -> str:
    if not card.metrics:
        return "_Not measured: the model was exported without held-out data._"
    rows: list[list[Any]] = [[m.name, _number(m.value), _interval(m.low, m.high), m.n] for m in card.metrics]
    return table(["metric", "value", "95 % interval", "held-out items"], rows)


def _subgroups(card: ModelCard) -> list[str]:
    frame = card.subgroups
    if frame is None:
        return ["_Not measured._ `handlens.audit.subgroups` computes how good it is for each group."]
    names = [name for name in COLUMNS if name in frame.columns] or list(frame.columns)
    shown = frame[names].head(MOST_ROWS)
    rows = [[_number(value) for value in row] for row in shown.itertuples(index=False, name=None)]
    parts = [table([str(column) for column in shown.columns], rows)]
    if len(frame) > len(shown):
        parts.append(f"{len(frame) - len(shown):,} more rows are left out here.")
    return parts


def _lines(values: Mapping[str, Any]) -> list[list[Any]]:
    return [[name, _number(value)] for name, value in values.items()]


def _number(value: Any) -> Any:
    """A fraction with four digits, and "undefined" for nan; anything else as it is."""
    if isinstance(value, (float, np.floating)):
        return "undefined" if np.isnan(value) else f"{value:.4g}"
    return value.item() if isinstance(value, np.generic) else value


def _interval(low: float, high: float) -> str:
    return f"{_number(low)} – {_number(high)}" if np.isfinite([low, high]).all() else "undefined"
