"""A pivot table as text for terminals, and as HTML for notebooks; all text in it is escaped."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import pandas as pd

from handlens.experiments.reading.pivot import BETTER, WORSE, Pivot

MOST_ROWS = 200

STYLE = (
    "<style>.handlens-pivot table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.6em 0}"
    ".handlens-pivot th,.handlens-pivot td{padding:.25em .7em;text-align:right;border-bottom:1px solid #8884;"
    "vertical-align:top;white-space:nowrap}.handlens-pivot small{opacity:.75}"
    ".handlens-pivot .better{background:#0072b233}.handlens-pivot .worse{background:#d55e0033}</style>"
)


def pivot_text(pivot: Pivot) -> str:
    """The table of the aggregate, the differences to the baseline, and the notes."""
    parts = [_title(pivot), _text(pivot.frame)]
    if "verdict" in pivot.cells:
        shown = ["difference", "difference_low", "difference_high", "p_adjusted", "verdict"]
        differences = pivot.cells.set_index([*pivot.rows, *pivot.columns])[shown]
        parts += ["", "differences to the baseline, with 95 % intervals", _text(differences)]
    return "\n".join([*parts, *(["", *pivot.notes] if pivot.notes else [])])


def pivot_html(pivot: Pivot) -> str:
    """The table, in each cell its number, how many runs it is from, and the difference to the baseline."""
    table = pivot.frame
    columns = [key if isinstance(key, tuple) and len(pivot.columns) > 1 else (key,) for key in table.columns]
    shown = table.index[:MOST_ROWS]
    rows = [key if len(pivot.rows) > 1 else (key,) for key in shown]
    cells = {
        tuple(cell[name] for name in (*pivot.rows, *pivot.columns)): cell for cell in pivot.cells.to_dict("records")
    }
    head = "".join(f"<th>{escape(name)}</th>" for name in pivot.rows)
    if pivot.columns:
        head += "".join(f"<th>{escape(_says(pivot.columns, key))}</th>" for key in columns)
    else:
        columns = [()]  # type: ignore[list-item]
        head += f"<th>{escape(pivot.aggregate)}</th>"
    body = "".join(
        "<tr>"
        + "".join(f"<th>{escape(str(value))}</th>" for value in row)
        + "".join(_cell(cells.get((*row, *column)), pivot.aggregate) for column in columns)
        + "</tr>"
        for row in rows
    )
    more = f"<p>and {len(table) - len(shown):,} more rows in <code>.frame</code></p>" if len(table) > len(shown) else ""
    notes = "".join(f"<li>{escape(note)}</li>" for note in pivot.notes)
    return (
        f'<div class="handlens-pivot">{STYLE}<table><caption>{escape(_title(pivot))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}<ul>{notes}</ul></div>"
    )


def _title(pivot: Pivot) -> str:
    better = "less" if pivot.direction == "minimize" else "more"
    return f"{pivot.aggregate} of {pivot.values} ({better} is better)"


def _text(table: pd.DataFrame) -> str:
    return table.to_string(float_format=_number, max_rows=MOST_ROWS, na_rep="")


def _says(names: list[str], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))


def _cell(cell: dict[Any, Any] | None, aggregate: str) -> str:
    if cell is None:
        return "<td></td>"
    lines = [_number(cell[aggregate]), f"<small>{cell['count']} runs</small>"]
    if cell["missing"]:
        lines.append(f"<small>{escape(cell['why_missing'])}</small>")
    verdict = cell.get("verdict")
    if verdict is not None:
        if math.isfinite(cell["difference_low"]):
            low, high = _number(cell["difference_low"]), _number(cell["difference_high"])
            lines.append(f"<small>{_number(cell['difference'])} ({low} to {high})</small>")
        lines.append(f"<small>{verdict}</small>")
    mark = f' class="{verdict}"' if verdict in (BETTER, WORSE) else ""
    return f"<td{mark}>{'<br>'.join(lines)}</td>"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}".replace("-", "−")
