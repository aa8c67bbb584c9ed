"""A map that is arranged in the background, while what there is of it is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable

from handlens.core.threads import give_way


class Arranging:
    """Work in a thread of its own, which others wait for only until it has something to show.

    Args:
        work: what is done; it is given an event that asks it to stop.

    Example:
        >>> places = []
        >>> arranging = Arranging(lambda cancel: places.append("here"))
        >>> arranging.start()
        >>> arranging.wait(lambda: bool(places))
        >>> places
        ['here']
    """

    def __init__(self, work: Callable[[threading.Event], object]) -> None:
        self._work, self._cancel = work, threading.Event()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self.is_over = False
        """Whether the work has ended, in whatever way."""
        self._thread = threading.Thread(target=self._run, name="handlens-arrange", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look_again(self) -> None:
        """Let those who wait see whether there is something to show."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, there: Callable[[], bool]) -> None:
        """Wait until `there()` is true or the work has ended; raises what ended it if it is still not true then."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_over or there())
        if self._error is not None and not there():
            raise self._error

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._cancel.set()

    def join(self, seconds: float) -> None:
        """Wait for the end, so long at most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        give_way()
        try:
            self._work(self._cancel)
        except Exception as error:  # for those who wait
            self._error = error
        finally:
            self.is_over = True
            self.look_again()
