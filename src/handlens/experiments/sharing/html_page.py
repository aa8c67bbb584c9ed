"""A study as one HTML file, which needs nothing from elsewhere: facts, a pivot table, little graphs, and all runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handlens import __version__
from handlens.errors import ExperimentError
from handlens.experiments.drawing.graphs import NO_NUMBER, Cell, GraphGrid, RunCurve
from handlens.experiments.drawing.scales import Floats, number_text, text_of
from handlens.experiments.reading.pivot import Pivot
from handlens.experiments.sharing.exports import plain
from handlens.io.files import atomic_write

MOST_GRAPHS = 200
"""Combinations that have a graph, the best ones; above them stands how many more there are."""

MOST_RUNS = 500
"""Runs that are shown first, of those that the table holds: browsers lay out thousands of rows slowly."""

_WIDTH, _HEIGHT, _ROOM = 150.0, 84.0, 5.0
"""Of a graph, and round what is drawn in it."""

_LAST = ("epochs", "seconds", "started", "ended", "machine", "commit", "error", "note", "star", "hidden")
"""Columns that the table of runs has at its end, after the choices and the numbers."""

_SIGNS = {"failed": "×", "pruned": "|", "stopped": "–", NO_NUMBER: "◆"}

_MANY = 40
"""Letters of a text that a table shows; all of it is shown when the pointer rests on it."""


def write_html(
    path: Path | str,
    frame: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    name: str,
    metric: str,
    direction: str,
    choices: Sequence[str],
    pivot: Pivot | None = None,
) -> None:
    """Write the page; `Study.to_html` says more.

    Args:
        path: the file.
        frame, curves: as `Study.frame` and `Study.curves` give them.
        name, metric, direction, choices: of the study.
        pivot: a pivot table of it, which is shown, and whose cells have the graphs.

    Raises:
        ExperimentError: `pivot` is something else.
        StorageError: the disk refused; what was there before stays.
    """
    if not isinstance(pivot, Pivot | None):
        raise ExperimentError(f"pivot must be what study.pivot(…) gives; {pivot!r} arrived.")
    begun = bool(((frame["status"] != "waiting") & (frame["phase"] == "study")).any())
    parts = [
        f"<main><h1>{escape(name)}</h1>",
        _facts(frame, metric, direction),
        "" if pivot is None else f"<h2>Pivot table</h2><div class='scroll' tabindex='0'>{pivot._repr_html_()}</div>",
        _graphs(frame, curves, metric, direction, choices, pivot) if begun else "",
        _runs(frame),
        "</main>",
        f"<footer>Written by handlens {escape(__version__)}.</footer>",
    ]
    page = "".join([_HEAD, f"<title>{escape(name)}</title>", _STYLE, "<body>\n", "\n".join(parts), _SCRIPT])
    with atomic_write(path) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")


def _facts(frame: pd.DataFrame, metric: str, direction: str) -> str:
    """What was measured, how many runs there are, when and where they ran."""
    counts = frame["status"].value_counts()
    better = "lower" if direction == "minimize" else "higher"
    facts = [
        ("metric", f"{metric}; {better} is better"),
        ("combinations", f"{frame['combination'].nunique():,}"),
        ("runs", f"{len(frame):,}: {', '.join(f'{count:,} {status}' for status, count in counts.items())}"),
    ]
    if len(frame) and frame["started"].notna().any():
        first, last = (
            f"{one:%Y-%m-%d %H:%M}" for one in (frame["started"].min(), frame["ended"].max()) if pd.notna(one)
        )
        facts.append(("time", f"{first} to {last} UTC"))
    facts.append(("training", _duration(frame["seconds"].sum())))
    for fact in ("machine", "commit"):
        found = frame[fact].dropna().unique()
        if len(found):
            facts.append((fact, ", ".join(map(str, found[:5])) + (" …" if len(found) > 5 else "")))
    rows = "".join(f"<dt>{escape(what)}</dt><dd>{escape(value)}</dd>" for what, value in facts)
    return f"<dl>{rows}</dl>"


def _duration(seconds: float) -> str:
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} seconds"


def _graphs(
    frame: pd.DataFrame,
    curves: pd.DataFrame,
    metric: str,
    direction: str,
    choices: Sequence[str],
    pivot: Pivot | None,
) -> str:
    """A graph for each cell of the pivot table, or else for each combination, the best first."""
    if pivot is None:
        grid = GraphGrid.of(frame, curves, rows="combination", metric=metric)
        sign = 1 if direction == "minimize" else -1
        order = sorted(grid.rows, key=lambda key: np.nan_to_num(sign * grid.cells[key, ()].mean, nan=np.inf))
        made = {row["combination"]: row for row in frame.drop_duplicates("combination").to_dict("records")}
        body = "".join(
            _figure(grid, grid.cells[key, ()], [f"combination {key[0]}", *_choices_of(made[key[0]], choices)])
            for key in order[:MOST_GRAPHS]
        )
        more = f"<p>The {MOST_GRAPHS} best of {len(order):,} combinations.</p>" if len(order) > MOST_GRAPHS else ""
        content = f"{more}<div class='graphs'>{body}</div>"
    else:
        values = pivot.values if pivot.values in curves.columns else None
        grid = GraphGrid.of(frame, curves, rows=pivot.rows, columns=pivot.columns, values=values, metric=metric)
        most = max(MOST_GRAPHS // len(grid.columns), 1)
        head = "".join(f"<th scope='col'>{escape(_key(pivot.columns, key))}</th>" for key in grid.columns)
        body = "".join(
            f"<tr><th scope='row'>{escape(_key(pivot.rows, row))}</th>"
            + "".join(f"<td>{_figure(grid, grid.cells[row, column], [])}</td>" for column in grid.columns)
            + "</tr>"
            for row in grid.rows[:most]
        )
        more = f"<p>The first {most} of {len(grid.rows):,} rows.</p>" if len(grid.rows) > most else ""
        table = f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
        content = f"{more}<div class='scroll' tabindex='0'><table class='grid'>{table}</table></div>"
    measured = escape(metric if grid.measured == "value" else grid.measured)
    if not grid.drawn:
        return f"<h2>Results</h2><p class='legend'>Bold number: the mean {measured} of the finished runs.</p>{content}"
    names = " ".join(f"<span class='key n{_rank(grid, one)}'>{escape(one)}</span>" for one in grid.numbers)
    signs = ", ".join(f"{sign} {outcome}" for outcome, sign in _SIGNS.items())
    scale = f"{grid.scale.low:.4g} to {grid.scale.high:.4g}{', logarithmic' if grid.scale.log else ''}"
    return (
        f"<h2>Training graphs</h2><p class='legend'>{names}. All graphs have one scale, {escape(scale)}, over "
        f"{grid.epochs} epoch{'s' if grid.epochs > 1 else ''}. Thin: a run; thick: the mean of the finished runs. Bold "
        f"number: their mean {measured} at the end. ▲ ▼ beyond the scale, {signs}.</p>{content}"
    )


def _choices_of(row: dict[Any, Any], choices: Sequence[str]) -> list[str]:
    return [f"{name} = {text_of(row[name])}" for name in choices if name in row and not _is_missing(row[name])]


def _key(names: Sequence[str], key: Sequence[Any]) -> str:
    return ", ".join(f"{name} = {text_of(value)}" for name, value in zip(names, key, strict=True))


def _figure(grid: GraphGrid, cell: Cell, lines: Sequence[str]) -> str:
    """The graph of a cell, with its mean, its bumpiness, how many runs it has, and lines of text."""
    if not len(cell.runs):
        return "<figure class='empty'>not run</figure>"
    count = f"n {cell.ended}" if cell.ended == len(cell.runs) else f"{cell.ended} of {len(cell.runs)}"
    bumpy = "" if np.isnan(cell.bumpiness) else f"<span>bumpy {cell.bumpiness:.2g}</span>"
    short = "" if cell.ended == len(cell.runs) else " class='short'"
    said = escape(
        ", ".join([*lines, f"mean {number_text(cell.mean)}", f"{cell.ended} of {len(cell.runs)} runs"]), quote=True
    )
    text = "".join(f"<br>{escape(line)}" for line in lines)
    svg = (
        f"<svg viewBox='0 0 {_WIDTH:g} {_HEIGHT:g}' role='img' aria-label=\"{said}\">{_svg(grid, cell)}</svg>"
        if grid.drawn
        else ""
    )
    caption = f"<b>{number_text(cell.mean)}</b> {bumpy} <span{short}>{count}</span>{text}"
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _svg(grid: GraphGrid, cell: Cell) -> str:
    parts = []
    for number in grid.numbers:
        rank = _rank(grid, number)
        for curve in cell.curves[number]:
            parts.append(f"<path class='n{rank}' d='{_path(grid, curve.epochs, curve.values)}'/>")
        epochs, values = cell.mean_curve(number)
        if len(epochs):
            parts.append(f"<path class='n{rank} mean' d='{_path(grid, epochs, values)}'/>")
        parts += [mark for curve in cell.curves[number] for mark in _marks(grid, curve, last=rank == 0)]
    return "".join(parts)


def _rank(grid: GraphGrid, number: str) -> int:
    """0 for the number on top, 1 for the one below."""
    return 0 if number == grid.numbers[-1] else 1


def _points(grid: GraphGrid, epochs: Floats, values: Floats) -> tuple[Floats, Floats]:
    x = 0.5 + np.zeros(len(epochs)) if grid.epochs == 1 else (epochs - 1) / (grid.epochs - 1)
    y = np.clip(grid.scale.position(values), -1, 2)  # beyond the edge it is cut off
    return _ROOM + x * (_WIDTH - 2 * _ROOM), _HEIGHT - _ROOM - y * (_HEIGHT - 2 * _ROOM)


def _path(grid: GraphGrid, epochs: Floats, values: Floats) -> str:
    """A line through all points; it begins again after a value that is not a number, and a lone point is a dot."""
    known = np.isfinite(values)
    parts = []
    for i, (x, y) in enumerate(zip(*_points(grid, epochs, values), strict=True)):
        if known[i]:
            before, after = i > 0 and known[i - 1], i + 1 < len(known) and known[i + 1]
            parts.append(f"{'L' if before else 'M'}{x:.1f} {y:.1f}" + ("" if before or after else "h.01"))
    return "".join(parts)


def _marks(grid: GraphGrid, curve: RunCurve, *, last: bool) -> list[str]:
    """A triangle wherever a run leaves the scale, and how it ended, unless with a number."""
    marks = []
    for epoch, above in curve.leaves(grid.scale):
        x = _points(grid, np.array([epoch]), np.array([grid.scale.low]))[0][0]
        marks.append(f"<text class='out' x='{x:.1f}' y='{7 if above else _HEIGHT:g}'>{'▲' if above else '▼'}</text>")
    low, high = grid.scale.seen
    if last and curve.outcome in _SIGNS and curve.end and low <= curve.end[1] <= high:
        x, y = (one[0] for one in _points(grid, np.array([curve.end[0]]), np.array([curve.end[1]])))
        marks.append(f"<text class='mark' x='{x:.1f}' y='{y + 4:.1f}'>{_SIGNS[curve.outcome]}</text>")
    return marks


def _runs(frame: pd.DataFrame) -> str:
    """All runs as a table that is sorted by any column; columns that are the same for all are left out."""
    table = plain(frame)
    names = [str(name) for name in table.columns if name not in _LAST] + [name for name in _LAST if name in table]
    shown = [name for name in names if name == "run" or _says_something(name, table[name])]
    numeric = {name: pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype.kind != "b" for name in shown}
    head = "".join(
        f"<th scope='col'{' class=number' if numeric[name] else ''}><button type='button'>{escape(name)}</button></th>"
        for name in shown
    )
    columns = [[_td(name, value, number=numeric[name]) for value in table[name]] for name in shown]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*columns, strict=True))
    few, button = "", ""
    if len(table) > MOST_RUNS:
        few, button = " few", f"<button type='button' class='all'>Show all {len(table):,} runs</button>"
    return (
        f"<h2>Runs</h2><div class='scroll' tabindex='0'><table class='runs{few}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>{button}"
    )


def _says_something(name: str, column: pd.Series[Any]) -> bool:
    if name in ("phase", "split", "machine", "commit") and column.nunique() < 2:
        return False
    return any(not _is_missing(value) and value is not False and value != "" for value in column.tolist())


def _td(name: str, value: Any, *, number: bool) -> str:
    if _is_missing(value):
        return "<td class=number></td>" if number else "<td></td>"
    if number:
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return f"<td class=number data-v='{value!r}'>{text}</td>"
    if isinstance(value, pd.Timestamp):
        return f"<td data-v='{value.timestamp()!r}'>{value:%Y-%m-%d %H:%M:%S}</td>"
    text = str(value)
    if text in ("failed", "pruned", "stopped"):
        return f"<td class=short>{text}</td>"
    short = (
        text.strip().rpartition("\n")[2] if name == "error" else " ".join(text.split())
    )  # of a traceback the last line
    short = short if len(short) <= _MANY else short[: _MANY - 1] + "…"
    title = "" if short == text else f' title="{escape(text, quote=True)}"'
    return f"<td{title}>{escape(short)}</td>"


def _is_missing(value: Any) -> bool:
    return value is None or (not isinstance(value, tuple | list) and bool(pd.isna(value)))


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
"""

