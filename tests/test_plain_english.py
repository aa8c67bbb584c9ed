"""Phrases that mislead or that few readers know stay out of the code and the documentation.

Each entry says what to write instead. The list holds what was once in many places; it need not grow with every word.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlens import errors
from tests.source_files import files_below, python_files, text_of

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".md", ".ts", ".tsx", ".toml", ".yml", ".cff", ".css", ".html"}
SKIPPED = {"api-types.ts", "test_plain_english.py"}

PHRASES = {
    # “is none” for “is not one” is deadly in a language with None. “There is none” says that something is missing.
    r"(?<![Tt]here )\b(is|are|was|were|be|being) none\b(?! of)": "is not one, has no such …, is missing",
    r"(?<![Tt]here )\b(is|are|was|were) no (?!longer\b|more\b|less\b|such\b|\w+er\b)": "is not a …",
    r"\banew\b": "again",
    r"\bat hand\b": "given, available, here",
    r"\b[Ww]hoever\b": "the caller, the person who …",
    r"\b(has|have|had) it not\b|\bit has not\b(?! \w)": "does not have it",
    r"\bflatter(s|ed|ing|y)?\b": "is optimistic, is too high",
    r"\b(can|could|cannot|can't|to) be had\b": "can be downloaded, is available",
    r"\bput(s|ting)? out\b": "outputs, returns, gives",
    r"\bwhole_file\b|\bwishes\b": "atomic_write, requested_sources",
}


def files() -> list[Path]:
    folders = [ROOT / "src", ROOT / "docs", ROOT / "benchmarks", ROOT / "tests", ROOT / ".github"]
    found = [*ROOT.glob("*.*"), ROOT / "Makefile", *(file for folder in folders for file in files_below(folder))]
    known = [file for file in found if file.is_file() and (file.suffix in SUFFIXES or file.name == "Makefile")]
    return sorted(file for file in known if file.name not in SKIPPED)


KEPT = ("is written anew each time. Everything else is ",)
"""Lines of files that earlier versions wrote, by which these files are known."""


def findings(text: str) -> list[tuple[int, str, str]]:
    """Find the phrases in a text: line number, phrase, what to write instead."""
    there = {phrase: instead for phrase, instead in PHRASES.items() if re.search(phrase, text)}
    return [
        (number, match[0], instead)
        for number, line in enumerate(text.splitlines() if there else [], 1)
        if not any(kept in line for kept in KEPT)
        for phrase, instead in there.items()
        for match in re.finditer(phrase, line)
    ]


def test_no_file_holds_a_phrase_that_misleads():
    found = [
        f"{file.relative_to(ROOT)}:{number}: “{phrase}”: write {instead}"
        for file in files()
        for number, phrase, instead in findings(text_of(file))
    ]
    assert found == [], "\n".join(["", *found])


@pytest.mark.parametrize(
    ("line", "phrases"),
    [
        ("raise ValueError(f'{name!r} is none')", ["is none"]),
        ("a saved model that is none, or damaged", ["is none"]),
        ("if x is None: there is none, and none of these are", []),
        ("what is no model; there is no model; it is no longer one", ["is no "]),
        ("made anew by whoever has what is at hand", ["anew", "whoever", "at hand"]),
        ("a latte platter", []),
    ],
)
def test_what_is_found(line, phrases):
    assert sorted(phrase for _, phrase, _ in findings(line)) == sorted(phrases)


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = {}
    for file in python_files("src"):
        for name in re.findall(r"^class (\w+)", text_of(file), re.MULTILINE):
            places.setdefault(name, []).append(str(file.relative_to(ROOT)))
    assert len(places) > 100
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value)} - {
    "PhotoError",  # a reason in a list, such as “not a picture”
}

SENTENCES = {"error", "advice", "remedy", "hint"}
"""Names of values that are full sentences."""


def messages(code: str) -> Iterator[tuple[int, str]]:
    """Find the messages of handlens's errors in code: line number, and how each ends; `…` for what is filled in."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args:
            message = node.args[0]
            end = message.values[-1] if isinstance(message, ast.JoinedStr) else message
            if isinstance(end, ast.Constant):
                yield node.lineno, str(end.value)
            elif isinstance(end, ast.FormattedValue):
                name = ast.unparse(end.value)
                yield node.lineno, "…" if name.split(".")[-1] in SENTENCES else f"{{{name}}}"


def test_every_error_message_ends_with_a_full_stop():
    found = [
        f"{file.relative_to(ROOT)}:{number}: {end}"
        for file in python_files("src")
        for number, end in messages(text_of(file))
        if not end.rstrip().endswith((".", ".”", "…", "?"))
    ]
    assert found == [], "\n".join(["", *found])


def test_another_errors_full_stop_is_removed_inside_a_sentence():
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}: write {{reason_of(error)}}"
        for file in python_files("src")
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if re.search(r"\{error\}[.)]", line)
    ]
    assert found == []


def test_messages_are_found_in_code():
    raised = ["DataError(f'{a} is wrong')", "AuditError(f'x: {error}')", "ValueError('no')", "DataError(f'x: {y}')"]
    assert list(messages("\n".join(raised))) == [(1, " is wrong"), (2, "…"), (4, "{y}")]
