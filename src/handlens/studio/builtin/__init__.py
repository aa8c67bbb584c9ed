"""Collections that come with Studio, written out as plain pictures so that they open like anyone's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handlens.errors import CollectionError
from handlens.studio.builtin import digits, vehicles

__all__ = ["BUILTIN", "Builtin", "truth", "write_builtin"]


@dataclass(frozen=True)
class Builtin:
    """A built-in collection.

    Attributes:
        name: as `write_builtin` takes it.
        title, description: what the page says of it.
        count: how many pictures it has.

    Example:
        >>> [(one.name, one.count) for one in BUILTIN if one.name == "digits"]
        [('digits', 1797)]
    """

    name: str
    title: str
    description: str
    count: int


BUILTIN = (
    Builtin(
        "vehicles",
        "Vehicles from eight angles",
        "Cars, vans, pick-ups, buses and trucks, drawn by a small renderer. Which angle is each one seen from?",
        vehicles.COUNT,
    ),
    Builtin(
        "digits",
        "Handwritten digits",
        "Real digits from 43 people's forms, out of scikit-learn (UCI, 1998). Which digit is each?",
        digits.COUNT,
    ),
)

_WRITERS: dict[str, Callable[[Path, int], list[str]]] = {"vehicles": vehicles.write, "digits": digits.write}
_TRUTHS: dict[str, Callable[[int], list[str]]] = {"vehicles": vehicles.truth, "digits": digits.truth}


def write_builtin(name: str, folder: Path, seed: int = 0) -> list[str]:
    """Write a built-in collection's pictures into a folder.

    Args:
        name: one of those in `BUILTIN`.
        folder: where to write; it is made if it does not exist.
        seed: the same seed writes the same pictures; neither their names nor their order tell the class.

    Returns:
        The file names, in order.

    Raises:
        CollectionError: there is no built-in collection of that name.

    Example:
        >>> names = write_builtin("digits", Path("digits"))
        >>> len(names)
        1797
    """
    _check_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    return _WRITERS[name](folder, seed)


def truth(name: str, seed: int = 0) -> list[str]:
    """Give the right label of each picture of `write_builtin`, in the order of the names, for tests.

    Args:
        name, seed: as they were given to `write_builtin`.

    Raises:
        CollectionError: there is no built-in collection of that name.

    Example:
        >>> labels = truth("digits")
        >>> len(labels), sorted(set(labels))[:3]
        (1797, ['0', '1', '2'])
    """
    _check_name(name)
    return _TRUTHS[name](seed)


def _check_name(name: str) -> None:
    if name not in _WRITERS:
        raise CollectionError(f"a built-in collection must be one of {', '.join(_WRITERS)}; got {name!r}.")
