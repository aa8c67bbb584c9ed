"""An audit as HTML for notebooks and reports; all text in it is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from handlens.audit.report import formatting

if TYPE_CHECKING:
    from handlens.audit.slices import Slices
    from handlens.audit.subgroups import Subgroups

MOST = 200
"""Groups of one table; how many more there are is said below it."""

STYLE = (
    "<style>.handlens-audit table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.6em 0}"
    ".handlens-audit th,.handlens-audit td{padding:.25em .7em;text-align:right;border-bottom:1px solid #8884}"
    ".handlens-audit th:first-child,.handlens-audit td:first-child{text-align:left}"
    ".handlens-audit small{opacity:.75}.handlens-audit .worst{font-weight:bold;background:#d55e0033}"
    ".handlens-audit td{white-space:nowrap;vertical-align:top}"
    ".handlens-audit caption{text-align:left;font-weight:bold;padding:.4em 0}</style>"
)


def subgroups_html(audit: Subgroups) -> str:
    """A table for each level: a row a group, a column a metric, with intervals and marks; and what is beyond chance."""
    frame = audit.frame
    parts = [_level(by, rows) for by, rows in frame.groupby("by", sort=False)]
    lines = "".join(f"<li>{escape(line)}</li>" for line in formatting.sentences(audit))
    positive = "" if audit.positive is None else f"Positive: {escape(str(audit.positive))}. "
    notes = (
        f"<p><small>{positive}Intervals hold what they estimate {100 * audit.ci:g} % of the time. Bold, with a ground: "
        f"the worst group. *: out of fewer than {audit.small} rows.</small></p>"
    )
    return f'<div class="handlens-audit">{STYLE}{"".join(parts)}<ul>{lines}</ul>{notes}</div>'


def _level(by: object, rows: pd.DataFrame) -> str:
    metrics = list(dict.fromkeys(rows["metric"]))
    n_groups = len(rows) // len(metrics)
    head = "".join(f"<th>{escape(formatting.TITLES.get(metric, metric))}</th>" for metric in metrics)
    shown = list(formatting.each(rows.iloc[: MOST * len(metrics)]))  # group by group
    body = "".join(_group(shown[k : k + len(metrics)]) for k in range(0, len(shown), len(metrics)))
    more = f"<p>and {n_groups - MOST:,} more groups in <code>.frame</code></p>" if n_groups > MOST else ""
    return (
        f"<table><caption>{escape(str(by))}</caption><thead><tr><th>group</th><th>rows</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}"
    )


def _group(metrics: list[Any]) -> str:
    cells = []
    for row in metrics:
        mark = ' class="worst"' if row.worst else ""
        if row.undefined:
            cells.append(f"<td>undefined<br><small>{escape(row.undefined)}</small></td>")
            continue
        star = "*" if row.small else ""
        ends = formatting.interval(row.low, row.high, row.metric)
        cells.append(f"<td{mark}>{formatting.number(row.value, row.metric)}{star}<br><small>{ends}</small></td>")
    return f"<tr><td>{escape(metrics[0].group)}</td><td>{metrics[0].n:,}</td>{''.join(cells)}</tr>"


def slices_html(slices: Slices) -> str:
    """A table of the slices, or that there are none."""
    said = f"{slices.looked_at:,} slices compared, {slices.tried} put forward, {len(slices.frame)} confirmed"
    body = "".join(
        f"<tr><td>{escape(row.slice)}</td><td>{row.n:,}</td><td>{row.error:.3g}<br>"
        f"<small>{row.low:.3g} to {row.high:.3g}</small></td><td>{row.rest:.3g}</td>"
        f"<td>{formatting.probability(row.p)}</td></tr>"
        for row in formatting.each(slices.frame)
    )
    head = "<tr><th>slice</th><th>rows</th><th>error</th><th>all others</th><th>by chance</th></tr>"
    return (
        f'<div class="handlens-audit">{STYLE}<table><thead>{head}</thead><tbody>{body}</tbody></table>'
        f"<p><small>{escape(said)}; errors are from rows that the search did not see.</small></p></div>"
    )
