"""The reference of every public name: a page for each module that has `__all__`, and for each class and function."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from handlens.core.doc import defined_as

SOURCE = Path(inspect.getfile(importlib.import_module("handlens"))).parents[1]
HIDDEN_BASES = (
    "Module, Dataset, BaseModel, Exception, BaseException, dict, list, tuple, str, Enum, ABC, Protocol, object"
)


@dataclass
class Public:
    """A class or function of handlens that users may import, and where it can be imported from."""

    thing: Any
    name: str
    modules: list[str] = field(default_factory=list)


def public_modules() -> dict[str, ModuleType]:
    """Import the modules that have `__all__`, found without importing any other."""
    found = {}
    for file in sorted((SOURCE / "handlens").rglob("*.py")):
        if "node_modules" in file.parts or not re.search(r"^__all__\b", file.read_text(encoding="utf-8"), re.MULTILINE):
            continue
        parts = file.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = importlib.import_module(name)
    return dict(sorted(found.items()))


def public_things(modules: dict[str, ModuleType]) -> dict[str, Public]:
    """Collect classes and functions of handlens, each once, by where they are defined."""
    found: dict[str, Public] = {}
    for module_name, module in modules.items():
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            if is_ours(thing):
                found.setdefault(defined_as(thing), Public(thing, name)).modules.append(module_name)
    return found


def is_ours(thing: Any) -> bool:
    """Is it a class or function of handlens, rather than a value, a module or a name of another library?"""
    # A function with a cache is wrapped.
    described = inspect.isclass(thing) or inspect.isfunction(inspect.unwrap(thing))
    return described and thing.__module__.split(".")[0] == "handlens"


def pages(docs: Path) -> dict[str, str]:
    """Write all pages of the reference: names, and texts in reStructuredText."""
    modules = public_modules()
    things = public_things(modules)
    uses = Uses.of([docs.parent / "README.md", *sorted(docs.glob("*.md"))], modules)
    return {
        "index": _index(modules, things),
        **{name: _module(name, module, things) for name, module in modules.items()},
        **{place: _thing(place, public, uses) for place, public in things.items()},
    }


def _index(modules: dict[str, ModuleType], things: dict[str, Public]) -> str:
    rows = [f"   * - :doc:`{name}`\n     - {first_line(module)}" for name, module in modules.items()]
    return _text(
        _title("Python reference"),
        f"The {len(things)} public classes and functions, by the modules that they are imported from. A module is "
        "public if it has ``__all__``. `doc(x)` prints the same text in Python, and where its page is.",
        ".. list-table::\n   :widths: 40 60\n\n" + "\n".join(rows),
        ".. toctree::\n   :hidden:\n\n" + "\n".join(f"   {name}" for name in modules),
    )


def _module(name: str, module: ModuleType, things: dict[str, Public]) -> str:
    rows, values, others, below = [], [], [], []
    for public_name in sorted(module.__all__, key=str.lower):
        thing = getattr(module, public_name)
        if is_ours(thing):
            place = defined_as(thing)
            rows.append(f"   * - :doc:`{public_name} <{place}>`\n     - {first_line(thing)}")
            if things[place].modules[0] == name and things[place].name == public_name:
                below.append(f"   {public_name} <{place}>")
        elif _defined_here(module, public_name):
            values.append(_value(name, public_name, thing))
        else:
            others.append(f"``{public_name}``")
    return _text(
        _title(name),
        f".. automodule:: {name}\n   :no-members:",
        ".. list-table::\n   :widths: 30 70\n\n" + "\n".join(rows) if rows else "",
        *values,
        f"For convenience it also has {', '.join(others)}." if others else "",
        ".. toctree::\n   :hidden:\n\n" + "\n".join(below) if below else "",
    )


def _defined_here(module: ModuleType, name: str) -> bool:
    """Is it a value that the module itself, or one of handlens that it imports from, assigns?"""
    value = getattr(module, name)
    return not isinstance(value, ModuleType) and not (inspect.isclass(value) or inspect.isroutine(value))


def _value(module: str, name: str, value: Any) -> str:
    shown = repr(value)
    if " at 0x" in shown or "<function" in shown or len(shown) > 500:
        shown = repr(type(value)).replace(" object", "")
        example = [f">>> from {module} import {name}", f">>> type({name})", shown]
    else:
        example = [f">>> from {module} import {name}", f">>> {name}", *shown.splitlines()]
    return _text(
        f".. py:data:: {name}\n   :module: {module}",
        f"   {_comment_of(module, name)}",
        "   .. code-block:: pycon\n\n" + "\n".join(f"      {line}" for line in example),
    )


def _comment_of(module: str, name: str) -> str:
    """Find the string below an assignment of the name, in the module or in what it imports the name from."""
    for source in _sources(module, name):
        tree = ast.parse(Path(inspect.getfile(importlib.import_module(source))).read_text(encoding="utf-8"))
        for node, after in zip(tree.body, tree.body[1:], strict=False):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets) and isinstance(
                value := getattr(after, "value", None), ast.Constant
            ):
                return _flat(str(value.value))
    return ""


def _sources(module: str, name: str) -> Iterator[str]:
    """The module, and those of handlens that it imports the name from."""
    yield module
    tree = ast.parse(Path(inspect.getfile(importlib.import_module(module))).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("handlens"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    yield from _sources(str(node.module), alias.name)


def _thing(place: str, public: Public, uses: Uses) -> str:
    if inspect.isclass(public.thing):
        told = ", ".join([*_fields(public.thing), *_borrowed(public.thing)])
        directive = f".. autoclass:: {place}\n   :members:\n   :undoc-members:\n   :inherited-members: {HIDDEN_BASES}"
        directive += f"\n   :exclude-members: {told}" if told else ""
        if issubclass(public.thing, BaseException):
            directive = f".. autoexception:: {place}\n   :show-inheritance:"
    else:
        directive = f".. autofunction:: {place}"
    imports = [
        f"   from {module} import {public.name}"
        for module in sorted(public.modules, key=lambda name: (name.count("."), name))
    ]
    guides = [f"- :doc:`{title} </{page}>`" for page, title in uses.of_name(public)]
    return _text(
        _title(public.name),
        ".. code-block:: python\n\n" + "\n".join(imports),
        directive,
        _title("In the guides", "-") + "\n\n" + "\n".join(guides) if guides else "",
    )


def _fields(cls: type) -> list[str]:
    """The fields of a dataclass, a named tuple or a pydantic model, which its text and its signature tell of."""
    names = (getattr(cls, name, ()) for name in ("__dataclass_fields__", "_fields", "__pydantic_fields__"))
    return [field for some in names for field in some]


def _borrowed(cls: type) -> list[str]:
    """Attributes of a class that another library made, which describes them itself: functions and descriptors."""
    found = ((name, inspect.getattr_static(cls, name, None)) for name in dir(cls) if not name.startswith("_"))
    plain = ((name, getattr(one, "__func__", one)) for name, one in found)
    return [name for name, one in plain if not _maker(one).startswith(("handlens", "builtins", "functools"))]


def _maker(value: Any) -> str:
    """The module that a function is defined in, or else the class of a value."""
    return str(value.__module__ if inspect.isfunction(value) else type(value).__module__)


@dataclass
class Uses:
    """Which pages use which names in their code."""

    pages: list[tuple[str, str, set[str], set[str]]]  # page, title, names it imports as module.name, names it uses

    @classmethod
    def of(cls, files: list[Path], modules: dict[str, ModuleType]) -> Uses:
        return cls([_uses(file, modules) for file in files])

    def of_name(self, public: Public) -> Iterator[tuple[str, str]]:
        imports = {f"{module}.{public.name}" for module in public.modules}
        return ((page, title) for page, title, had, used in self.pages if imports & had and public.name in used)


def _uses(file: Path, modules: dict[str, ModuleType]) -> tuple[str, str, set[str], set[str]]:
    text = file.read_text(encoding="utf-8")
    imported, used = set(), set()
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        try:
            nodes = list(ast.walk(ast.parse(block)))
        except SyntaxError:  # a sketch with … in it
            continue
        used |= {node.id for node in nodes if isinstance(node, ast.Name)}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                names = [alias.name for alias in node.names]
                names = modules[node.module].__all__ if names == ["*"] else names
                imported |= {f"{node.module}.{name}" for name in names}
    page = "index" if file.name == "README.md" else file.stem
    title = re.search(r"^# (.*)$", text, re.MULTILINE)
    return page, title[1].replace("`", "") if title else page, imported, used


def indented_as_code(_: Any, what: str, *__: Any) -> None:
    """Show what a module's docstring indents as code, as Markdown does; Sphinx calls this with each docstring."""
    lines: list[str] = __[-1]
    if what == "module":
        for i in range(len(lines) - 1, 0, -1):
            if lines[i].startswith("    ") and not lines[i - 1].strip() and not _before(lines, i).startswith("    "):
                lines[i:i] = ["::", ""]


def _before(lines: list[str], i: int) -> str:
    """The last line before the i-th that is not empty."""
    return next((line for line in reversed(lines[:i]) if line.strip()), "")


def first_line(thing: Any) -> str:
    """The first sentence of a docstring, as reStructuredText in one line."""
    text = (inspect.getdoc(thing) or "").strip().split("\n\n")[0]
    return _flat(text)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}"


def _text(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def example_in(thing: Callable[..., Any]) -> bool:
    """Does the docstring of a class or function, or of one of a class's own methods, hold an example?"""
    parts = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
    return any(">>> " in (inspect.getdoc(part) or "") for part in parts)
