"""ImageDataBunch: pictures as data to learn from, read and transformed each time, in batches on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from handlens.core.bunch import DataBunch
from handlens.core.defaults import defaults
from handlens.core.items import Labelled, LabelledItems
from handlens.core.labels import LabelList, labels_from_state
from handlens.core.loaders import Batch, Loader
from handlens.errors import ArtifactError, DataError
from handlens.io.deep_pictures import about_limits, limits_from
from handlens.vision.dataset import ImageDataset, OnPictures, TransformedImage, decode_size, transformed
from handlens.vision.factories import ImageFactories
from handlens.vision.image import Image, check_mode, open_image
from handlens.vision.loader import PictureLoader, default_workers
from handlens.vision.normalization import ChannelStats, normalised
from handlens.vision.transform import Augment, get_transforms
from handlens.vision.view import PhotoView

if TYPE_CHECKING:
    from handlens.core.interpret import Interpretation

Tfms = Sequence[Any]


class LabelledImages(LabelledItems):
    """Labelled training and validation pictures, to be transformed and put into batches.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision.items import ImageItemList
        >>> for name in ("red_0.png", "red_1.png", "blue_2.png", "blue_3.png"):
        ...     Pillow.new("RGB", (12, 8), name.split("_")[0]).save(name)
        >>> labelled = ImageItemList.from_folder(".").split_by_idx([0]).label_from_re(r"([a-z]+)_")
        >>> picture, label = labelled.transform(get_transforms(), size=(4, 6)).valid[0]
        >>> picture.size, label.name
        ((4, 6), 'blue')
    """

    def transform(
        self,
        tfms: tuple[Tfms | None, Tfms | None] | None = None,
        *,
        size: int | tuple[int, int] | None = None,
        padding_mode: str = "reflection",
        resize_method: str | None = None,
        tfm_y: bool | None = None,
    ) -> LabelledImages:
        """The same pictures, transformed each time they are read; this object is not changed.

        Args:
            tfms: a pair as `get_transforms()` returns it: transforms of the training pictures, and of all others.
            size: height and width in pixels of all results, or one number for both.
            padding_mode, resize_method: as in `Augment`.
            tfm_y: labels that lie on the pictures, masks and points, are always transformed with them, so this may be
                left out; True says so, and False is for all other labels.

        Raises:
            DataError: `tfms` is not such a pair, or `tfm_y` does not suit the labels.
        """
        _check_tfm_y(tfm_y, self.train.y)
        pair = (None, None) if tfms is None else tfms
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or any(isinstance(t, str) for t in pair):
            raise DataError(
                "tfms must be a pair, the transforms of the training pictures and of all others, as get_transforms() "
                f"returns it; {tfms!r} arrived."
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
        done = LabelledImages(train, valid, self.source)
        done.test = self.test
        return done


class ImageDataBunch(ImageFactories, DataBunch):
    """Pictures in batches; made by `.databunch()`, or in one call by `from_folder`, `from_csv` and so on.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision.items import ImageItemList
        >>> for i in range(8):
        ...     Pillow.new("RGB", (12, 8), ("red", "blue")[i % 2]).save(f"{('red', 'blue')[i % 2]}_{i}.png")
        >>> items = ImageItemList.from_folder(".").split_by_idx([0, 1]).label_from_re(r"([a-z]+)_")
        >>> data = items.transform(get_transforms(), size=8).databunch(bs=4)
        >>> data.classes
        ['blue', 'red']
        >>> data.one_batch()[0].shape
        torch.Size([4, 3, 8, 8])
    """

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
        """From labelled pictures; training takes them in a new random order each epoch.

        Args:
            train, valid: labelled pictures.
            path: the folder below which models and exports are saved.
            bs: pictures in a batch.
            device: where batches are put; `defaults.device` unless given.
            num_workers: processes that read pictures, at most one for each core; 0 reads in this process;
                `default_workers` unless given.
        """
        where = torch.device(device or defaults.device)
        workers = default_workers(len(train)) if num_workers is None else num_workers
        train_dl = PictureLoader(train, bs=bs, device=where, shuffle=True, augmented=True, num_workers=workers)
        return cls(train_dl, train_dl.like(valid), path=path, device=where)

    @property
    def stats(self) -> ChannelStats | None:
        """The statistics by which batches are normalised; None if they are not normalised."""
        return self.train_dl.stats

    def normalize(self, stats: tuple[Iterable[float], Iterable[float]] | None = None) -> Self:
        """Normalise all batches, and return the data.

        Args:
            stats: mean and standard deviation of red, green and blue (0–1), such as `imagenet_stats`; unless given,
                those of one batch of training pictures, always the same one.
        """
        found = ChannelStats(*stats) if stats is not None else self._measured()
        for dl in self._parts().values():
            if dl is not None:
                dl.stats = found  # type: ignore[attr-defined]
        return self

    def _measured(self) -> ChannelStats:
        if not len(self.train_dl):
            raise DataError(
                "without stats, normalize() needs training pictures, and there are none: normalize(imagenet_stats)."
            )
        dl = self.train_dl.here()
        dl.stats = None
        with torch.random.fork_rng(devices=[]):  # measuring must not change the random numbers that follow
            torch.manual_seed(0)
            inputs, _ = next(iter(dl))
        std, mean = torch.std_mean(inputs.double().expand(-1, 3, -1, -1), (0, 2, 3))
        return ChannelStats(mean.tolist(), std.clamp_min(1 / 255).tolist())

    @staticmethod
    def interpretation_class() -> type[Interpretation]:
        from handlens.vision.interpret import ImageInterpretation

        return ImageInterpretation

    def one_batch(self, ds_type: str = "train") -> Batch:
        """The first batch of a part, in training of an epoch, read in this process: (inputs [B, 3, H, W], targets).

        Args:
            ds_type: "train", "valid" or "test".

        Raises:
            DataError: there is no such part, or it has no pictures.
        """
        if ds_type == "train" and not len(self.train_dl):
            raise DataError("a batch needs training pictures, and these data have none: they can only predict.")
        return self._first_batch(self.dl(ds_type).here(), ds_type)  # type: ignore[attr-defined]

    def to_predict(self, part: str | Loader) -> Loader:
        """The loader of a part as a model predicts it: in order, and transformed as validation pictures are.

        Args:
            part: "train", "valid" or "test"; or a loader, which stays as it is unless it is one of the training
                pictures, such as `data.train_dl.in_order()`: `data.augmented("train")` transforms them as in training.

        Raises:
            DataError: the data have no such part.
        """
        if isinstance(part, PictureLoader) and part.dataset is self.train_ds:
            part = "train"
        if not isinstance(part, str):
            return super().to_predict(part)
        dataset = self.dl(part).dataset
        return self.valid_dl.like(Labelled(dataset.x.augmented(self.valid_ds.x.augment), dataset.y))

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Height and width of the pictures, that of the first one if none was asked for; None if it is not known."""
        augment = self.train_ds.x.augment
        if augment is not None and augment.size is not None:
            return augment.size
        try:
            return self.train_ds.x[0].size if len(self.train_ds) else None
        except DataError:  # it can no longer be read, which an epoch says
            return None

    def denorm(self, inputs: Tensor) -> Tensor:
        """Normalised pictures [3, H, W] or [B, 3, H, W] with the normalisation undone: 0–1, on the CPU."""
        pictures = inputs.detach().cpu().float()
        if self.stats:
            mean, std = (
                some.float()[: self.train_ds.x.channels, None, None] for some in (self.stats.mean, self.stats.std)
            )
            pictures = pictures * std + mean
        return pictures.clamp(0, 1)

    def one_item(self, item: Image | Path | str | IO[bytes] | Tensor) -> Batch:
        """One picture as a batch of one: (inputs [1, 3, H, W], targets), where the target is blank.

        Args:
            item: a picture of a dataset (`x, y = data.valid_ds[0]`), which is not transformed again; or a path, an
                open file, an opened picture, or a tensor [3, H, W] of 0–1, which is transformed as validation pictures
                are.

        Raises:
            DataError: the file cannot be read.
        """
        pixels = self.pixels(item)[None]
        inputs = normalised(pixels.to(self.device), self.stats)[:, : self.train_ds.x.channels]
        return inputs, self.y.blank(1).data.to(self.device)

    def pixels(self, item: Image | Path | str | IO[bytes] | Tensor) -> Tensor:
        """One picture, transformed as in `one_item`, before it is normalised: uint8 [H, W, 3].

        Args:
            item: as in `one_item`.

        Raises:
            DataError: the file cannot be read.
        """
        if not isinstance(item, TransformedImage):
            if isinstance(item, Tensor):
                item = Image(item)
            elif not isinstance(item, Image):
                item = self._opened(item)
            item = transformed(item, self.valid_ds.x.augment, torch.Generator().manual_seed(0))
        return torch.from_numpy(item.pixels)

    def one_photo(self, file: Path | str) -> tuple[Tensor, PhotoView]:
        """A photo as a batch of one, [1, 3, H, W], and what the model sees of it, perhaps as it was reduced when read.

        Raises:
            DataError: the file cannot be read.
        """
        picture, augment = self._opened(file), self.valid_ds.x.augment
        whole = PhotoView(picture.size, picture.size, np.eye(3))
        view = whole if augment is None else augment.view(picture.size, torch.Generator().manual_seed(0))
        return self.one_item(picture)[0], view

    def _opened(self, file: Path | str | IO[bytes]) -> Image:
        """The picture of a file, perhaps reduced, see `decode_size`; in its own size if labels lie on pictures."""
        like = self.valid_ds.x
        at_least = None if isinstance(self.y, OnPictures) else decode_size(like.augment)
        return open_image(file, at_least=at_least, limits=like.limits, convert_mode=like.convert_mode)

    def loader(self, items: Iterable[Path | str]) -> PictureLoader:
        """Batches of other pictures, in order and without labels, transformed as validation pictures are."""
        paths = np.empty(len(listed := [Path(item) for item in getattr(items, "items", items)]), object)
        paths[:] = listed
        like = self.valid_ds.x
        pictures = ImageDataset(paths, like.augment, limits=like.limits, convert_mode=like.convert_mode)
        return self.valid_dl.like(Labelled(pictures, self.y.blank(len(paths))))

    def add_test(self, items: Iterable[Path | str]) -> None:
        """Make these pictures (an ImageItemList, or paths) the test data; they have no labels."""
        self.test_dl = self.loader(items)

    def augmented(self, part: str = "valid") -> PictureLoader:
        """The pictures of a part, in order, transformed at random as in training: for test-time augmentation."""
        dataset = self.dl(part).dataset
        return self.train_dl.like(Labelled(dataset.x.augmented(self.train_ds.x.augment), dataset.y), augmented=True)

    def show_batch(self, rows: int = 3, *, ds_type: str = "train", figsize: tuple[float, float] | None = None) -> None:
        """Draw random pictures of a part of the data with their labels, as the model gets them.

        Args:
            rows: the number of rows, and of columns.
            ds_type: the part: "train", "valid" or "test".
            figsize: width and height of the figure in inches; 3 for each picture unless given.

        Raises:
            DataError: the data have no such part.
        """
        from matplotlib import pyplot as plt

        dataset = self.dl(ds_type).dataset
        chosen = torch.randperm(len(dataset))[: rows * rows].tolist()
        _, axes = plt.subplots(rows, rows, figsize=figsize or (3 * rows, 3 * rows), squeeze=False)
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, position in zip(axes.flat, chosen, strict=False):
            picture, label = dataset[position]
            picture.show(ax=ax, y=label)
        plt.tight_layout()

    def state(self) -> dict[str, Any]:
        """All that is needed to prepare pictures and decode predictions, as plain JSON.

        Raises:
            DataError: the transforms of the validation pictures are not those of `get_transforms()`.
        """
        limits = {kind: list(ends) for kind, ends in self.valid_ds.x.limits.items()}
        return {
            "transform": _state_of(self.valid_ds.x.augment),
            "stats": None if self.stats is None else {"mean": self.stats.mean.tolist(), "std": self.stats.std.tolist()},
            "labels": self.y.state(),
            **({"limits": limits} if limits else {}),
            **({"convert_mode": self.valid_ds.x.convert_mode} if self.valid_ds.x.channels == 1 else {}),
        }

    def facts(self) -> dict[str, Any]:
        said = about_limits(self.valid_ds.x.limits)
        return super().facts() | ({"pictures of more than 8 bits": said} if said else {})

    @classmethod
    def from_state(cls, state: dict[str, Any], *, path: Path | str = ".") -> Self:
        """Data without pictures, which can only predict.

        Args:
            state: what `state()` of the data gave.
            path: the folder that exports are saved below.

        Raises:
            ArtifactError: the state is damaged.
        """
        try:
            transform, stats = state["transform"], state["stats"]
            augment = None if transform is None else Augment(get_transforms()[1], **transform)
            labels = labels_from_state(state["labels"])
            limits, mode = limits_from(state.get("limits", {})), check_mode(state.get("convert_mode", "RGB"))
            nothing = Labelled(ImageDataset(np.empty(0, object), augment, limits=limits, convert_mode=mode), labels)
            data = cls.create(nothing, nothing, path=path, num_workers=0)
            return data.normalize((stats["mean"], stats["std"])) if stats else data
        except (KeyError, TypeError, ValueError, AttributeError, DataError) as error:
            raise ArtifactError(f"the saved data are damaged ({error!r}); save them again.") from error


def _check_tfm_y(tfm_y: bool | None, y: LabelList) -> None:
    on_pictures = isinstance(y, OnPictures)
    if tfm_y is None or tfm_y == on_pictures:
        return
    if on_pictures:
        raise DataError(
            f"the labels, a {type(y).__name__}, must be transformed with their pictures, or they would no longer fit; "
            "tfm_y=False arrived: leave it out."
        )
    raise DataError(
        f"tfm_y=True is for labels that lie on their pictures, masks and points; these are a {type(y).__name__}: leave "
        "it out, or label with SegmentationItemList or PointsItemList."
    )


def _state_of(augment: Augment | None) -> dict[str, Any] | None:
    """The options of a validation transform that only crops the centre, as that of get_transforms() does."""
    if augment is None:
        return None
    if augment.tfms and repr(augment.tfms) != repr(get_transforms()[1]):
        raise DataError(
            f"export needs the validation transforms of get_transforms(); these data have {augment.tfms}: "
            "give .transform((your_training_transforms, get_transforms()[1]), size=…), and predict with that."
        )
    size = None if augment.size is None else list(augment.size)
    return {"size": size, "padding_mode": augment.padding_mode, "resize_method": augment.resize_method}
