"""An audit as HTML for notebooks; all text in it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from handlens.audit.metrics import Metric
from handlens.audit.report.formatting import format_interval, format_p, format_value, rows_of
from handlens.audit.report.text import subgroups_sentences
from handlens.audit.slices import Slices
from handlens.audit.subgroups import Subgroups

MOST_GROUPS = 200
"""Groups that a table shows; below it stands how many more there are."""

STYLE = (
    "<style>.handlens-audit table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.6em 0}"
    ".handlens-audit th,.handlens-audit td{padding:.25em .7em;text-align:right;border-bottom:1px solid #8884}"
    ".handlens-audit th:first-child,.handlens-audit td:first-child{text-align:left}"
    ".handlens-audit small{opacity:.75}.handlens-audit .worst{font-weight:bold;background:#d55e0033}"
    ".handlens-audit td{white-space:nowrap;vertical-align:top}"
    ".handlens-audit caption{text-align:left;font-weight:bold;padding:.4em 0}</style>"
)


def subgroups_html(audit: Subgroups) -> str:
    """A table for each level, a row for each group and a column for each metric, and the audit's sentences."""
    metrics = list(audit.metrics.values())
    parts = [_level_table(str(by), rows, metrics) for by, rows in audit.frame.groupby("by", sort=False)]
    lines = "".join(f"<li>{escape(line)}</li>" for line in subgroups_sentences(audit))
    positive = "" if audit.positive is None else f"Positive: {escape(str(audit.positive))}. "
    notes = (
        f"<p><small>{positive}Intervals: {100 * audit.ci:g} % confidence. Bold on a coloured background: the worst "
        f"group. *: computed from fewer than {audit.small} rows.</small></p>"
    )
    return f'<div class="handlens-audit">{STYLE}{"".join(parts)}<ul>{lines}</ul>{notes}</div>'


def slices_html(slices: Slices) -> str:
    """A table of the slices, and how many were compared."""
    counts = f"{slices.looked_at:,} slices compared, {slices.tried} put forward, {len(slices.frame)} confirmed"
    notes = f"{counts}; errors are from rows that the search did not see"
    notes += f"; {slices.left_out}." if slices.left_out else "."
    body = "".join(
        f"<tr><td>{escape(row.slice)}</td><td>{row.n:,}</td><td>{row.error:.3g}<br>"
        f"<small>{row.low:.3g} to {row.high:.3g}</small></td><td>{row.rest:.3g}</td><td>{format_p(row.p)}</td></tr>"
        for row in rows_of(slices.frame)
    )
    head = "<tr><th>slice</th><th>rows</th><th>error</th><th>all others</th><th>by chance</th></tr>"
    return (
        f'<div class="handlens-audit">{STYLE}<table><thead>{head}</thead><tbody>{body}</tbody></table>'
        f"<p><small>{escape(notes)}</small></p></div>"
    )


def _level_table(by: str, rows: pd.DataFrame, metrics: Sequence[Metric]) -> str:
    n_groups = len(rows) // len(metrics)
    head = "".join(f"<th>{escape(metric.title)}</th>" for metric in metrics)
    shown = list(rows_of(rows.iloc[: MOST_GROUPS * len(metrics)]))  # group by group
    body = "".join(_group_row(shown[k : k + len(metrics)], metrics) for k in range(0, len(shown), len(metrics)))
    more = f"<p>and {n_groups - MOST_GROUPS:,} more groups in <code>.frame</code></p>" if n_groups > MOST_GROUPS else ""
    return (
        f"<table><caption>{escape(by)}</caption><thead><tr><th>group</th><th>rows</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _group_row(rows: Sequence[Any], metrics: Sequence[Metric]) -> str:
    cells = []
    for row, metric in zip(rows, metrics, strict=True):
        if row.undefined:
            cells.append(f"<td>undefined<br><small>{escape(row.undefined)}</small></td>")
            continue
        mark = ' class="worst"' if row.worst else ""
        star = "*" if row.small else ""
        interval = format_interval(row.low, row.high, metric)
        cells.append(f"<td{mark}>{format_value(row.value, metric)}{star}<br><small>{interval}</small></td>")
    return f"<tr><td>{escape(rows[0].group)}</td><td>{rows[0].n:,}</td>{''.join(cells)}</tr>"
