"""Progress bars of the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def photo_progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar of photos on the terminal; call the result with the numbers of photos done and in all."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Rich ends a bar with an empty line where there is no terminal.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("photos", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
