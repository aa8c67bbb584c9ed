"""The data-block API: a list of items is split, then labelled, and then becomes a DataBunch."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.bunch import DataBunch
from handlens.core.checks import listed, separator_hint
from handlens.core.description import DataDescription, picture_files
from handlens.core.labels import LabelList, MultiCategoryList, label_class_for
from handlens.core.predictions import check_prediction_columns
from handlens.errors import DataError
from handlens.io import paths
from handlens.io.problems import reason_of

FEW = 5
"""How many of the items that something is wrong with an error names."""


class ItemList:
    """Items before anything is done to them, in order.

    Args:
        items: N items.
        path: the folder that models and exports of this data are saved below.
        frame: a table of N rows, to label or split by its columns.

    Raises:
        DataError: the frame has another number of rows.

    Attributes:
        items: anything with a length that a list of positions can index: a numpy array.
        path: the folder that models and exports of this data are saved below.
        frame: a table with a row for each item, to label or split by its columns; None if there is no table.

    Example:
        >>> split = ItemList([3.0, 1.0, 2.0, 5.0]).split_by_idx([3])
        >>> labelled = split.label_from_func(lambda item: "large" if item > 2 else "small")
        >>> labelled.train.y.classes, len(labelled.train), len(labelled.valid)
        (['large', 'small'], 3, 1)
    """

    bunch_class: type[DataBunch] = DataBunch
    """What `databunch` makes."""

    label_class: type[LabelList] | None = None
    """The class of the labels, unless labelling says otherwise; by the labels' values if it is None."""

    labelled_class: type[LabelledItems]
    """What labelling makes; set below, where it is defined."""

    def __init__(
        self, items: Sequence[Any] | NDArray[Any], *, path: Path | str = ".", frame: pd.DataFrame | None = None
    ) -> None:
        self.items = np.asarray(items)
        self.path: Path = paths.Path(path)
        self.frame = frame
        if frame is not None and len(frame) != len(self.items):
            raise DataError(f"frame must have a row for each item; {len(frame)} rows for {len(self.items)} items.")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> Any:
        return self.items[position]

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {len(self):,} items, path {self.path}"

    def describe(self) -> DataDescription:
        """What these items are, for a datasheet: files without labels.

        Raises:
            DataError: they are not files.
        """
        return DataDescription(parts={"data": picture_files(self.items, self.path)})

    def add(self, others: ItemList) -> Self:
        """These items and then others, with the path of these; neither list is changed.

        Raises:
            DataError: one comes from a table, and the other does not.
        """
        if (self.frame is None) != (others.frame is None):
            raise DataError("both lists must come from tables, or neither; one of them does not: add them before.")
        both = copy.copy(self)
        both.items = np.concatenate([self.items, others.items])
        if self.frame is not None:
            both.frame = pd.concat([self.frame, others.frame], ignore_index=True)
        return both

    def filter_by_func(self, func: Callable[[Any], bool]) -> Self:
        """The items for which a function returns True, with their rows of the frame.

        Args:
            func: item → whether it stays.
        """
        return self.subset(np.flatnonzero([bool(func(item)) for item in self.items]))

    def subset(self, rows: NDArray[np.intp]) -> Self:
        """The items at these positions, with their rows of the frame."""
        part = copy.copy(self)
        part.items = self.items[rows]
        part.frame = None if self.frame is None else self.frame.iloc[rows]
        return part

    def processed(self, like: Any = None) -> Any:  # noqa: ARG002 — for those that have something to fit
        """The items as a dataset holds them: preprocessing fitted on these, or replayed as `like` has it.

        `like` is None for the training items, and what this made of them for all others.
        """
        return self

    @property
    def input_columns(self) -> list[str]:
        """The columns of the frame that the model gets, which cannot be targets; none unless a class overrides it."""
        return []

    def split_by_idx(self, valid_idx: Iterable[int]) -> SplitItems:
        """Hold out the items at these positions for validation.

        Args:
            valid_idx: positions from 0; their order does not matter.

        Raises:
            DataError: there are no items, all would be held out, or a position is out of range or not a whole number.
        """
        if not len(self):
            raise DataError("there are no items to split and to train on: check what they were made from.")
        valid = positions_of(valid_idx, len(self))
        training = np.ones(len(self), bool)
        training[valid] = False
        if not training.any():
            raise DataError(
                f"some items must be left to train on; all {len(self)} were held out for validation: hold out fewer."
            )
        return SplitItems(self.subset(np.flatnonzero(training)), self.subset(valid))

    def random_split_by_pct(self, valid_pct: float = 0.2, seed: int | None = None) -> SplitItems:
        """Hold out a random share of the items for validation.

        Args:
            valid_pct: the share, between 0 and 1; the number of items is rounded down.
            seed: the same seed holds out the same items; unless given, NumPy's own random numbers choose them, which
                `np.random.seed` makes repeatable.

        Raises:
            DataError: `valid_pct` is out of range, or less than one item would be held out.
        """
        if not 0 < valid_pct < 1:
            raise DataError(f"valid_pct must be a share between 0 and 1; {valid_pct} arrived.")
        held_out = int(valid_pct * len(self))
        if len(self) and not held_out:
            raise DataError(
                f"valid_pct must hold out at least one item; {valid_pct} of {len(self)} items is less than one: "
                "give a larger share, or use split_none()."
            )
        random = np.random if seed is None else np.random.default_rng(seed)
        shuffled = random.permutation(len(self))
        return self.split_by_idx(np.sort(shuffled[:held_out]))

    split_by_rand_pct = random_split_by_pct  # its name in the course of 2019

    def split_by_valid_func(self, func: Callable[[Any], bool]) -> SplitItems:
        """Hold out the items for which a function returns True.

        Args:
            func: item → whether it is held out, such as `lambda file: file.parent.name == "13"`.

        Raises:
            DataError: as `split_by_idx`.
        """
        return self.split_by_idx([i for i, item in enumerate(self.items) if func(item)])

    def split_by_col(self, col: str) -> SplitItems:
        """Hold out the items whose value is true in a column of the frame.

        Args:
            col: the name of a column of booleans, or of 0 and 1.

        Raises:
            DataError: there is no such column, it holds other values, or all items would be held out.
        """
        flags = _column(self, col)
        if flags.isna().any() or not flags.isin([True, False]).all():
            raise DataError(
                f"column {col!r} must say of each row whether it is held out, True or False; it holds "
                f"{flags.dtype} values such as {flags.iloc[0]!r}. Make one: df['is_valid'] = df['Date'] > '2015-06-19'."
            )
        return self.split_by_idx(np.flatnonzero(flags.to_numpy(bool)))

    def split_none(self) -> SplitItems:
        """Hold out nothing: train on all items, and have no validation losses or metrics."""
        return self.split_by_idx([])

    no_split = split_none  # an earlier name in the course


