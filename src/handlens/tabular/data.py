"""Tables as data to learn from: TabularList, the rows of a dataset, and TabularDataBunch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from handlens.core.artifact import load_artifact, refusing_damage, save_artifact
from handlens.core.bunch import DataBunch
from handlens.core.checks import listed, whole
from handlens.core.defaults import defaults
from handlens.core.description import DataDescription
from handlens.core.display import show_table
from handlens.core.items import ItemList, Labelled, positions_of
from handlens.core.labels import labels_from_state
from handlens.core.loaders import Batch, TensorLoader
from handlens.errors import ArtifactError, DataError, TableError
from handlens.tabular.cont_cat_split import cont_cat_split
from handlens.tabular.encoder import Encoder, MakeProc
from handlens.tabular.frames import check_columns, check_names
from handlens.tabular.procs import TabularProc

KIND = "tabular-data"

AT_ONCE = 4096
"""The smallest batch where nothing is trained, in rows: smaller batches only cost time."""


class Row:
    """One row as the model takes it: `codes` int64 [categorical columns] and `numbers` float32 [continuous ones]."""

    def __init__(self, encoder: Encoder, codes: Tensor, numbers: Tensor) -> None:
        self.encoder = encoder
        self.codes = codes
        self.numbers = numbers

    def values(self) -> dict[str, Any]:
        """The levels (None for missing or unseen) and the preprocessed numbers, by column."""
        shown: dict[str, Any] = {}
        for name, code in zip(self.encoder.cat_names, self.codes.tolist(), strict=True):
            shown[name] = self.encoder.levels[name].index[code - 1] if code else None
        return shown | dict(zip(self.encoder.cont_names, self.numbers.tolist(), strict=True))

    def __repr__(self) -> str:
        shown = (f"{name} {v:.4f}" if isinstance(v, float) else f"{name} {v}" for name, v in self.values().items())
        return "; ".join(shown)


class Rows:
    """The rows of a dataset in memory: codes int64 [N, categorical columns], numbers float32 [N, continuous ones]."""

    def __init__(self, encoder: Encoder, codes: Tensor, numbers: Tensor) -> None:
        self.encoder = encoder
        self.codes = codes
        self.numbers = numbers

    @classmethod
    def encode(cls, encoder: Encoder, df: pd.DataFrame) -> Rows:
        """The rows of a frame.

        Args:
            encoder: the fitted preprocessors.
            df: N rows; the frame is not changed.

        Raises:
            TableError: as `Encoder.encode`.
        """
        codes, numbers = encoder.encode(df)
        return cls(encoder, torch.from_numpy(codes), torch.from_numpy(numbers))

    @property
    def cat_names(self) -> list[str]:
        """The categorical columns of the model, including those that FillMissing added."""
        return self.encoder.cat_names

    @property
    def cont_names(self) -> list[str]:
        """The continuous columns of the model."""
        return self.encoder.cont_names

    def frame(self) -> pd.DataFrame:
        """The rows as a table [N, columns]: levels by name, None for missing ones; numbers as the model has them."""
        columns: dict[str, Any] = {}
        for i, name in enumerate(self.cat_names):
            levels = np.array([None, *self.encoder.levels[name].index], object)
            columns[name] = levels[self.codes[:, i].numpy()]
        return pd.DataFrame(columns | {name: self.numbers[:, i].numpy() for i, name in enumerate(self.cont_names)})

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, position: int) -> Row:
        return Row(self.encoder, self.codes[position], self.numbers[position])

    def __repr__(self) -> str:
        return f"{len(self.cat_names)} categorical and {len(self.cont_names)} continuous columns"


class TabularDataBunch(DataBunch):
    """The rows of a table in batches, all in the device's memory; made by `.databunch()`.

    Example:
        >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sales": [1.0, 2.0] * 8})
        >>> from handlens.tabular.procs import Categorify
        >>> items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4))
        >>> data = items.label_from_df("sales").databunch(bs=4)
        >>> (codes, numbers), targets = data.one_batch()
        >>> codes.shape, numbers.shape, targets.shape
        (torch.Size([4, 1]), torch.Size([4, 0]), torch.Size([4]))
    """

    modality = "tabular"

    train_dl: TensorLoader
    valid_dl: TensorLoader

    @classmethod
    def from_df(
        cls,
        path: Path | str,
        df: pd.DataFrame,
        dep_var: str,
        valid_idx: Iterable[int],
        procs: Sequence[Any] = (),
        cat_names: Sequence[str] | None = None,
        cont_names: Sequence[str] | None = None,
        *,
        test_df: pd.DataFrame | None = None,
        **options: Any,
    ) -> Self:
        """A table to batches in one call, as in the course; the data-block API, see `TabularList`, can do more.

        Args:
            path: the folder that models and exports are saved below.
            df: the table.
            dep_var: the column to predict: numbers if it holds floats, otherwise classes.
            valid_idx: positions of the rows that are held out.
            procs: the processors, such as `[FillMissing, Categorify, Normalize]`.
            cat_names, cont_names: the categorical and continuous columns; those of `cont_cat_split` if neither is
                given. With `cat_names` alone all other columns but the target are continuous, as in the course.
            test_df: rows to predict.
            options: those of `databunch`, such as `bs` and `device`.

        Raises:
            TableError: as `TabularList.from_df`.

        Example:
            >>> from handlens.tabular.procs import Categorify
            >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sold": ["few", "many"] * 8})
            >>> TabularDataBunch.from_df(".", df, "sold", range(4), [Categorify], ["shop"]).classes
            ['few', 'many']
        """
        if cont_names is None:
            if cat_names is None:
                cont_names, cat_names = cont_cat_split(df, dep_var=dep_var)
            else:
                cat_names = check_names(cat_names, "cat_names")
                cont_names = [name for name in df.columns if name not in {*cat_names, dep_var}]
        items = TabularList.from_df(
            df, path=path, cat_names=list(cat_names or []), cont_names=list(cont_names or []), procs=procs
        )
        data: Self = items.split_by_idx(valid_idx).label_from_df(dep_var).databunch(**options)
        if test_df is not None:
            data.add_test(test_df)
        return data

    @classmethod
    def create(
        cls,
        train: Labelled,
        valid: Labelled,
        *,
        path: Path | str = ".",
        bs: int = 64,
        device: torch.device | str | None = None,
        num_workers: int = 0,  # noqa: ARG003
    ) -> Self:
        """From labelled rows.

        Args:
            train: the training rows, taken in a new random order each epoch.
            valid: the validation rows, in their order; may be empty.
            path: the folder that models and exports are saved below.
            bs: how many rows a training batch has, 1 or more; validation may take more at once.
            device: where the batches are; `defaults.device`, the GPU if there is one, unless given.
            num_workers: not used: the rows are in memory, and nothing reads them one by one.

        Raises:
            DataError: `bs` is not a whole number of 1 or more.
        """
        where = torch.device(device or defaults.device)
        bs = whole(bs, "bs", DataError)
        return cls(
            _loader(train, bs, where, shuffle=True), _loader(valid, max(bs, AT_ONCE), where), path=path, device=where
        )

    @property
    def encoder(self) -> Encoder:
        """The fitted preprocessors, which make the model's inputs from rows."""
        encoder: Encoder = self.train_ds.x.encoder
        return encoder

    @property
    def cat_names(self) -> list[str]:
        return self.encoder.cat_names

    @property
    def cont_names(self) -> list[str]:
        return self.encoder.cont_names

    def facts(self) -> dict[str, Any]:
        """As `DataBunch.facts`, with the columns."""
        names = {"categorical": self.cat_names, "continuous": self.cont_names}
        return super().facts() | {f"{kind} columns": ", ".join(found) or "none" for kind, found in names.items()}

    def describe(self) -> DataDescription:
        """What these data are, for a datasheet: the rows of each part as the model has them, with their labels.

        Raises:
            DataError: there are no rows.
        """
        parts = {}
        for name, part in self._datasets().items():
            parts[name] = part.x.frame()
            for target, labels in part.y.columns().items():
                parts[name][target] = labels
        return DataDescription(parts=parts, target=self.y.names[0] if len(self.y.names) == 1 else None)

    def loader(self, df: pd.DataFrame) -> TensorLoader:
        """Batches of a frame's rows, preprocessed as the training rows were; `df` is not changed.

        Labels are taken from the target columns if the frame has all of them; otherwise losses and metrics are nan.

        Raises:
            TableError: the rows cannot be encoded, see `Encoder.encode`.
            DataError: the labels cannot be used.
        """
        check_columns(df, [], "rows")
        if not all(name in df.columns for name in self.y.names):
            return self.unlabelled(df)
        return _loader(Labelled(Rows.encode(self.encoder, df), self.y.new(df[self.y.names])), AT_ONCE, self.device)

    def unlabelled(self, df: pd.DataFrame) -> TensorLoader:
        """As `loader`, but for predicting: target columns are ignored."""
        check_columns(df, [], "rows")
        return _loader(Labelled(Rows.encode(self.encoder, df), self.y.blank(len(df))), AT_ONCE, self.device)

    def hold_out(self, valid_idx: Iterable[int]) -> Self:
        """These data with some training rows as validation rows, and without the present validation rows.

        Test data stay. All rows stay encoded as they are, so a model can be used with these data and with the result:
        an inner holdout to choose and tune with, and another one to report.

        Args:
            valid_idx: positions of rows in `train_ds`.

        Raises:
            DataError: they are not positions of training rows, or no row or every row is among them.
        """
        rows: Rows = self.train_ds.x
        held = torch.from_numpy(positions_of(valid_idx, len(rows)))
        kept = torch.ones(len(rows), dtype=torch.bool)
        kept[held] = False
        if not len(held) or not kept.any():
            raise DataError(
                f"hold out some training rows and leave some; {len(held)} of {len(rows)} were named: name others."
            )
        parts = [
            Labelled(Rows(rows.encoder, rows.codes[which], rows.numbers[which]), self.y.take(which))
            for which in (kept, held)
        ]
        inner = self.create(*parts, path=self.path, bs=self.train_dl.bs, device=self.device)
        inner.test_dl = self.test_dl
        return inner

    def add_test(self, df: pd.DataFrame | TabularList) -> None:
        """Make a frame, or that of a TabularList, the test data; arguments and errors as in `loader`."""
        self.test_dl = self.loader(df.frame if isinstance(df, TabularList) else df)  # type: ignore[arg-type]

    def one_item(self, item: Row | Mapping[str, Any] | pd.Series | pd.DataFrame) -> Batch:
        """One row as a batch of one: of a dataset, a mapping by column name, a Series, or a frame of one row."""
        if isinstance(item, Row):
            inputs = item.codes[None], item.numbers[None]
        else:
            inputs = self._encode_one(item)
        targets = self.y.blank(1).data
        return tuple(part.to(self.device) for part in inputs), targets.to(self.device)

    def _encode_one(self, item: Any) -> tuple[Tensor, Tensor]:
        if isinstance(item, pd.DataFrame) and len(item) != 1:
            raise TableError(f"predict takes one row; a frame of {len(item)} arrived: use predict_frame(df).")
        if isinstance(item, pd.DataFrame) and item.columns.is_unique:  # a dict is encoded in a hundredth of the time
            item = {name: item[name].iat[0] for name in item.columns}
        if isinstance(item, pd.Series):
            item = item.to_dict()
        codes, numbers = self.encoder.encode(item)
        return torch.from_numpy(codes), torch.from_numpy(numbers)

    def show_batch(self, rows: int = 5) -> None:
        """Show the first training rows with their labels, as the model gets them."""
        shown = []
        for i in range(min(rows, len(self.train_ds))):
            row, label = self.train_ds[i]
            # Text and not the label itself: pandas would show a class as a pair of name and code.
            shown.append(row.values() | {"label" if len(self.y.names) > 1 else self.y.names[0]: str(label)})
        show_table(pd.DataFrame(shown))

    def export(self, name: str = "databunch") -> Path:
        """Write the preprocessing and the labels' encoding (levels, medians, means, deviations, classes), not the rows.

        Returns:
            The folder, below the path, of safetensors and JSON; `load_data` reads it.
        """
        folder = self.path / name
        save_artifact(folder, KIND, self.state(), {})
        return folder

    def state(self) -> dict[str, Any]:
        """All that is needed to encode rows and decode predictions, as plain JSON."""
        return {"encoder": self.encoder.state(), "labels": self.y.state()}

    @classmethod
    def from_state(
        cls, state: dict[str, Any], *, path: Path | str, own_procs: Iterable[type[TabularProc]] = ()
    ) -> Self:
        """Data without rows, which encode new rows as the training rows were.

        Args:
            state: what `state()` of the data gave.
            path: the folder that exports are saved below.
            own_procs: the classes of preprocessors that are not part of this library.

        Raises:
            ArtifactError: the state is damaged.
        """
        try:
            encoder = Encoder.from_state(state["encoder"], own_procs=own_procs)
            labels = labels_from_state(state["labels"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"the saved data are damaged ({error!r}); save them again.") from error
        no_rows = Rows(
            encoder,
            torch.empty(0, len(encoder.cat_names), dtype=torch.int64),
            torch.empty(0, len(encoder.cont_names)),
        )
        none = Labelled(no_rows, labels)
        return cls.create(none, none, path=path)


def load_data(folder: Path | str, *, own_procs: Iterable[type[TabularProc]] = ()) -> TabularDataBunch:
    """Data without rows, as `data.export()` wrote them, which encode new rows as the training rows were.

    No code from the files is run.

    Args:
        folder: what `data.export()` wrote.
        own_procs: the classes of preprocessors that are not part of this library.

    Raises:
        ArtifactError: `folder` does not hold such data, is damaged, or is from a newer version.

    Example:
        >>> from handlens.tabular.procs import Categorify
        >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sales": [1.0, 2.0] * 8})
        >>> items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_none()
        >>> load_data(items.label_from_df("sales").databunch(bs=4).export()).cat_names
        ['shop']
    """
    config, _ = load_artifact(folder, KIND)
    with refusing_damage(folder, "saved data"):
        return TabularDataBunch.from_state(config, path=Path(folder).parent, own_procs=own_procs)


class TabularList(ItemList):
    """The rows of a table, with the columns to learn from and the preprocessors; made by `TabularList.from_df`.

    It is split, then labelled, then put into batches, see `handlens.core.items`.

    Example:
        >>> df = pd.DataFrame({"distance": [1.5, 0.2, 3.0, 0.7], "sales": [10.0, 20.0, 5.0, 15.0]})
        >>> items = TabularList.from_df(df, cont_names=["distance"])
        >>> data = items.split_by_idx([0]).label_from_df("sales").databunch(bs=3)
        >>> len(data.train_ds), len(data.valid_ds)
        (3, 1)
    """

    bunch_class = TabularDataBunch

    cat_names: list[str]
    cont_names: list[str]
    procs: list[MakeProc]

    @classmethod
    def from_df(
        cls,
        df: pd.DataFrame,
        *,
        path: Path | str = ".",
        cat_names: Iterable[str] = (),
        cont_names: Iterable[str] = (),
        procs: Iterable[MakeProc] = (),
    ) -> Self:
        """The rows of a frame, which is not changed.

        Args:
            df: at least one row, with any index.
            path: the folder below which models and exports are saved.
            cat_names, cont_names: the categorical and the continuous columns to learn from.
            procs: preprocessors, which are fitted on the training rows when these are labelled: [FillMissing,
                Categorify, Normalize].

        Raises:
            TableError: a column is missing, occurs twice, or is named in both lists; or there are no columns or rows.

        Example:
            >>> df = pd.DataFrame({"shop": ["a", "b"], "distance": [1.5, 0.2]})
            >>> items = TabularList.from_df(df, cat_names=["shop"], cont_names=["distance"])
            >>> len(items)
            2
        """
        cats, conts = check_names(cat_names, "cat_names"), check_names(cont_names, "cont_names")
        check_columns(df, cats, "cat_names")
        check_columns(df, conts, "cont_names")
        both = [name for name in cats if name in conts]
        if both:
            raise TableError(
                f"a column must be either categorical or continuous; both cat_names and cont_names have {both}."
            )
        if not cats and not conts:
            raise TableError(
                "a model needs at least one column; cat_names and cont_names are empty: name the columns to learn "
                "from, those of the training rows for a test."
            )
        if not len(df):
            raise TableError("a table to learn from needs rows; the frame is empty: check how it was read or filtered.")
        rows = cls(np.arange(len(df)), path=path, frame=df)
        rows.cat_names, rows.cont_names = cats, conts
        rows.procs = listed(procs, "procs", "[FillMissing, Categorify, Normalize]", TableError)
        return rows

    def describe(self) -> DataDescription:
        """What these rows are, for a datasheet: the frame that they are taken from, with all of its columns."""
        frame: pd.DataFrame = self.frame  # type: ignore[assignment]
        return DataDescription(parts={"data": frame})

    @property
    def input_columns(self) -> list[str]:
        """The categorical and the continuous columns."""
        return [*self.cat_names, *self.cont_names]

    def processed(self, like: Rows | None = None) -> Rows:
        """The rows encoded by preprocessors that are fitted on them, or by those of `like`."""
        frame: pd.DataFrame = self.frame  # type: ignore[assignment]
        if like is not None:
            return Rows.encode(like.encoder, frame)
        encoder = Encoder.fit(frame, cat_names=self.cat_names, cont_names=self.cont_names, procs=self.procs)
        return Rows.encode(encoder, frame)


def _loader(dataset: Labelled, bs: int, device: torch.device, *, shuffle: bool = False) -> TensorLoader:
    inputs = (dataset.x.codes, dataset.x.numbers)
    return TensorLoader(dataset, inputs, dataset.y.data, bs=bs, device=device, shuffle=shuffle)
