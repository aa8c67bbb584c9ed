"""What data and learners say about themselves when `describe()` is called: for datasheets and model cards.

Nothing here loads PyTorch, so that the audit can read descriptions without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import pandas as pd

from handlens.errors import DataError

__all__ = ["DataDescription", "Describes", "HeldOutMetric", "ModelDescription", "PictureFile", "picture_files"]


class PictureFile(NamedTuple):
    """A picture of a dataset.

    Attributes:
        path: its file.
        name: what it is called in the dataset.
        label: its label; None if it has no label.

    Example:
        >>> PictureFile(Path("photos/cats/1.jpg"), "cats/1.jpg", "cat").label
        'cat'
    """

    path: Path
    name: str
    label: str | None = None

    @classmethod
    def below(cls, folder: Path, path: Path | str, label: Any = None) -> PictureFile:
        """A picture called by its path below a folder.

        Args:
            folder: the folder of the dataset.
            path: the picture's file; a path that is not absolute is taken from `folder`.
            label: its label; None or nan if it has no label.

        Example:
            >>> PictureFile.below(Path("photos"), "cats/1.jpg", label="cat").name
            'cats/1.jpg'
        """
        file = Path(path)
        file = file if file.is_absolute() or file.is_relative_to(folder) else folder / file
        name = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
        return cls(file, name, None if pd.isna(label) else str(label))


@dataclass(frozen=True, kw_only=True)
class DataDescription:
    """What data say about themselves.

    Attributes:
        parts: the rows of each part as a frame, or the picture files of each part, by the part's name: "train",
            "valid", "test", or "data" where there is only one.
        name: what the data are called; None if they have no name.
        target: the column of the frames that is to be predicted; None if there is no such column.
        about: other facts, by what they are about, such as where labels come from.

    Example:
        >>> rows = pd.DataFrame({"age": [38, 53], "income": ["low", "high"]})
        >>> DataDescription(parts={"data": rows}, target="income").target
        'income'
    """

    parts: Mapping[str, pd.DataFrame] | Mapping[str, Sequence[PictureFile]]
    name: str | None = None
    target: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)


def picture_files(items: Iterable[Any], folder: Path, labels: Sequence[Any] | None = None) -> list[PictureFile]:
    """The pictures of a dataset, from its items and their labels.

    Args:
        items: the paths of N pictures.
        folder: the folder of the dataset; a picture is called by its path below it.
        labels: the N labels, if they have any.

    Raises:
        DataError: an item is not a file's path.

    Example:
        >>> picture_files(["photos/cats/1.jpg"], Path("photos"), ["cat"])[0].name
        'cats/1.jpg'
    """
    paths = list(items)
    odd = [item for item in paths if not isinstance(item, (str, Path))]
    if odd:
        raise DataError(f"describe needs data of files or of tables; items such as {odd[0]!r:.40} arrived.")
    known = [None] * len(paths) if labels is None else labels
    return [PictureFile.below(folder, path, label) for path, label in zip(paths, known, strict=True)]


@dataclass(frozen=True)
class HeldOutMetric:
    """A metric of a model on held-out items.

    Attributes:
        name: what it is called.
        of: takes the positions of some held-out items, [n], or a slice, and returns the metric for these.
        is_share: whether it is the share of the items for which something holds, so that its interval is Wilson's.

    Example:
        >>> right = [True, True, False, True]
        >>> HeldOutMetric("accuracy", lambda rows: sum(right[rows]) / len(right[rows]), is_share=True).of(slice(0, 4))
        0.75
    """

    name: str
    of: Callable[[Any], float]
    is_share: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What a model says about itself.

    Attributes:
        name: what the model is called, unless its user says otherwise.
        task: the Hugging Face hub's name of what it does, such as "tabular-classification".
        data: what it was trained on, by the name of each fact.
        recipe: how it was made and trained, by the name of each fact.
        held_out: how many items its metrics can be computed on.
        metrics: its metrics on these items; empty if there are no such items.

    Example:
        >>> facts, recipe = {"pictures": 200}, {"epochs": 5}
        >>> ModelDescription(name="species", task="image-classification", data=facts, recipe=recipe).held_out
        0
    """

    name: str
    task: str
    data: Mapping[str, Any]
    recipe: Mapping[str, Any]
    held_out: int = 0
    metrics: Sequence[HeldOutMetric] = ()


@runtime_checkable
class Describes(Protocol):
    """Data and learners, whose `describe()` gives a DataDescription or a ModelDescription.

    Example:
        >>> class Photos:
        ...     def describe(self):
        ...         return DataDescription(parts={"data": []}, name="photos")
        >>> isinstance(Photos(), Describes)
        True
    """

    def describe(self) -> DataDescription | ModelDescription:
        """What they are."""
        ...


def description_of(thing: object) -> DataDescription | ModelDescription | None:
    """What an object says about itself; None if it does not describe itself in this way.

    Example:
        >>> description_of(3) is None
        True
    """
    # The method of pandas' objects that is called so summarizes their numbers.
    if isinstance(thing, (type, pd.DataFrame, pd.Series)) or not isinstance(thing, Describes):
        return None
    found: object = thing.describe()
    return found if isinstance(found, (DataDescription, ModelDescription)) else None
