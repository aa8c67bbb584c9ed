"""Progress of a training run: the lesson's table with a row for each epoch, and a bar for the current epoch."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

from handlens.core.display import in_notebook, show_html

if TYPE_CHECKING:
    from rich.progress import Progress

_OFTEN = 0.2  # seconds between two updates of the bar

_FILE: ContextVar[TextIO | None] = ContextVar("file", default=None)


@contextmanager
def tables_in(file: TextIO) -> Iterator[None]:
    """A block whose tables are written to a file, and not shown."""
    before = _FILE.set(file)
    try:
        yield
    finally:
        _FILE.reset(before)


class ProgressTable:
    """Prints a header and a row for each epoch; below it a bar where there is a terminal or a notebook to show one.

    Args:
        columns: names of the numbers; an epoch column before them and a time column after them are added.
        epochs: how many there will be.
    """

    def __init__(self, columns: Sequence[str], epochs: int) -> None:
        self.columns = ["epoch", *columns, "time"]
        self.epochs = epochs
        self.rows: list[list[str]] = []
        self._began = time.perf_counter()
        self._epoch_began = self._began
        self._shown = 0.0
        file = _FILE.get()
        notebook = file is None and in_notebook()
        self._view: _Notebook | _Terminal = _Notebook(self) if notebook else _Terminal(self, file)

    def start_epoch(self) -> None:
        self._epoch_began = time.perf_counter()

    def batch(self, epoch: int, done: int, total: int, loss: float) -> None:
        """So many batches of this epoch are done."""
        now = time.perf_counter()
        if now - self._shown >= _OFTEN:
            self._shown = now
            seconds = now - self._epoch_began
            left = clock(seconds / done * (total - done))
            self._view.bar(done / total, f"epoch {epoch + 1}/{self.epochs}  loss {loss:.6f}  {left} left")

    def row(self, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch is done, with these numbers."""
        seconds = time.perf_counter() - self._epoch_began
        self.rows.append([str(epoch + 1), *(f"{value:.6f}" for value in values.values()), clock(seconds)])
        self._view.row()

    def close(self) -> None:
        """The run is over, well or not."""
        self._view.close(f"Total time: {clock(time.perf_counter() - self._began)}")


@contextmanager
def slow_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A bar for work that may take long: call the result with the share that is done, from 0 to 1.

    It comes after a second, where there is a terminal or a notebook to show it.

    Args:
        what: what is done, as text beside the bar.
    """
    began = shown = time.perf_counter()
    notebook = in_notebook()
    bar: Any = None

    def show(share: float) -> None:
        nonlocal bar, shown
        now = time.perf_counter()
        if now - began < 1 or now - shown < _OFTEN or not (notebook or sys.stdout.isatty()):
            return
        shown = now
        if notebook:
            bar = show_html(f'<progress value="{share:.3f}" max="1"></progress> {html.escape(what)}', update=bar)
            return
        bar = bar or _start_bar()
        for task in bar.task_ids:
            bar.update(task, completed=share, description=what, refresh=True)

    try:
        yield show
    finally:
        if notebook and bar is not None:
            show_html("", update=bar)
        elif bar is not None:
            bar.stop()


class _Terminal:
    def __init__(self, table: ProgressTable, file: TextIO | None) -> None:
        self.table, self.file = table, file
        self.widths = [
            max(len(name), 10 if 0 < i < len(table.columns) - 1 else 5) for i, name in enumerate(table.columns)
        ]
        self.progress: Progress | None = None

    def bar(self, share: float, text: str) -> None:
        if self.progress is None:
            if self.file is not None or not sys.stdout.isatty():
                return
            self.progress = _start_bar()
        for task in self.progress.task_ids:
            self.progress.update(task, completed=share, description=text, refresh=True)

    def row(self) -> None:
        self._clear()
        if len(self.table.rows) == 1:
            self._line(self.table.columns)
        self._line(self.table.rows[-1])

    def close(self, total: str) -> None:
        self._clear()
        if len(self.table.rows) > 1:
            print(total, flush=True, file=self.file)

    def _line(self, cells: Sequence[str]) -> None:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, self.widths, strict=True)).rstrip()
        print(line, flush=True, file=self.file)

    def _clear(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


def _start_bar() -> Progress:
    from rich.errors import LiveError
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    # No refreshing by the clock: a thread for that would take time from training.
    columns = BarColumn(30), TaskProgressColumn(), TextColumn("{task.description}", markup=False)
    bar = Progress(*columns, transient=True, auto_refresh=False)
    bar.add_task("", total=1.0)
    with suppress(LiveError):  # the terminal has one bar already, of another run: this one stays unseen
        bar.start()
    return bar


class _Notebook:
    def __init__(self, table: ProgressTable) -> None:
        self.table = table
        self.handle: Any = None

    def bar(self, share: float, text: str) -> None:
        self._show(f'<progress value="{share:.3f}" max="1"></progress> {html.escape(text)}')

    def row(self) -> None:
        self._show("")

    def close(self, total: str) -> None:
        self._show(html.escape(total))

    def _show(self, below: str) -> None:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table.columns)
        body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in self.table.rows)
        text = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{below}</p>"
        self.handle = show_html(text, update=self.handle)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, 02:49, or hours, 1:02:49."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
