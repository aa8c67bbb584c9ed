"""The log of a run: what it prints goes to a file, and on to where it went before."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, suppress
from io import TextIOBase
from pathlib import Path
from types import TracebackType
from typing import TextIO

from handlens.core.progress import tables_in
from handlens.io.problems import reporting_disk_errors


class Log:
    """A file that takes what is printed.

    Args:
        path: of the file; what is there stays, and new lines come after it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Log:
        with reporting_disk_errors(self.path):
            self._file = self.path.open("a", encoding="utf-8", errors="replace", buffering=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk was reported where a line was printed
            self._file.close()

    def tables(self) -> AbstractContextManager[None]:
        """A block in which learners write their tables here alone: a study has too many of them to be shown."""
        return tables_in(self._file)

    def beside_stdout(self) -> Both:
        return Both(sys.stdout, self._file)

    def beside_stderr(self) -> Both:
        return Both(sys.stderr, self._file)


class Both(TextIOBase):
    """A text stream that writes to two others; questions about a terminal are answered by the first."""

    def __init__(self, first: TextIO, second: TextIO) -> None:
        self.first, self.second = first, second

    def write(self, text: str) -> int:
        self.second.write(text)
        return self.first.write(text)

    def flush(self) -> None:
        self.first.flush()
        self.second.flush()

    def isatty(self) -> bool:
        return False  # bars would fill the log

    def fileno(self) -> int:
        return self.first.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.first.encoding