class SplitItems:
    """Training and validation items, ready to be labelled.

    Each `label_from_…` leaves this as it is and returns labelled items; options that it does not know itself, such
    as `log=True`, go to the label class.

    Attributes:
        train, valid: the items of each part.

    Raises:
        DataError: (when labelling) labels are missing or cannot be used.

    Example:
        >>> split = ItemList(["cats/1.jpg", "dogs/2.jpg", "cats/3.jpg"]).split_by_idx([2])
        >>> split.label_from_folder().train.y.classes
        ['cats', 'dogs']
    """

    def __init__(self, train: ItemList, valid: ItemList) -> None:
        self.train = train
        self.valid = valid

    def __repr__(self) -> str:
        return f"{type(self).__name__}: train {self.train!r}; valid {self.valid!r}"

    def label_from_df(
        self, cols: int | str | Sequence[int | str] = 1, *, label_cls: type[LabelList] | None = None, **options: Any
    ) -> Any:
        """Label with one column of the frame, or several for several targets at once.

        Unless `label_cls` says otherwise floats are numbers to predict (FloatList), and whole numbers, text and
        booleans are classes (CategoryList). With `label_delim=` the column's text names any number of classes, that
        stand between them (MultiCategoryList).

        Args:
            cols: the name of a column, or a list of names; a whole number that names no column is a position. The
                second column unless given, because the first one names the pictures of `ImageItemList.from_df`.
            label_cls: the class of the labels, such as FloatList.
            options: those of the label class, such as `log=True`.

        Returns:
            Labelled items, with `databunch()`.

        Raises:
            DataError: a column is missing or an input of the model too, labels are missing or cannot be used, or an
                option is unknown.
        """
        if label_cls is None and "label_delim" in options:
            label_cls = MultiCategoryList
        one = isinstance(cols, (str, Integral))
        names = [_name_of(self.train, col) for col in ([cols] if one else listed(cols, "cols", "['sales']", DataError))]
        if not names:
            raise DataError("label_from_df takes a column of the frame or more; none were named: cols=['sales'].")
        given = [name for name in names if name in self.train.input_columns]
        if given:
            raise DataError(
                f"a target cannot be an input as well, which the model would copy; {', '.join(map(repr, given))} is "
                "also among cat_names or cont_names: take it out there."
            )
        train, valid = (
            pd.concat([_column(items, name) for name in dict.fromkeys(names)], axis=1).reset_index(drop=True)
            for items in (self.train, self.valid)
        )
        return self.label_from_lists(train, valid, label_cls=label_cls, **options)

    def label_from_lists(
        self, train_labels: Any, valid_labels: Any, *, label_cls: type[LabelList] | None = None, **options: Any
    ) -> Any:
        """Label with lists of labels.

        Args:
            train_labels, valid_labels: a list, Series, array or frame for each part, in the order of its items.
            label_cls: the class of the labels; by the values unless given, see `label_from_df`.
            options: those of the label class, such as `log=True`.

        Returns:
            Labelled items, with `databunch()`.

        Raises:
            DataError: an item has no label, labels cannot be used, or an option is unknown.
        """
        for items, labels, part in ((self.train, train_labels, "training"), (self.valid, valid_labels, "validation")):
            if len(items) != len(labels):
                raise DataError(f"each {part} item must have a label; {len(items)} items and {len(labels)} labels.")
        make = label_cls or self.train.label_class or label_class_for(train_labels)
        try:
            inspect.signature(make).bind(train_labels, **options)
        except TypeError as error:
            raise DataError(
                f"the options must be those of {make.__name__}, which these labels are made with: {reason_of(error)}. "
                "Leave it out, or say what the labels are, such as label_cls=FloatList."
            ) from error
        train_y = _of_part("training", make, train_labels, **options)
        check_prediction_columns(train_y)
        valid_y = _of_part("validation", train_y.new, valid_labels)
        train_x = self.train.processed()
        valid_x = self.valid.processed(like=train_x)
        return self.train.labelled_class(Labelled(train_x, train_y), Labelled(valid_x, valid_y), self.train)

    def label_from_func(
        self, func: Callable[[Any], Any], *, label_cls: type[LabelList] | None = None, **options: Any
    ) -> Any:
        """Label each item with what a function returns for it.

        Args:
            func: item → label.
            label_cls: the class of the labels; by the values unless given, see `label_from_df`.
            options: those of the label class, such as `log=True`.

        Returns:
            Labelled items, with `databunch()`.

        Raises:
            DataError: as `label_from_lists`.
        """
        train, valid = ([func(item) for item in part.items] for part in (self.train, self.valid))
        return self.label_from_lists(train, valid, label_cls=label_cls, **options)

    def label_from_re(self, pattern: str, *, label_cls: type[LabelList] | None = None, **options: Any) -> Any:
        """Label each item with a part of its text.

        Args:
            pattern: a regular expression with a group, which is the label, such as r"(.+)_"; it is searched
                for in each item, a path written with /.
            label_cls: the class of the labels; by the values unless given, see `label_from_df`.
            options: those of the label class, such as `log=True`.

        Returns:
            Labelled items, with `databunch()`.

        Raises:
            DataError: the pattern has no group or is not found in each item; or as `label_from_lists`.
        """
        wanted = re.compile(pattern)
        if not wanted.groups:
            raise DataError(f"the pattern {pattern!r} must have a group, (…), that holds the label; it has none.")
        found = {id(part): [wanted.search(_text(item)) for item in part.items] for part in (self.train, self.valid)}
        missed = [
            _text(item)
            for part in (self.train, self.valid)
            for item, match in zip(part.items, found[id(part)], strict=True)
            if match is None or match.group(1) is None
        ]
        if missed:
            total = len(self.train) + len(self.valid)
            more = f" and {len(missed) - FEW} more" if len(missed) > FEW else ""
            raise DataError(
                f"the pattern {pattern!r} must be found in each item; it is not in {len(missed)} of {total}: "
                f"{', '.join(repr(text) for text in missed[:FEW])}{more}. Correct the pattern, or leave these out."
            )
        train, valid = ([match[1] for match in found[id(part)] if match] for part in (self.train, self.valid))
        return self.label_from_lists(train, valid, label_cls=label_cls, **options)

    def label_from_folder(self, *, label_cls: type[LabelList] | None = None, **options: Any) -> Any:
        """Label each item, a path, with the name of its folder.

        Args:
            label_cls: the class of the labels; by the values unless given, see `label_from_df`.
            options: those of the label class, such as `log=True`.

        Returns:
            Labelled items, with `databunch()`.
        """
        return self.label_from_func(lambda item: Path(item).parent.name, label_cls=label_cls, **options)


