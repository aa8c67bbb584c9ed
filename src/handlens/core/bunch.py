"""DataBunch: the training, validation and test data that a learner works with, in batches on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from handlens.core.defaults import defaults
from handlens.core.description import DataDescription, picture_files
from handlens.core.display import facts_html
from handlens.core.labels import LabelList
from handlens.core.loaders import Batch, ItemLoader, Loader
from handlens.core.tensor_data import labelled_pairs, tensor_loaders
from handlens.errors import DataError
from handlens.io import paths

if TYPE_CHECKING:
    from handlens.core.interpret import Interpretation


class DataBunch:
    """Loaders of batches for training, validation and (added later) test, with what they have in common.

    Args:
        train_dl, valid_dl, test_dl: loaders; the validation loader may be empty.
        path: the folder that models and exports are saved below.
        device: where the batches are; `defaults.device`, the GPU if there is one, unless given.

    Attributes:
        train_dl, valid_dl, test_dl: loaders; `test_dl` is None until there is one. The validation loader is empty
            where nothing was held out.
        modality: what the items are, as the Hugging Face hub's names of tasks begin: "tabular", "image"; "" otherwise.
        path: the folder that models and exports are saved below.
        device: where the batches are.

    Example:
        >>> from handlens.core.items import Labelled
        >>> from handlens.core.labels import FloatList
        >>> items = Labelled(torch.eye(4), FloatList([1.0, 2.0, 3.0, 4.0]))
        >>> inputs, targets = DataBunch.create(items, items, bs=2, device="cpu").one_batch()
        >>> inputs.shape, targets.shape
        (torch.Size([2, 4]), torch.Size([2]))
    """

    modality = ""

    def __init__(
        self,
        train_dl: Loader,
        valid_dl: Loader,
        *,
        path: Path | str = ".",
        device: torch.device | str | None = None,
        test_dl: Loader | None = None,
    ) -> None:
        for loader in (train_dl, valid_dl, test_dl):
            if isinstance(loader, DataLoader):
                raise DataError(
                    "a DataBunch needs loaders that know the labels of their items; a DataLoader of torch arrived: "
                    "give its dataset, DataBunch.create(train_ds, valid_ds, bs=64)."
                )
        self.train_dl = train_dl
        self.valid_dl = valid_dl
        self.test_dl = test_dl
        self.path: Path = paths.Path(path)
        self.device = torch.device(device or defaults.device)

    @classmethod
    def create(
        cls,
        train: Any,
        valid: Any,
        *,
        path: Path | str = ".",
        bs: int = 64,
        device: torch.device | str | None = None,
        num_workers: int = 0,
    ) -> Self:
        """From labelled datasets whose items are made one at a time, from tensors, or from datasets of your own.

        Args:
            train: the training items, taken in a new random order each epoch; `train[i]` is (input, target). Of a
                `TensorDataset` of inputs and targets, whole numbers are classes, and floats numbers to predict; so
                they are of a `Dataset` of your own, of which each item is read once for its target.
            valid: the validation items, in their order; may be empty.
            path: the folder that models and exports are saved below.
            bs: how many items a batch has, in validation too.
            device: where the batches are; `defaults.device`, the GPU if there is one, unless given.
            num_workers: how many processes read items, at most one for each core; 0 reads them in this process. Tensors
                need none.

        Raises:
            DataError: tensors are not one of inputs and one of targets for each part, or an item is not a pair.
        """
        where = torch.device(device or defaults.device)
        if hasattr(train, "tensors"):
            return cls(*tensor_loaders(train, valid, bs=bs, device=where), path=path, device=where)
        if not isinstance(getattr(train, "y", None), LabelList):
            train, valid = labelled_pairs(train, valid)
        loaders = (
            ItemLoader(part, bs=bs, device=where, shuffle=part is train, num_workers=num_workers)
            for part in (train, valid)
        )
        return cls(*loaders, path=path, device=where)

    @property
    def train_ds(self) -> Any:
        return self.train_dl.dataset

    @property
    def valid_ds(self) -> Any:
        return self.valid_dl.dataset

    @property
    def test_ds(self) -> Any:
        return self.dl("test").dataset

    @property
    def y(self) -> LabelList:
        """The training labels; they decode the predictions of every part."""
        labels: LabelList = self.train_ds.y
        return labels

    @property
    def c(self) -> int:
        """How many numbers a model has to give for an item."""
        return self.y.c

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of their codes; None where numbers are predicted."""
        return self.y.classes

    def dl(self, part: str) -> Loader:
        """The loader of a part.

        Args:
            part: "train", "valid" or "test".

        Raises:
            DataError: the data have no such part.
        """
        loader = {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl}.get(part)
        if loader is None:
            has = "train, valid" + ("" if self.test_dl is None else ", test")
            raise DataError(f"the data must have a part named {part!r}; it has {has}.")
        return loader

    def to_predict(self, part: str | Loader) -> Loader:
        """The loader of a part as a model predicts it: in order, and as validation data are prepared.

        Args:
            part: "train", "valid" or "test"; or a loader, which stays as it is unless it is that of the training data.

        Raises:
            DataError: the data have no such part.
        """
        if part is self.train_dl:
            part = "train"
        loader = self.dl(part).in_order() if isinstance(part, str) else part
        if not hasattr(loader, "dataset"):
            raise DataError(
                f'what to predict must be "train", "valid", "test" or a loader, such as data.loader(items); {part!r} '
                "arrived."
            )
        return loader

    def add_test(self, items: Any) -> None:
        """Make these items the test data, if this kind of data can make batches of items without labels.

        Raises:
            DataError: it cannot.
        """
        raise DataError(
            f"a {type(self).__name__} cannot make batches of {type(items).__name__} without labels: set data.test_dl "
            "to a loader."
        )

    @property
    def batch_size(self) -> int:
        """How many items a training batch has, but perhaps the last one."""
        bs: int = self.train_dl.bs  # type: ignore[attr-defined]
        return bs

    def one_batch(self, ds_type: str = "train") -> Batch:
        """The first batch of a part, in training of an epoch: (inputs, targets).

        Args:
            ds_type: "train", "valid" or "test".

        Raises:
            DataError: there is no such part, or it has no items.
        """
        if ds_type == "train" and not len(self.train_dl):
            raise DataError("a batch needs training items; these data have none, only what it takes to predict.")
        return self._first_batch(self.dl(ds_type), ds_type)

    @staticmethod
    def _first_batch(loader: Loader, part: str) -> Batch:
        if not len(loader):
            raise DataError(f"a batch of {str(part)!r} needs items, and that part has none.")
        return next(iter(loader))

    @staticmethod
    def interpretation_class() -> type[Interpretation]:
        """What `learn.interpret()` makes of predictions for these data."""
        from handlens.core.interpret import Interpretation  # it reads learners, which read these

        return Interpretation

    def one_item(self, item: Any) -> Batch:
        """One item as a batch of one: (inputs, targets), where the target is only a placeholder."""
        inputs = item if isinstance(item, Tensor) else item.data
        return inputs[None].to(self.device), self.y.blank(1).data.to(self.device)

    def show_batch(self, rows: int = 5) -> None:
        """Print the first items of the training data with their labels."""
        for i in range(min(rows, len(self.train_ds))):
            x, y = self.train_ds[i]
            print(f"{x}  {y}")

    def facts(self) -> dict[str, Any]:
        """The sizes of the parts, the targets and the classes, by the name of each fact: for a model card."""
        found: dict[str, Any] = {
            f"{name} items": len(dl.dataset) for name, dl in self._parts().items() if dl is not None
        }
        found["target"] = ", ".join(map(str, self.y.names))
        if self.classes:
            found["classes"] = ", ".join(map(str, self.classes))
        return found

    def describe(self) -> DataDescription:
        """What these data are, for a datasheet: the files of each part with their labels.

        Raises:
            DataError: there are no items, or they are not files.
        """
        parts = {}
        for name, part in self._datasets().items():
            labels = next(iter(part.y.columns().values()))
            parts[name] = picture_files(part.x.items, self.path, labels)
        return DataDescription(parts=parts)

    def _datasets(self) -> dict[str, Any]:
        """The datasets that have items, by the name of their part; raises DataError if there are none."""
        found = {name: dl.dataset for name, dl in self._parts().items() if dl is not None and len(dl.dataset)}
        if not found:
            raise DataError("data must have items; this DataBunch has none, only what is needed to predict.")
        return found

    def __repr__(self) -> str:
        sizes = (f"{name} {len(dl.dataset):,}" for name, dl in self._parts().items() if dl is not None)
        return f"{type(self).__name__}: {', '.join(sizes)} items, {self.y!r}, on {self.device}"

    def _repr_html_(self) -> str:
        return facts_html(type(self).__name__, self.facts() | {"device": self.device, "path": self.path})

    def _parts(self) -> dict[str, Loader | None]:
        return {"train": self.train_dl, "valid": self.valid_dl, "test": self.test_dl}
