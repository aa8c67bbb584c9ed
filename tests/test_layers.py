"""The rooms of the package and who may import whom: each room only those before it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source_files import python_files, text_of

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "handlens"

ROOMS = [
    {"errors"},
    {"extras", "plugins"},
    {"io"},
    {"core"},
    {"course"},
    {"callbacks", "audit"},
    {"metrics"},
    {"basics", "tabular", "vision"},
    {"serving"},
    {"experiments"},
    {"scale"},
    {"studio"},
    {"embedding"},
    {"predicting"},
    {"estimators"},
    {"cli"},
    {"__main__"},
]
"""Rooms of one line do not import each other."""

EXCEPTIONS = {
    # learn.interpret().subgroups() is an audit of what core predicted; it is imported when it is called.
    ("core.interpret", "audit"),
}


def rank(room: str) -> int:
    return next(i for i, rooms in enumerate(ROOMS) if room in rooms)


def imported_rooms(source: str) -> Iterator[str]:
    """The rooms of handlens that a module imports, anywhere in it, also for type checkers alone."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "handlens" and not rest.startswith("_"):
                yield rest.split(".")[0]


def wrong_imports() -> set[tuple[str, str]]:
    found = set()
    for file in python_files("src/handlens"):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        for room in imported_rooms(text_of(file)):
            if room != parts[0] and rank(room) >= rank(parts[0]):
                found.add((".".join(parts), room))
    return found


def test_every_room_has_its_place() -> None:
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - {"__init__"} == set.union(*ROOMS)


def test_the_table_for_contributors_has_every_room_in_its_place() -> None:
    table = text_of(PACKAGE.parents[1] / "CONTRIBUTING.md").split("| folder | holds |")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = [set(re.findall(r"`(\w+)(?:/|\.py)`", row)) for row in rows]
    assert named == [rooms for rooms in ROOMS if rooms != {"__main__"}]


def test_no_room_imports_one_that_comes_after_it() -> None:
    assert wrong_imports() == EXCEPTIONS


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("from handlens.core.items import ItemList", ["core"]),
        ("from handlens import audit, __version__", ["audit"]),
        ("import handlens.vision as v, numpy", ["vision"]),
        ("def f():\n    if TYPE_CHECKING:\n        from handlens.studio import Collection", ["studio"]),
        ("from pathlib import Path\nimport handlens_other", []),
    ],
)
def test_imports_are_found_wherever_they_are(source: str, rooms: list[str]) -> None:
    assert list(imported_rooms(source)) == rooms
