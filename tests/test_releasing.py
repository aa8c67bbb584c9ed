"""What docs/releasing.md asks for: one version everywhere, a changelog in order, deprecations that end."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import handlens
from tests.source_files import python_files, text_of

ROOT = Path(__file__).resolve().parents[1]
WORDING = r".+ is deprecated since (\d+)\.(\d+) and will be removed in (\d+)\.(\d+); use .+\."


def deprecations(code: str) -> Iterator[str]:
    """Find the messages of the DeprecationWarnings that code gives; what is filled in later reads `…`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warn", "warnings.warn"):
            category = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "category")]
            if [ast.unparse(part) for part in category] == ["DeprecationWarning"]:
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)


def complaint(message: str, version: str) -> str | None:
    """Say what is wrong with a deprecation in a version of handlens, or None."""
    match = re.fullmatch(WORDING, message)
    if match is None:
        return "must read: NAME is deprecated since X.Y and will be removed in X.Z; use NEW."
    since, removed = tuple(map(int, match.groups()[:2])), tuple(map(int, match.groups()[2:]))
    if removed[0] == since[0] and removed[1] < since[1] + 2:
        return "must be kept for two minor releases"
    if tuple(map(int, version.split(".")[:2])) >= removed:
        return "must be removed in this version"
    return None


def test_every_deprecation_says_when_it_ends_and_has_not_outlived_it():
    for file in python_files("src"):
        if "DeprecationWarning" in text_of(file):
            for message in deprecations(text_of(file)):
                assert complaint(message, handlens.__version__) is None, f"{file}: {message}"


def test_the_example_of_the_documentation_is_worded_so():
    page = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (message,) = deprecations(example)
    assert complaint(message, "0.2.0") is None


KEPT = "must be kept for two minor releases"


@pytest.mark.parametrize(
    ("message", "version", "wrong"),
    [
        ("a is deprecated since 0.2 and will be removed in 0.4; use b.", "0.3.9", None),
        ("a is deprecated since 0.2 and will be removed in 1.0; use b.", "0.9.0", None),
        ("a is deprecated since 0.2 and will be removed in 0.4; use b.", "0.4.0", "must be removed in this version"),
        (
            "a is deprecated since 0.2 and will be removed in 0.3; use b.",
            "0.2.0",
            "must be kept for two minor releases",
        ),
        ("a is old, use b", "0.2.0", "must read: NAME is deprecated since X.Y and will be removed in X.Z; use NEW."),
    ],
)
def test_what_a_deprecation_may_not_do(message, version, wrong):
    assert complaint(message, version) == wrong


def test_messages_are_found_in_code():
    code = "\n".join(
        [
            "warnings.warn('a', DeprecationWarning, stacklevel=2)",
            "warnings.warn(f'{name} b', category=DeprecationWarning)",
            "warnings.warn('c', UserWarning)",
        ]
    )
    assert list(deprecations(code)) == ["a", "… b"]


def test_the_version_is_semantic_and_the_same_everywhere():
    assert re.fullmatch(r"\d+\.\d+\.\d+", handlens.__version__)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == handlens.__version__
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()


def test_the_changelog_starts_with_unreleased_and_goes_back_in_time():
    titles = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert titles[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", title) for title in titles[1:]]
    assert all(released)
    days = [datetime.date.fromisoformat(match[2]) for match in released]
    assert days == sorted(days, reverse=True)
