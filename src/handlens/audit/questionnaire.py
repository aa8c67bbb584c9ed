"""A questionnaire and its Markdown file: YAML front matter, a computed part, and questions with their answers.

Each answer is between two comments, `<!-- answer KEY -->` and `<!-- /answer -->`, which a rendered page does not show.
Text that a person writes elsewhere in the file is not lost: it is read as notes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from handlens.audit.questions import EARLIER_LINES, Sections
from handlens.errors import AuditError

UNANSWERED = "_Not answered yet._"
NOTES = "notes"

_FENCE = "---"
# Spaces after a comment, which editors do not show, change nothing.
_OPEN = re.compile(r"<!-- (?:answer (\S+)|computed) -->[ \t]*")
_CLOSE = re.compile(r"<!-- /(?:answer|computed) -->[ \t]*")
_MARKER = re.compile(r"\\*<!-- (?:answer \S+|computed|/answer|/computed) -->[ \t]*")
_INSTRUCTIONS = (
    "The part under “Computed” was computed from the data and is replaced each time. Everything else is for people to "
    "answer: write between the two comments around an answer."
)


class Questionnaire:
    """Questions for people, and their answers: what a datasheet and a model card have in common.

    Attributes:
        sections: the questions by section and key.
        answers: the answers by the question's key; "notes" holds what people wrote elsewhere in the file.
    """

    sections: ClassVar[Sections]
    answers: dict[str, str]

    @property
    def questions(self) -> dict[str, str]:
        """The questions by key, in their order."""
        return {key: question for section in self.sections.values() for key, question in section.items()}

    @property
    def unanswered(self) -> list[str]:
        """The keys of the questions without an answer, in their order."""
        return [key for key in self.questions if not self.answers.get(key)]

    def answer(self, key: str, text: str) -> None:
        """Answer a question; an empty text removes the answer.

        Args:
            key: the question's key, or "notes".
            text: the answer, in Markdown.

        Raises:
            AuditError: there is no such question, or the text cannot be written to a file.
        """
        if key not in self.questions and key != NOTES:
            raise AuditError(f"key must be one of {', '.join(self.questions)} or {NOTES}; {key!r} arrived.")
        if not isinstance(text, str):
            raise AuditError(f"text must be text; {type(text).__name__} arrived.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise AuditError(
                f"text must be valid Unicode; it holds half a character (a lone surrogate) at {error.start}."
            ) from error
        kept = clean(text)
        if kept:
            self.answers[key] = kept
        else:
            self.answers.pop(key, None)

    def _progress(self) -> str:
        return f"{len(self.unanswered)} of {len(self.questions)} questions not answered yet"


@dataclass
class Document:
    """What the file of a questionnaire holds: front matter, the computed part as Markdown, and the answers by key."""

    title: str
    front_matter: dict[str, Any]
    computed: str = ""
    answers: dict[str, str] = field(default_factory=dict)


class _Dumper(yaml.SafeDumper):
    """Writes each plain value on one line: easy to compare, and never taken for the end of the front matter."""


def _one_line(dumper: _Dumper, text: str) -> yaml.Node:
    # Other styles break lines at these characters, and YAML folds some of them to spaces.
    style = '"' if re.search("[\n\r\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _one_line)


def clean(text: str) -> str:
    """An answer as it is kept: lines end in \\n and the first and last are not empty; "" for one not given yet."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    kept = "\n".join(lines)
    return "" if kept.strip() == UNANSWERED else kept


def write(document: Document, sections: Sections) -> str:
    """The document as Markdown; answers to questions that `sections` does not have are kept under their own title."""
    front = yaml.dump(document.front_matter, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**9)
    return f"{_FENCE}\n{front}{_FENCE}\n\n" + "\n".join(_body(document, sections)) + "\n"


