"""What a file says about labels, before it is known which photos of a collection it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from handlens.errors import ImportProblem

COLUMNS = ("photo", "label", "where", "x", "y", "width", "height", "by", "at", "picture_width", "picture_height")
"""The columns of `FoundLabels.labels`."""


class FoundLabel(NamedTuple):
    """One statement of a file about one photo.

    Attributes:
        photo: the photo as the file names it.
        label: exactly as the file has it; None if the file says that the photo has no label.
        where: its place in the file, for people: “line 3”, “annotation 17”.
        box: x, y, width and height of the part of the picture that is meant, in shares of the picture, 0–1; None if the
            whole picture is.
        by: who gave the label, if the file says so.
        at: when, if the file says so.
        picture: the width and height in pixels of the picture that the box was drawn on, if the file says so.

    Example:
        >>> FoundLabel("a.jpg", "cat", "line 2").label
        'cat'
    """

    photo: str
    label: str | None
    where: str
    box: tuple[float, float, float, float] | None = None
    by: str | None = None
    at: datetime | None = None
    picture: tuple[float, float] | None = None


class Unreadable(NamedTuple):
    """A place in a file that could not be read.

    Attributes:
        where: the place, for people: “line 3”, “annotation 17”.
        reason: why, in words.

    Example:
        >>> FoundLabels.of("CSV", "labels.csv", [], problems=[Unreadable("line 3", "it has no label")]).problems
            where           reason
        0  line 3  it has no label
    """

    where: str
    reason: str


@dataclass(frozen=True)
class FoundLabels:
    """What an importer found in a file or folder.

    Attributes:
        title: of the format, such as “COCO”.
        name: of the file or folder.
        labels: DataFrame with columns photo, label, where, x, y, width, height, by, at, picture_width and
            picture_height: a row for each FoundLabel.
            Texts are of type object, and None where they are missing.
        problems: DataFrame with columns where and reason: what could not be read.
        choices: what may be chosen, such as {"label_column": ["species", "site"]}: what was chosen comes first.

    Example:
        >>> found = FoundLabels.of("CSV", "labels.csv", [FoundLabel("a.jpg", "cat", "line 2")])
        >>> found.labels[["photo", "label", "where"]].values.tolist()
        [['a.jpg', 'cat', 'line 2']]
    """

    title: str
    name: str
    labels: pd.DataFrame
    problems: pd.DataFrame
    choices: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        title: str,
        name: str,
        labels: Iterable[FoundLabel],
        *,
        problems: Iterable[Unreadable] = (),
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> FoundLabels:
        """Put the statements of a file together.

        Args:
            title: of the format.
            name: of the file or folder.
            labels: what it says, in its order.
            problems: what could not be read.
            choices: see the attribute.
        """
        photo, label, where, box, by, at, picture = list(zip(*labels, strict=True)) or [()] * 7
        boxes = pd.DataFrame([found or (None,) * 4 for found in box], columns=COLUMNS[3:7], dtype="float64")
        sizes = pd.DataFrame([found or (None,) * 2 for found in picture], columns=COLUMNS[9:], dtype="float64")
        texts = {"photo": photo, "label": label, "where": where, "by": by}
        table = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in texts.items()})
        table = table.join(boxes).join(sizes).assign(at=pd.to_datetime(pd.Series(at, dtype=object), utc=True))
        return cls(
            title,
            name,
            table[list(COLUMNS)],
            pd.DataFrame(list(problems), columns=list(Unreadable._fields), dtype=object),
            {key: list(values) for key, values in (choices or {}).items()},
        )


def chosen(choices: Mapping[str, str], offered: Mapping[str, Sequence[str]], *, format: str) -> dict[str, list[str]]:
    """What may be chosen, with what was chosen first; without a choice, the first that is offered stays first.

    Args:
        choices: what a person chose, by the name of the choice.
        offered: the values of each choice, the best guess first.
        format: the title of the format, for errors.

    Raises:
        ImportProblem: the format does not offer such a choice or value.

    Example:
        >>> chosen({"label_column": "site"}, {"label_column": ["species", "site"]}, format="CSV")
        {'label_column': ['site', 'species']}
    """
    for key, value in choices.items():
        if key not in offered:
            may = f"these choices: {', '.join(offered)}" if offered else "no choices"
            raise ImportProblem(f"importing {format} offers {may}; {key} arrived.")
        if value not in offered[key]:
            raise ImportProblem(f"{key} must be one of {', '.join(offered[key])}; {value!r} arrived.")
    return {
        key: [choices[key], *(value for value in values if value != choices[key])] if key in choices else list(values)
        for key, values in offered.items()
    }
