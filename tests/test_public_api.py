"""Compares the public names and their signatures with tests/public_api.txt.

A module is public if it has `__all__`. What changes there changes what users may rely on, so the file changes in the
same commit: `python tests/test_public_api.py` writes it, and its diff is read in review (docs/releasing.md says which
changes need a deprecation first). What it prints depends neither on the version of Python nor on the run.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, ForwardRef

import pytest

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOT = ROOT / "tests" / "public_api.txt"
REWRITE = "python tests/test_public_api.py"
SPECIAL = {"__call__", "__getitem__", "__iter__", "__len__"}  # what users call without writing the name


def public_modules(source: Path = ROOT / "src") -> list[str]:
    """Name the modules that have `__all__`, found without importing any."""
    names = []
    for file in sorted((source / "handlens").rglob("*.py")):
        if "node_modules" in file.parts or not re.search(r"^__all__\b", file.read_text(encoding="utf-8"), re.MULTILINE):
            continue
        parts = file.relative_to(source).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(names)


def describe(names: list[str]) -> str:
    """List each module's public names with their signatures; a class with its public methods, where it comes first."""
    lines, seen = [], {}
    for module_name in names:
        lines += ["", f"[{module_name}]"]
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            value = getattr(module, name)
            if isinstance(value, ModuleType):
                lines.append(f"{name}: module {value.__name__}")
            elif not _is_ours(value):
                lines.append(f"{name}: {_origin(value)}")
            elif id(value) in seen:
                lines.append(f"{name}: as in {seen[id(value)]}")
            else:
                seen[id(value)] = module_name
                lines += _class(name, value) if inspect.isclass(value) else [f"{name}{signature(value)}"]
    return "\n".join(lines[1:]) + "\n"


def _is_ours(value: Any) -> bool:
    return callable(value) and (getattr(value, "__module__", None) or "").split(".")[0] == "handlens"


def _origin(value: Any) -> str:
    """Say what a name is that is not a class or function of handlens; nothing that differs between versions."""
    if inspect.isclass(value):
        return f"class of {value.__module__.split('.')[0]}"
    return "type alias" if hasattr(value, "__origin__") else f"value of type {type(value).__name__}"


def _class(name: str, cls: type) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base is not object]
    made_by = cls.__new__ if issubclass(cls, tuple) else cls.__init__
    from_elsewhere = not inspect.isfunction(made_by) or made_by.__module__.split(".")[0] in ("torch", "enum", "typing")
    call = "" if from_elsewhere else signature(made_by, skip_first=True, returns=False)
    yield f"class {name}{call}" + (f" of {', '.join(bases)}" if bases else "")
    members: dict[str, Any] = {}
    for part in reversed(cls.__mro__):
        if part.__module__.split(".")[0] == "handlens":
            members |= {key: value for key, value in vars(part).items() if not key.startswith("_") or key in SPECIAL}
    fields = {*getattr(cls, "__dataclass_fields__", ()), *getattr(cls, "_fields", ())}  # are among the arguments
    for key in sorted(members.keys() - fields):
        yield f"    .{key}{_member(members[key])}"


def _member(value: Any) -> str:
    kind = {staticmethod: " [static]", classmethod: " [class]", property: " [property]"}.get(type(value), "")
    function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
    if not inspect.isfunction(function):
        return kind
    if function.__module__.split(".")[0] != "handlens":
        return f": of {function.__module__.split('.')[0]}{kind}"
    return signature(function, skip_first=not isinstance(value, staticmethod)) + kind


def signature(function: Callable[..., Any], *, skip_first: bool = False, returns: bool = True) -> str:
    """Write a signature as in its source: annotations as they stand there, defaults without addresses."""
    found = inspect.signature(function)
    parts, previous = [], None
    for parameter in list(found.parameters.values())[skip_first:]:
        kind = parameter.kind
        if previous == parameter.POSITIONAL_ONLY and kind != parameter.POSITIONAL_ONLY:
            parts.append("/")
        if kind == parameter.KEYWORD_ONLY and previous not in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL):
            parts.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(kind, "")
        text = stars + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {_annotation(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += f" = {_default(parameter.default)}"
        parts.append(text)
        previous = kind
    if previous == inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    arrow = (
        f" -> {_annotation(found.return_annotation)}" if returns and found.return_annotation is not found.empty else ""
    )
    return f"({', '.join(parts)}){arrow}"


def _annotation(value: Any) -> str:
    if isinstance(value, ForwardRef):  # what NamedTuple makes of an annotation
        return value.__forward_arg__
    if value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, type):
        return value.__name__
    raise TypeError(f"{value!r} is not text: its module needs `from __future__ import annotations`")


def _default(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if isinstance(value, tuple | list):
        inside = ", ".join(map(_default, value)) + ("," if isinstance(value, tuple) and len(value) == 1 else "")
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if repr(value) == "<factory>":  # of a dataclass's field
        return "<factory>"
    return getattr(value, "__name__", f"<{type(value).__name__}>")


def test_the_public_names_are_those_of_the_snapshot():
    then, now = SNAPSHOT.read_text(encoding="utf-8"), describe(public_modules())
    lines = difflib.unified_diff(then.splitlines(), now.splitlines(), SNAPSHOT.name, "now", n=1, lineterm="")
    difference = "\n".join(lines)
    assert now == then, f"public names have changed; if that is meant, `{REWRITE}` writes them down:\n{difference}"


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_documentation_imports_is_public(page):
    public = {name: importlib.import_module(name).__all__ for name in public_modules()}
    imports = re.findall(r"^from (handlens[\w.]*) import ([\w, *]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    for module, names in imports:
        assert module in public, f"{page.name} imports from {module}, which has no __all__"
        assert {name.strip() for name in names.split(",")} - {"*"} <= set(public[module])


class TestWritingSignatures:
    def test_all_kinds_of_parameters(self):
        def example(a, b: int = 2, /, c: str | None = None, *rest: float, d: bool = True, **more: Any) -> list[str]: ...

        assert signature(example) == (
            "(a, b: int = 2, /, c: str | None = None, *rest: float, d: bool = True, **more: Any) -> list[str]"
        )

    def test_keywords_only_and_without_self(self):
        def method(self, *, seed: int = 0) -> None: ...

        assert signature(method, skip_first=True) == "(*, seed: int = 0) -> None"

    def test_defaults_hold_no_addresses(self):
        def example(a=len, b=(len, 1), c=ROOT, d=()): ...

        assert signature(example) == f"(a = len, b = (len, 1), c = <{type(ROOT).__name__}>, d = ())"


if __name__ == "__main__":
    SNAPSHOT.write_text(describe(public_modules()), encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {SNAPSHOT}\n")