def read(text: str, sections: Sections) -> Document:
    """The document that `write` wrote and people may have edited.

    Lines outside the places for answers are added to the answer "notes", unless `write` wrote them.

    Raises:
        AuditError: the text is not such a document.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0] != _FENCE or _FENCE not in lines[1:]:
        raise AuditError("it does not begin with YAML front matter between two lines of ---.")
    end = lines.index(_FENCE, 1)
    front_matter = _front_matter("\n".join(lines[1:end]))
    answers, computed, outside = _parts(lines[end + 1 :])
    title = next((line.removeprefix("# ") for line in outside if line.startswith("# ")), "")
    own = {*_body(Document(title, {}, "", dict.fromkeys(answers, UNANSWERED)), sections), *EARLIER_LINES}
    added = [line for line in outside if not line.strip() or line not in own]
    if any(line.strip() for line in added):
        notes = re.sub(r"\n{3,}", "\n\n", "\n".join(added))
        answers[NOTES] = clean(f"{answers.get(NOTES, '')}\n\n{clean(notes)}")
    return Document(title, front_matter, computed, answers)


def _body(document: Document, sections: Sections) -> list[str]:
    title = " ".join(document.title.split())
    lines = [f"# {title}", "", _INSTRUCTIONS, "", "## Computed", ""]
    lines += ["<!-- computed -->", *document.computed.split("\n"), "<!-- /computed -->", ""]
    for section, questions in sections.items():
        lines += [f"## {section}", ""]
        for key, question in questions.items():
            lines += _question(key, question, document.answers.get(key, ""))
    known = {key for questions in sections.values() for key in questions}
    others = {key: answer for key, answer in document.answers.items() if key not in known and key != NOTES}
    if others:
        lines += ["## Answers to other questions", ""]
        for key, answer in others.items():
            lines += _question(key, key, answer)
    lines += ["## Notes", "", *_answer(NOTES, document.answers.get(NOTES, ""), empty="")]
    return lines


def _question(key: str, question: str, answer: str) -> list[str]:
    return [f"### {question}", "", *_answer(key, answer, empty=UNANSWERED), ""]


def _answer(key: str, answer: str, *, empty: str) -> list[str]:
    # A line that looks like one of these comments gets a backslash, with which Markdown shows it as text.
    lines = [f"\\{line}" if _MARKER.fullmatch(line) else line for line in (answer or empty).split("\n")]
    return [f"<!-- answer {key} -->", *lines, "<!-- /answer -->"]


def _front_matter(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        problem = " ".join(str(error).split())
        raise AuditError(f"its front matter is not YAML of plain values: {problem}.") from error
    if not isinstance(found, dict):
        raise AuditError("its front matter must be a YAML mapping of names to values.")
    return found


def _parts(lines: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """The answers by key, the computed part, and the lines outside of both."""
    answers: dict[str, str] = {}
    computed = ""
    outside: list[str] = []
    inside: re.Match[str] | None = None  # the comment that opened the current part
    part: list[str] = []
    for line in lines:
        opens = _OPEN.fullmatch(line)
        if opens and inside:
            raise AuditError(
                f"{inside[0]} has no end before {opens[0]}: put its closing comment back, <!-- /answer -->."
            )
        if opens:
            inside, part = opens, []
        elif inside and _CLOSE.fullmatch(line):
            if inside[1] is None:
                computed = "\n".join(part)
            elif inside[1] in answers:
                raise AuditError(f"the question {inside[1]} is answered in two places: put both answers into one.")
            else:
                answers[inside[1]] = clean("\n".join(map(_unescaped, part)))
            inside = None
        elif inside:
            part.append(line)
        else:
            outside.append(line)
    if inside:
        raise AuditError(f"{inside[0]} has no end: put its closing comment back, <!-- /answer -->.")
    return {key: answer for key, answer in answers.items() if answer}, computed, outside


def _unescaped(line: str) -> str:
    return line[1:] if line.startswith("\\") and _MARKER.fullmatch(line) else line
