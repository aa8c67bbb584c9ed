"""ImageDataBunch.from_folder, from_csv and so on: pictures to batches in one call, as in the course.

Each is a short way of the data-block API, see `handlens.vision.items`, which can do more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from handlens.errors import DataError

if TYPE_CHECKING:
    from handlens.core.items import SplitItems
    from handlens.vision.data import ImageDataBunch, LabelledImages
    from handlens.vision.items import ImageItemList

_TRANSFORM = {"ds_tfms": "tfms", "size": "size", "padding_mode": "padding_mode", "resize_method": "resize_method"}
"""What these calls hand on to `transform`, and what it is called there; all other options go to `databunch`."""


class ImageFactories:
    """The constructors of `ImageDataBunch` that begin with files; all take the options of `transform` and `databunch`.

    These are `ds_tfms=get_transforms()`, `size`, `padding_mode` and `resize_method`, and `bs`, `num_workers` and
    `device`. Where a share is held out at random, `seed` makes it repeatable, or `np.random.seed` before the call.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision import ImageDataBunch
        >>> for i in range(10):
        ...     Pillow.new("RGB", (12, 8), ("red", "blue")[i % 2]).save(f"{('red', 'blue')[i % 2]}_{i}.png")
        >>> data = ImageDataBunch.from_name_re(".", sorted(Path(".").glob("*.png")), r"([a-z]+)_", size=8, seed=0)
        >>> data.classes, len(data.train_ds), len(data.valid_ds)
        (['blue', 'red'], 8, 2)
    """

    @classmethod
    def from_folder(
        cls,
        path: Path | str,
        train: str = "train",
        valid: str = "valid",
        *,
        test: str | None = None,
        valid_pct: float | None = None,
        seed: int | None = None,
        classes: Sequence[str] | None = None,
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures in a folder for each class.

        Args:
            path: the folder; models and exports are saved below it.
            train, valid: the folders below it that are trained on and held out, each with a folder for each class.
            test: a folder below `path` of pictures to predict; none unless given.
            valid_pct: hold out this share of all pictures instead, at random; `train` and `valid` are not used then.
            seed: see the class.
            classes: all classes in the order of their codes; pictures in other folders are left out.
            options: see the class.

        Raises:
            DataError: there are no pictures, or not those that are named.
        """
        root = Path(path)
        items = _list().from_folder(root)
        if test is not None:
            items = items.filter_by_func(lambda file: not file.is_relative_to(root / test))
        if classes is not None:
            wanted = [str(name) for name in classes]
            items = items.filter_by_func(lambda file: file.parent.name in wanted)
        split = items.split_by_folder(train, valid) if valid_pct is None else _at_random(items, valid_pct, seed)
        labels: dict[str, Any] = {} if classes is None else {"classes": wanted}
        labelled = split.label_from_folder(**labels)
        return _bunch(labelled if test is None else labelled.add_test(_list().from_folder(root / test)), options)

    @classmethod
    def from_df(
        cls,
        path: Path | str,
        df: pd.DataFrame,
        *,
        folder: Path | str | None = None,
        label_delim: str | None = None,
        valid_pct: float = 0.2,
        seed: int | None = None,
        fn_col: int | str = 0,
        label_col: int | str | Sequence[int | str] = 1,
        suffix: str = "",
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures that a table names, with their labels.

        Args:
            path: the folder that the names are relative to; models and exports are saved below it.
            df: a row for each picture.
            folder: the folder below `path` that holds the pictures.
            label_delim: what stands between the classes of a picture that has several, such as " ".
            valid_pct: the share that is held out at random.
            seed: see the class.
            fn_col, label_col: the columns of names and of labels, by name or position.
            suffix: added to each name, such as ".jpg".
            options: see the class.

        Raises:
            DataError: as `ImageItemList.from_df` and `label_from_df`.
        """
        items = _list().from_df(df, path, cols=fn_col, folder=folder, suffix=suffix)
        return _from_table(items, valid_pct, seed, label_col, label_delim, options)

    @classmethod
    def from_csv(
        cls,
        path: Path | str,
        *,
        folder: Path | str | None = None,
        label_delim: str | None = None,
        csv_labels: str = "labels.csv",
        valid_pct: float = 0.2,
        seed: int | None = None,
        fn_col: int | str = 0,
        label_col: int | str | Sequence[int | str] = 1,
        suffix: str = "",
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures that a CSV file names, with their labels.

        Args:
            csv_labels: the file, below `path`.
            path, folder, label_delim, valid_pct, seed, fn_col, label_col, suffix, options: as in `from_df`.

        Raises:
            DataError: as `ImageItemList.from_csv` and `label_from_df`.
        """
        items = _list().from_csv(path, csv_labels, cols=fn_col, folder=folder, suffix=suffix)
        return _from_table(items, valid_pct, seed, label_col, label_delim, options)

    @classmethod
    def from_lists(
        cls,
        path: Path | str,
        fnames: Iterable[Path | str],
        labels: Iterable[Any],
        *,
        valid_pct: float = 0.2,
        seed: int | None = None,
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures in a list, with their labels in another.

        Args:
            path: the folder that models and exports are saved below, and that paths are relative to.
            fnames: their paths; one that begins with `path` is taken as it is.
            labels: a label for each.
            valid_pct: the share that is held out at random.
            seed, options: see the class.

        Raises:
            DataError: there is not one label for each picture; or as `ImageItemList.from_df`.
        """
        root = Path(path)
        named = [Path(str(file)) for file in fnames]
        files = [file.relative_to(root) if file.is_relative_to(root) else file for file in named]
        given = list(labels)
        if len(files) != len(given):
            raise DataError(f"each picture must have a label; {len(files)} pictures and {len(given)} labels.")
        table = pd.DataFrame({"name": [str(file) for file in files], "label": given})
        return cls.from_df(path, table, valid_pct=valid_pct, seed=seed, **options)

    @classmethod
    def from_name_func(
        cls,
        path: Path | str,
        fnames: Iterable[Path | str],
        label_func: Callable[[Path], Any],
        *,
        valid_pct: float = 0.2,
        seed: int | None = None,
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures in a list, each labelled with what a function returns for its path.

        Args:
            label_func: path → label.
            path, fnames, valid_pct, seed, options: as in `from_lists`.

        Raises:
            DataError: as `ImageItemList.from_files` and `label_from_func`.
        """
        split = _at_random(_list().from_files(fnames, path), valid_pct, seed)
        return _bunch(split.label_from_func(label_func), options)

    @classmethod
    def from_name_re(
        cls,
        path: Path | str,
        fnames: Iterable[Path | str],
        pat: str,
        *,
        valid_pct: float = 0.2,
        seed: int | None = None,
        **options: Any,
    ) -> ImageDataBunch:
        """Pictures in a list, each labelled with a part of its path.

        Args:
            pat: a regular expression with a group, which is the label, such as r"/([^/]+)_\\d+.jpg$".
            path, fnames, valid_pct, seed, options: as in `from_lists`.

        Raises:
            DataError: as `ImageItemList.from_files` and `label_from_re`.
        """
        return _bunch(_at_random(_list().from_files(fnames, path), valid_pct, seed).label_from_re(pat), options)


def _list() -> type[ImageItemList]:
    from handlens.vision.items import ImageItemList  # which makes the ImageDataBunch

    return ImageItemList


def _at_random(items: ImageItemList, valid_pct: float, seed: int | None) -> SplitItems:
    return items.random_split_by_pct(valid_pct, seed=seed)


def _from_table(
    items: ImageItemList,
    valid_pct: float,
    seed: int | None,
    cols: Any,
    label_delim: str | None,
    options: dict[str, Any],
) -> ImageDataBunch:
    labels: dict[str, Any] = {} if label_delim is None else {"label_delim": label_delim}
    return _bunch(_at_random(items, valid_pct, seed).label_from_df(cols, **labels), options)


def _bunch(labelled: LabelledImages, options: dict[str, Any]) -> ImageDataBunch:
    transforms = {there: options.pop(here) for here, there in _TRANSFORM.items() if here in options}
    data: ImageDataBunch = labelled.transform(**transforms).databunch(**options)
    return data
