"""What is known of attempts at a unit that ended with their process: which photo kills it, and that it does.

A file a unit, to which each attempt adds lines, so that the next one, in whichever process and on whichever machine,
knows what happened to those before. From the third attempt on photos are taken one by one, and each is named before
it is touched. One that was named last is suspected, and is left out if it also ends a process that only reads it: the
process may have been killed from outside.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from handlens.errors import HandlensError, ShardError
from handlens.io.problems import reason_of, reporting_disk_errors

ATTEMPTS = "attempts"
CAREFUL = 3
"""The attempt from which on photos are taken one by one."""

_DEATHS = 6
"""Attempts that may end at one photo, though a process that only reads it does not."""

_BLIND = 6
"""Attempts that may end, one after the other, without a photo that could be the reason and without a new shard."""


@contextmanager
def attempt(out: Path, unit: int) -> Iterator[Attempts]:
    """A block that is an attempt at a unit.

    They are forgotten when it is done, and when it fails for a reason that is said. Any other error, such as one of
    memory, is known to the next attempt, as if the process had been killed.

    Raises:
        ShardError: too many attempts ended for no known reason.
        StorageError: the disk refused what is noted of an attempt.
    """
    attempts = Attempts(out, unit)
    attempts.begin()
    try:
        yield attempts
    except HandlensError:
        attempts.end()
        raise
    except Exception as error:
        attempts.failed(error)
        raise
    attempts.end()


class UnitPart(NamedTuple):
    """How far an attempt at a unit is.

    Attributes:
        first: photos that earlier attempts had committed.
        done: photos that are done or left out, of this attempt and those before it.
        share: of the unit that is done, 0–1, as far as that is known.
    """

    first: int
    done: int
    share: float


def parts(out: Path) -> dict[int, UnitPart]:
    """How far the units are that are being done, by their numbers."""
    found = {}
    for file in (out / ATTEMPTS).glob("*.part"):
        with suppress(OSError, ValueError):  # it is being written, or done
            first, done, share = file.read_text(encoding="utf-8").split()
            found[int(file.stem)] = UnitPart(int(first), int(done), float(share))
    return found


class Attempts:
    """The attempts at one unit.

    Args:
        out: the folder of the shards.
        unit: the number of the unit.
    """

    def __init__(self, out: Path, unit: int) -> None:
        self._file = out / ATTEMPTS / f"{unit:06d}"
        self._error = self._file.with_suffix(".error")
        self._part = self._file.with_suffix(".part")
        self._unit = unit
        self._lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []

    def begin(self) -> None:
        """Note that an attempt begins; ShardError if too many ended for no known reason."""
        blind = 0
        for before, line in zip(["", *self._lines], [*self._lines, "start"], strict=True):
            if line == "kept" or before.startswith("photo "):
                blind = 0
            elif line == "start" and before not in ("", "kept"):
                blind += 1
        if blind >= _BLIND:
            why = f"Its last error was {self._error.read_text(encoding='utf-8')}. " if self._error.exists() else ""
            raise ShardError(
                f"the process at unit {self._unit} ended {blind} times without keeping anything: it was killed or has "
                f"too little memory. {why}Give each process more memory, or use fewer, and run the same command again."
            )
        with reporting_disk_errors(self._file.parent):
            self._file.parent.mkdir(exist_ok=True)
        self._add("start")

    @property
    def careful(self) -> bool:
        """Whether photos are to be taken one by one."""
        return self._lines.count("start") >= CAREFUL

    def suspected(self, position: int) -> bool:
        """Whether a photo was the last that an attempt named."""
        return self._deaths()[f"photo {position}"] > 0

    def deadly(self, position: int) -> bool:
        """Whether a photo was the last that so many attempts named that it is not tried again."""
        return self._deaths()[f"photo {position}"] >= _DEATHS

    def take(self, position: int) -> None:
        """Note which photo is taken next."""
        self._add(f"photo {position}")

    def keep(self) -> None:
        """Note that a shard was written."""
        self._add("kept")

    def at(self, part: UnitPart) -> None:
        """Note how far this attempt is, for people who wait."""
        with suppress(OSError):
            self._part.write_text("{} {} {}".format(*part), encoding="utf-8")

    def failed(self, error: Exception) -> None:
        """Note an error that nobody foresaw, which ends the process, for the message after the last attempt."""
        with suppress(OSError):
            self._error.write_text(f"{type(error).__name__}: {reason_of(error)[:500]}", encoding="utf-8")

    def end(self) -> None:
        """Forget all attempts: the unit is done, or failed for a reason that is said."""
        self._file.unlink(missing_ok=True)
        self._error.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _deaths(self) -> Counter[str]:
        pairs = zip(self._lines, self._lines[1:], strict=False)
        return Counter(before for before, line in pairs if line == "start" and before.startswith("photo "))

    def _add(self, line: str) -> None:
        # Said, and not the end of the process: what is not noted is not counted, and it would be replaced for ever.
        with reporting_disk_errors(self._file), self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
            file.flush()
            if not line.startswith("photo"):
                os.fsync(file.fileno())
        self._lines.append(line)
