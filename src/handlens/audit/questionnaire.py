"""A form as Markdown: YAML front matter, what was computed, and questions whose answers are kept whatever they say.

Each answer stands between two comments, `<!-- answer KEY -->` and `<!-- /answer -->`, which a page does not show. What
a person writes elsewhere in the file is not lost: it is read as notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from handlens.audit.questions import Sections
from handlens.errors import AuditError

UNANSWERED = "_Not answered yet._"
NOTES = "notes"

_FENCE = "---"
# A stray blank after a comment, which no editor shows, changes nothing.
_OPEN = re.compile(r"<!-- (?:answer (\S+)|computed) -->[ \t]*")
_CLOSE = re.compile(r"<!-- /(?:answer|computed) -->[ \t]*")
_MARKER = re.compile(r"\\*<!-- (?:answer \S+|computed|/answer|/computed) -->[ \t]*")
_HOW = (
    "What stands under “Computed” was worked out from the data and is written anew each time. Everything else is for "
    "people to answer: write between the two comments around an answer."
)


@dataclass
class Form:
    """What a form's file holds: front matter, the computed part as Markdown, and the answers by key."""

    title: str
    about: dict[str, Any]
    computed: str = ""
    answers: dict[str, str] = field(default_factory=dict)


class _Dumper(yaml.SafeDumper):
    """Plain values, each on one line: easy to compare, and none can be taken for the end of the front matter."""


def _one_line(dumper: _Dumper, text: str) -> yaml.Node:
    # Other styles break lines at these, and YAML folds some of them to blanks.
    style = '"' if re.search("[\n\r\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _one_line)


def clean(text: str) -> str:
    """An answer as it is kept: lines end in \\n, none of them empty at either end; "" for one not given yet."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    kept = "\n".join(lines)
    return "" if kept.strip() == UNANSWERED else kept


def answer(answers: dict[str, str], questions: Mapping[str, str], key: str, text: str) -> None:
    """Put an answer into `answers`, or take it back by an empty text; raises AuditError, naming the argument."""
    if key not in questions and key != NOTES:
        raise AuditError(f"key must be one of {', '.join(questions)} or {NOTES}; {key!r} arrived")
    if not isinstance(text, str):
        raise AuditError(f"text must be text; {type(text).__name__} arrived")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AuditError(f"text must be valid Unicode; it holds half a character at {error.start}") from error
    kept = clean(text)
    if kept:
        answers[key] = kept
    else:
        answers.pop(key, None)


def write(form: Form, sections: Sections) -> str:
    """The form as Markdown; answers to questions that `sections` does not have are kept under a title of their own."""
    front = yaml.dump(form.about, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**9)
    return f"{_FENCE}\n{front}{_FENCE}\n\n" + "\n".join(_body(form, sections)) + "\n"


def read(text: str, sections: Sections) -> Form:
    """What `write` wrote, and a person may have edited; raises AuditError where it is no such form.

    Lines outside the places for answers are added to the answer "notes", unless they are the form's own.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0] != _FENCE or _FENCE not in lines[1:]:
        raise AuditError("it does not begin with YAML front matter between two lines of ---")
    end = lines.index(_FENCE, 1)
    about = _front("\n".join(lines[1:end]))
    answers, computed, outside = _parts(lines[end + 1 :])
    title = next((line.removeprefix("# ") for line in outside if line.startswith("# ")), "")
    form = Form(title, about, computed, answers)
    own = set(_body(Form(title, {}, "", dict.fromkeys(answers, UNANSWERED)), sections))
    strays = [line for line in outside if not line.strip() or line not in own]
    if any(line.strip() for line in strays):
        found = re.sub(r"\n{3,}", "\n\n", "\n".join(strays))
        answers[NOTES] = clean(f"{answers.get(NOTES, '')}\n\n{clean(found)}")
    return form


def cell(value: object) -> str:
    """A value as text that stays within one cell of a Markdown table."""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    text = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return text or " "


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""
    lines: list[list[Any]] = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def _body(form: Form, sections: Sections) -> list[str]:
    title = " ".join(form.title.split())
    lines = [f"# {title}", "", _HOW, "", "## Computed", ""]
    lines += ["<!-- computed -->", *form.computed.split("\n"), "<!-- /computed -->", ""]
    for section, questions in sections.items():
        lines += [f"## {section}", ""]
        for key, question in questions.items():
            lines += _asked(key, question, form.answers.get(key, ""))
    asked = {key for questions in sections.values() for key in questions}
    others = {key: answer for key, answer in form.answers.items() if key not in asked and key != NOTES}
    if others:
        lines += ["## Answers to other questions", ""]
        for key, answer in others.items():
            lines += _asked(key, key, answer)
    lines += ["## Notes", "", *_answer(NOTES, form.answers.get(NOTES, ""), empty="")]
    return lines


def _asked(key: str, question: str, answer: str) -> list[str]:
    return [f"### {question}", "", *_answer(key, answer, empty=UNANSWERED), ""]


def _answer(key: str, answer: str, *, empty: str) -> list[str]:
    # A line that would read as one of our own comments gets a backslash, which Markdown shows as the comment's text.
    lines = [f"\\{line}" if _MARKER.fullmatch(line) else line for line in (answer or empty).split("\n")]
    return [f"<!-- answer {key} -->", *lines, "<!-- /answer -->"]


def _front(text: str) -> dict[str, Any]:
    try:
        about = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that is none
        problem = " ".join(str(error).split())
        raise AuditError(f"its front matter is not the YAML of plain values: {problem}") from error
    if not isinstance(about, dict):
        raise AuditError("its front matter must be a YAML mapping of names to values")
    return about


def _parts(lines: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """The answers by key, the computed part, and the lines outside of both."""
    answers: dict[str, str] = {}
    computed = ""
    outside: list[str] = []
    inside: re.Match[str] | None = None  # the comment that opened the part at hand
    part: list[str] = []
    for line in lines:
        opens = _OPEN.fullmatch(line)
        if opens and inside:
            raise AuditError(f"{inside[0]} has no end before {opens[0]}: put its last comment back, <!-- /answer -->")
        if opens:
            inside, part = opens, []
        elif inside and _CLOSE.fullmatch(line):
            if inside[1] is None:
                computed = "\n".join(part)
            elif inside[1] in answers:
                raise AuditError(f"the question {inside[1]} is answered in two places: make them one")
            else:
                answers[inside[1]] = clean("\n".join(map(_unescaped, part)))
            inside = None
        elif inside:
            part.append(line)
        else:
            outside.append(line)
    if inside:
        raise AuditError(f"{inside[0]} has no end: put its last comment back, <!-- /answer -->")
    return {key: answer for key, answer in answers.items() if answer}, computed, outside


def _unescaped(line: str) -> str:
    return line[1:] if line.startswith("\\") and _MARKER.fullmatch(line) else line