class Labelled:
    """A dataset: items and their labels; `dataset[i]` is the pair of both.

    Attributes:
        x: N items.
        y: their labels.

    Example:
        >>> from handlens.core.labels import CategoryList
        >>> dataset = Labelled(["1.jpg", "2.jpg"], CategoryList(["cat", "dog"]))
        >>> x, y = dataset[1]
        >>> x, y.name
        ('2.jpg', 'dog')
    """

    def __init__(self, x: Any, y: LabelList) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, position: int) -> tuple[Any, Any]:
        pair: tuple[Any, Any] = self.y.with_item(self.x, position)
        return pair

    def __getattr__(self, name: str) -> Any:
        # What the items know, such as cont_names, is asked of the dataset in the lesson. `x` itself is asked for
        # here only while a copy is being made, before there is one.
        if name == "x" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.x, name)

    def __repr__(self) -> str:
        return f"{len(self):,} × ({self.x!r}, {self.y!r})"


class LabelledItems:
    """Labelled training and validation items, to be put into batches.

    Attributes:
        train, valid: the datasets.
        source: the training items as they were before labelling.
        test: items that `add_test` added, which become the test data; None unless there are some.

    Example:
        >>> labelled = ItemList([3.0, 1.0, 2.0]).split_by_idx([2]).label_from_lists(["a", "b"], ["a"])
        >>> len(labelled.train), len(labelled.valid)
        (2, 1)
    """

    def __init__(self, train: Labelled, valid: Labelled, source: ItemList) -> None:
        self.train = train
        self.valid = valid
        self.source = source
        self.test: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}: train {self.train!r}; valid {self.valid!r}"

    def add_test(self, items: Any, label: Any = None) -> Self:  # noqa: ARG002
        """The same items, and with them test data, which are predicted and have no part in training.

        Args:
            items: what `add_test` of this kind of data takes: an item list, whose labels are not asked for; of tables
                also a frame.
            label: not used, as in the course: test data have no labels.

        Returns:
            Labelled items; this object is not changed.
        """
        with_test = copy.copy(self)
        with_test.test = items
        return with_test

    def databunch(self, bs: int = 64, *, path: Path | str | None = None, **options: Any) -> Any:
        """Put the items into batches.

        Args:
            bs: how many items a training batch has.
            path: the folder that models and exports are saved below; that of the items unless given.
            options: those of `create` of the DataBunch of this kind of data, such as `device`.

        Returns:
            A DataBunch of this kind of data, such as a TabularDataBunch.
        """
        where = self.source.path if path is None else path
        data = self.source.bunch_class.create(self.train, self.valid, path=where, bs=bs, **options)
        if self.test is not None:
            data.add_test(self.test)
        return data


