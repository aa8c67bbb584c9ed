"""Runs the examples (`>>>`) in the docstrings of src/handlens, one test a docstring.

Only files that contain an example are read, and a module is imported only when one of its examples runs, so that
collecting costs next to nothing. `pytest tests/test_doctests.py -k handlens.core.metrics` runs those of one module.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from handlens.errors import HandlensError
from tests.source_files import python_files

SOURCE = Path(__file__).resolve().parents[1] / "src"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.REPORT_NDIFF


def examples(file: Path, module: str) -> Iterator[doctest.DocTest]:
    """Find the docstrings of one file that hold examples, without importing it."""
    text = file.read_text(encoding="utf-8")
    if ">>>" not in text:
        return
    waiting: list[tuple[str, ast.AST]] = [(module, ast.parse(text))]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            if docstring:
                test = doctest.DocTestParser().get_doctest(docstring, {}, name, str(file), node.body[0].lineno - 1)
                if test.examples:
                    yield test
        for child in ast.iter_child_nodes(node):
            own_name = getattr(child, "name", None)
            waiting.append((f"{name}.{own_name}" if isinstance(own_name, str) else name, child))


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FOUND = [
    pytest.param(module, test, id=test.name)
    for file in python_files("src")
    for module in [module_name(file)]
    for test in examples(file, module)
]


@pytest.mark.parametrize(("module", "test"), FOUND)
def test_the_example_prints_what_it_says(module, test, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr("handlens.studio.features.patches._SAMPLES", 5_000)  # features are learned sooner
    matplotlib.use("agg")
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for what an example draws from the global generators
    test.globs = dict(vars(importlib.import_module(module)))
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    report: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    assert outcome.attempted > 0
    assert outcome.failed == 0, "".join(report)


FACES = (
    "handlens.audit",
    "handlens.callbacks.hooks",
    "handlens.callbacks.trackers",
    "handlens.studio",
    "handlens.tabular",
    "handlens.vision",
)


@pytest.mark.parametrize("face", FACES)
def test_each_public_class_has_an_example(face):
    module = importlib.import_module(face)
    classes = [thing for name in module.__all__ if inspect.isclass(thing := getattr(module, name))]
    own = {thing for thing in classes if thing.__module__.startswith("handlens.")}
    own -= {thing for thing in own if issubclass(thing, HandlensError)}
    assert len(own) > 0
    assert sorted(thing.__qualname__ for thing in own if ">>> " not in (thing.__doc__ or "")) == []


class TestFindingExamples:
    SOURCE_TEXT = '''"""Of a module.

>>> 1 + 1
2
"""


class Box:
    """Of a class.

    >>> 2 + 2
    5
    """

    async def open(self):
        """Of a method: >>> in a sentence alone is an example of nothing."""
'''

    def test_docstrings_of_modules_and_classes_are_found_with_their_lines(self, tmp_path):
        file = tmp_path / "box.py"
        file.write_text(self.SOURCE_TEXT, encoding="utf-8")
        found = {test.name: test for test in examples(file, "box")}
        assert found.keys() == {"box", "box.Box"}
        lines = self.SOURCE_TEXT.splitlines()
        for test in found.values():
            for example in test.examples:
                assert lines[test.lineno + example.lineno].strip() == f">>> {example.source.strip()}"

    def test_a_wrong_example_fails_and_both_values_are_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NO_COLOR", "1")  # Python 3.13 and later colour the differences
        file = tmp_path / "box.py"
        file.write_text(self.SOURCE_TEXT, encoding="utf-8")
        (wrong,) = [test for test in examples(file, "box") if test.name == "box.Box"]
        report: list[str] = []
        assert doctest.DocTestRunner(optionflags=OPTIONS).run(wrong, out=report.append).failed == 1
        assert "- 5" in "".join(report)
        assert "+ 4" in "".join(report)