_STYLE = """
<script>document.documentElement.classList.add("script")</script>
<style>
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5c5c5c; --line: #d9d9d9; --paper: #fff; --blue: #0072b2;
  --orange: #e69f00; --red: #b84a00; --shade: #f4f4f4; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a8a8a8; --line: #3a3a3a;
  --paper: #161616; --blue: #56b4e9; --orange: #e69f00; --red: #ff8a4c; --shade: #222; } }
body { margin: 0 auto; max-width: 1400px; padding: 20px 16px 40px; background: var(--paper); color: var(--ink);
  font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 10px; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 28px 0 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; }
dt, .legend, footer, figcaption span { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.legend { margin: 0 0 10px; max-width: 80em; overflow-wrap: anywhere; } footer { margin-top: 28px; font-size: 12px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.runs { font-size: 13px; } .runs th, .runs td { padding: 3px 10px 3px 0; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
.runs .number { text-align: right; padding: 3px 0 3px 12px; } .runs td.number + td:not(.number) { padding-left: 14px; }
.runs th.number + th:not(.number) { padding-left: 14px; }
@media screen { .script .few tbody tr:nth-child(n + 501) { display: none; } }
.all { margin: 10px 0; padding: 4px 10px; font: inherit; } html:not(.script) .all { display: none; }
.runs button { all: unset; cursor: pointer; font-weight: 600; }
.runs button:focus-visible { outline: 2px solid var(--blue); }
.runs [aria-sort=ascending] button::after { content: " ↑"; }
.runs [aria-sort=descending] button::after { content: " ↓"; }
.graphs { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: 14px 16px; }
.grid th { font-weight: 600; text-align: left; max-width: 24em;
  overflow-wrap: anywhere; padding: 2px 12px 2px 0; } .grid th[scope=col] { padding: 0 6px; }
.grid td { padding: 4px 6px; vertical-align: top; } .grid figure { width: 165px; }
figure { margin: 0; font-size: 12px; overflow-wrap: anywhere; break-inside: avoid; }
figure.empty { color: var(--soft); background: var(--shade); height: 90px; display: grid; place-items: center; }
figcaption span { white-space: nowrap; }
.short, figcaption .short { color: var(--red); } svg { width: 100%; display: block; border-left: 1px solid var(--line);
  border-bottom: 1px solid var(--line); }
path { fill: none; stroke-width: .8; opacity: .65; stroke-linecap: round; stroke-linejoin: round; }
path.mean { stroke-width: 2; opacity: 1; } .n0 { stroke: var(--blue); } .n1 { stroke: var(--orange); }
.key { font-weight: 600; color: var(--ink); border-bottom: 3px solid; }
.key.n0 { border-color: var(--blue); } .key.n1 { border-color: var(--orange); }
text { font-size: 11px; text-anchor: middle; } .mark { fill: var(--red); font-weight: 700; }
.out { fill: var(--soft); font-size: 8px; }
@media print { .all { display: none; } body { max-width: none; padding: 0; font-size: 10px; } .runs { font-size: 7px; }
  .scroll { overflow: visible; }
  .runs td, .runs th, .runs .number { white-space: normal; padding: 2px 6px 2px 0; }
  .runs th { max-width: 11em; overflow-wrap: anywhere; } figure { font-size: 8px; }
  thead { display: table-header-group; } tr { break-inside: avoid; } }
</style>
</head>
"""

_SCRIPT = """
<script>
const all = document.querySelector(".all");
all?.addEventListener("click", () => {
  document.querySelector(".few").classList.remove("few");
  all.remove();
});
const { compare } = new Intl.Collator("en");
for (const button of document.querySelectorAll(".runs th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, place = head.cellIndex, body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = [...body.children].map((row) => {
      const cell = row.children[place], text = cell.textContent, number = cell.dataset.v;
      return [row, number === undefined ? text : Number(number.replace("inf", "Infinity")), text === ""];
    });
    keyed.sort(([, a, lacksA], [, b, lacksB]) =>
      lacksA || lacksB ? lacksA - lacksB : (down ? -1 : 1) * (typeof a === "number" ? a - b : compare(a, b)));
    body.replaceChildren(...keyed.map(([row]) => row));
  });
}
</script>
</body>
</html>
"""
