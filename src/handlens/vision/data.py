"""Pictures as data to learn from: read and transformed anew each time, in batches on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from handlens.core.bunch import DataBunch
from handlens.core.defaults import defaults
from handlens.core.items import Labelled, LabelledItems
from handlens.core.labels import labels_from_state
from handlens.core.loaders import Batch
from handlens.errors import ArtifactError, DataError
from handlens.vision.dataset import ImageDataset, TransformedImage, decode_size, transformed
from handlens.vision.image import Image, open_image
from handlens.vision.loader import PictureLoader, default_workers
from handlens.vision.normalization import ChannelStats, normalised
from handlens.vision.transform import Augment, get_transforms

Tfms = Sequence[Any]


class LabelledImages(LabelledItems):
    """Labelled training and validation pictures, to be transformed and put into batches."""

    def transform(
        self,
        tfms: tuple[Tfms | None, Tfms | None] | None = None,
        *,
        size: int | tuple[int, int] | None = None,
        padding_mode: str = "reflection",
        resize_method: str = "crop",
    ) -> LabelledImages:
        """The same pictures, transformed each time they are read; these stay as they are.

        Args:
            tfms: transforms of the training pictures and those of all others, as `get_transforms()` gives them.
            size: height and width in pixels that all pictures get, or one number for both.
            padding_mode, resize_method: as in `Augment`.

        Raises:
            DataError: `tfms` is no such pair.
        """
        pair = (None, None) if tfms is None else tfms
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or any(isinstance(t, str) for t in pair):
            raise DataError(
                "tfms must be a pair, the transforms of the training pictures and those of all others, as "
                f"get_transforms() gives it; {tfms!r} arrived."
            )
        train, valid = (
            Labelled(
                part.x.augmented(
                    Augment(list(some or ()), size=size, padding_mode=padding_mode, resize_method=resize_method)
                ),
                part.y,
            )
            for part, some in zip((self.train, self.valid), pair, strict=True)
        )
        return LabelledImages(train, valid, self.source)


class ImageDataBunch(DataBunch):
    """Pictures in batches; made by `.databunch()`."""

    modality = "image"

    train_dl: PictureLoader
    valid_dl: PictureLoader

    @classmethod
    def create(
        cls,
        train: Labelled,
        valid: Labelled,
        *,
        path: Path | str = ".",
        bs: int = 64,
        device: torch.device | str | None = None,
        num_workers: int | None = None,
    ) -> Self:
        """From labelled pictures; training takes them in a new order each epoch.

        `num_workers` processes read pictures, see `default_workers` for how many unless given; 0 reads in this one.
        """
        where = torch.device(device or defaults.device)
        workers = default_workers(len(train)) if num_workers is None else num_workers
        train_dl = PictureLoader(train, bs=bs, device=where, shuffle=True, augmented=True, num_workers=workers)
        return cls(train_dl, train_dl.like(valid), path=path, device=where)

    @property
    def stats(self) -> ChannelStats | None:
        """By what batches are normalised."""
        return self.train_dl.stats

    def normalize(self, stats: tuple[Iterable[float], Iterable[float]] | None = None) -> Self:
        """Normalise all batches, and return the data.

        Args:
            stats: mean and standard deviation of red, green and blue (0–1), such as `imagenet_stats`; those of one
                batch of training pictures unless given, the same one each time.
        """
        found = ChannelStats(*stats) if stats is not None else self._measured()
        for dl in self._parts().values():
            if dl is not None:
                dl.stats = found  # type: ignore[attr-defined]
        return self

    def _measured(self) -> ChannelStats:
        if not len(self.train_dl):
            raise DataError("statistics are taken of a batch of training pictures; there are none: give some.")
        dl = self.train_dl.here()
        dl.stats = None
        with torch.random.fork_rng(devices=[]):  # measuring must not change what is drawn next
            torch.manual_seed(0)
            inputs, _ = next(iter(dl))
        std, mean = torch.std_mean(inputs.double(), (0, 2, 3))
        return ChannelStats(mean.tolist(), std.clamp_min(1 / 255).tolist())

    def one_batch(self) -> Batch:
        """The first batch of a training epoch, (inputs, targets), read in this process."""
        if not len(self.train_dl):
            raise DataError("a batch needs training pictures; these data have none, only what it takes to predict.")
        return next(iter(self.train_dl.here()))

    def denorm(self, inputs: Tensor) -> Tensor:
        """Normalised pictures [3, H, W] or [B, 3, H, W] as they were, 0–1, on the CPU."""
        pictures = inputs.detach().cpu().float()
        if self.stats:
            pictures = pictures * self.stats.std.float()[:, None, None] + self.stats.mean.float()[:, None, None]
        return pictures.clamp(0, 1)

    def one_item(self, item: Image | Path | str | Tensor) -> Batch:
        """One picture as a batch of one: (inputs, targets), where the target stands for none.

        A picture of a dataset (`x, y = data.valid_ds[0]`) is taken as it is; a path, an opened picture, or a tensor
        [3, H, W] of 0–1 goes through the transforms of the validation pictures first. Raises DataError for a file
        that cannot be read.
        """
        if not isinstance(item, TransformedImage):
            augment = self.valid_ds.x.augment
            if isinstance(item, Tensor):
                item = Image(item)
            elif not isinstance(item, Image):
                item = open_image(item, at_least=decode_size(augment))
            item = transformed(item, augment, torch.Generator().manual_seed(0))
        pixels = torch.from_numpy(item.pixels)[None]
        return normalised(pixels.to(self.device), self.stats), self.y.blank(1).data.to(self.device)

    def loader(self, items: Iterable[Path | str]) -> PictureLoader:
        """Batches of other pictures, in order, without labels, transformed as the validation pictures are."""
        paths = np.empty(len(listed := [Path(item) for item in getattr(items, "items", items)]), object)
        paths[:] = listed
        return self.valid_dl.like(Labelled(ImageDataset(paths, self.valid_ds.x.augment), self.y.blank(len(paths))))

    def add_test(self, items: Iterable[Path | str]) -> None:
        """Make these pictures (an ImageItemList, or paths) the test data; they have no labels."""
        self.test_dl = self.loader(items)

    def augmented(self, part: str = "valid") -> PictureLoader:
        """The pictures of a part, in order, transformed at random as in training: for test-time augmentation."""
        dataset = self.dl(part).dataset
        return self.train_dl.like(Labelled(dataset.x.augmented(self.train_ds.x.augment), dataset.y), augmented=True)

    def show_batch(self, rows: int = 3, *, figsize: tuple[float, float] | None = None) -> None:
        """Draw rows × rows training pictures with their labels, as the model gets them, another choice each time."""
        from matplotlib import pyplot as plt

        n = len(self.train_ds)
        chosen = torch.randperm(n)[: rows * rows].tolist()
        _, axes = plt.subplots(rows, rows, figsize=figsize or (3 * rows, 3 * rows), squeeze=False)
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, position in zip(axes.flat, chosen, strict=False):
            picture, label = self.train_ds[position]
            picture.show(ax=ax, y=label)
        plt.tight_layout()

    def state(self) -> dict[str, Any]:
        """What it takes to prepare pictures and decode predictions, as plain JSON.

        Raises DataError if the validation pictures go through transforms of one's own.
        """
        return {
            "transform": _state_of(self.valid_ds.x.augment),
            "stats": None if self.stats is None else {"mean": self.stats.mean.tolist(), "std": self.stats.std.tolist()},
            "labels": self.y.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], *, path: Path | str = ".") -> Self:
        """Data without pictures, from `state()`; raises ArtifactError if it is none."""
        try:
            transform, stats = state["transform"], state["stats"]
            augment = None if transform is None else Augment(get_transforms()[1], **transform)
            labels = labels_from_state(state["labels"])
            nothing = Labelled(ImageDataset(np.empty(0, object), augment), labels)
            data = cls.create(nothing, nothing, path=path, num_workers=0)
            return data.normalize((stats["mean"], stats["std"])) if stats else data
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise ArtifactError(f"the saved data are damaged ({error!r}); save them again.") from error


def _state_of(augment: Augment | None) -> dict[str, Any] | None:
    """The options of a validation transform that only crops in the middle, as that of get_transforms() does."""
    if augment is None:
        return None
    if augment.tfms and repr(augment.tfms) != repr(get_transforms()[1]):
        raise DataError(
            f"a model is exported with the validation transforms of get_transforms(); these data have {augment.tfms}: "
            "give .transform((your_training_transforms, get_transforms()[1]), size=…), and predict with that."
        )
    size = None if augment.size is None else list(augment.size)
    return {"size": size, "padding_mode": augment.padding_mode, "resize_method": augment.resize_method}