ItemList.labelled_class = LabelledItems


def _text(item: Any) -> str:
    return item.as_posix() if isinstance(item, Path) else str(item)


def _of_part(part: str, make: Callable[..., LabelList], labels: Any, **options: Any) -> LabelList:
    """Labels of one part; an error says which, because positions count within it."""
    try:
        return make(labels, **options)
    except DataError as error:
        raise DataError(f"{part} labels: {error}") from error


def positions_of(valid_idx: Iterable[int], n: int) -> NDArray[np.intp]:
    """Distinct positions of some of n items, in order.

    Raises:
        DataError: `valid_idx` holds something else than whole numbers from 0 to n − 1.
    """
    array = isinstance(valid_idx, (np.ndarray, pd.Series))
    rows = np.asarray(valid_idx if array else listed(valid_idx, "valid_idx", "range(100)", DataError))
    if rows.size == 0:
        return np.empty(0, np.intp)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise DataError(f"valid_idx must be positions of items, whole numbers; {rows.dtype} values arrived.")
    if rows.min() < 0 or rows.max() >= n:
        wrong = rows[(rows < 0) | (rows >= n)][0]
        raise DataError(f"valid_idx must be positions from 0 to {n - 1}; {wrong} arrived.")
    return np.unique(rows).astype(np.intp)


def _name_of(items: ItemList, col: Any) -> Any:
    """The name of a column that is given by its name or its position."""
    columns = [] if items.frame is None else list(items.frame.columns)
    if not isinstance(col, Integral) or isinstance(col, bool) or col in columns or not columns:
        return col
    place = int(col)
    if not -len(columns) <= place < len(columns):
        raise DataError(
            f"cols must be the name or the position of a column; there are {len(columns)}, {place} arrived."
        )
    return columns[place]


def _column(items: ItemList, name: str) -> pd.Series:
    if items.frame is None:
        raise DataError(f"column {name!r} was asked for, but these items come from no table: label them otherwise.")
    count = list(items.frame.columns).count(name)
    if count != 1:
        there = "there more than once" if count else "missing"
        hint = "" if count else separator_hint(items.frame.columns, [name])
        raise DataError(f"{name!r} must be a column of the frame; it is {there}: add, rename or drop columns.{hint}")
    return items.frame[name]
