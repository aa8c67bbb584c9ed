"""create_cnn and unet_learner: learners for pictures, a pretrained body and a new head, to be exported and loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from handlens.core.artifact import EXPORT, load_artifact, part_of, refusing_damage, save_artifact
from handlens.core.bunch import DataBunch
from handlens.core.checks import whole
from handlens.core.learner import Learner
from handlens.core.modes import evaluating
from handlens.core.outputs import loss_named, saved_loss
from handlens.core.predictions import photo_predictions_frame
from handlens.core.saved import why_no_heat_maps
from handlens.errors import BackboneError, DataError, DownloadError, TrainingError, WeightsError
from handlens.io.problems import reason_of
from handlens.vision.backbones import TORCHVISION, Network, library_of, load_network, outline_of
from handlens.vision.body import RESCALES, Body, create_body, goes_through, smallest_size
from handlens.vision.data import ImageDataBunch
from handlens.vision.dataset import OnPictures
from handlens.vision.folded_norms import folded_norms, unfold_norms
from handlens.vision.head import HIDDEN, PS, create_head
from handlens.vision.heatmap_files import write_heatmaps
from handlens.vision.image import why_unreadable
from handlens.vision.mask_files import write_masks
from handlens.vision.masks import MaskList
from handlens.vision.places import PlacesHead
from handlens.vision.points import PointsList
from handlens.vision.unet import Skip, UNetDecoder, UNetShape, unet_shape
from handlens.vision.view import PhotoView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "vision-learner"
Predictions = tuple[Tensor, Tensor]
Arch = str | Callable[..., nn.Module]

AT_ONCE = 64
"""How many pictures are read and predicted together."""

NOT_NUMBERS = "the model's outputs for it are not numbers"
"""Why a picture has no prediction that overflows in the model."""

_ALLOWANCE, _SMALL = 32, 2**24
"""How many times more parameters than its body a network may have, and how many in any case."""

_NOT_OF_UNETS = {
    "norm_type": "its layers have batch norms",
    "bottle": "its last layers keep all channels",
    "split_on": "its layer groups are the two parts of the body and the decoder, learn.layer_groups",
    "blur_final": "blur=True smooths all that the decoder enlarges, the last too",
    "y_range": "it predicts classes, which have no range",
    "cut": "the body is all that comes before the network's classifier",
}
"""Options of the course, and what there is instead."""

_NORMS = {"skips": ("middle.0.weight", 1), "places": ("first.0.weight", 1)}

ENOUGH = 256
"""How many pictures the statistics of folded norms are computed from."""


class VisionLearner(Learner):
    """A learner for pictures; made by `create_cnn` or `unet_learner`, or by `load_learner` of a saved one.

    The model is a body, `learn.model[0]`, and a head, `learn.model[1]`. `predict(picture)` takes a file's path, an
    Image, or a tensor [3, H, W] in 0–1.

    Args:
        data: pictures in batches.
        model: a body and a head.
        made_as: the arguments that create the model: `name`, `library`, and those of its head: `ps`, `hidden` and
            `bn_final`, `skips`, `scale` and `blur` of a U-Net, or `places` of points.
        options: as in `Learner`.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision.items import ImageItemList
        >>> for i in range(8):
        ...     Pillow.new("RGB", (32, 32), ("red", "blue")[i % 2]).save(f"{('red', 'blue')[i % 2]}_{i}.png")
        >>> items = ImageItemList.from_folder(".").split_by_idx([0, 1]).label_from_re(r"([a-z]+)_")
        >>> learn = create_cnn(items.databunch(bs=4), "mobilenetv2_035", pretrained=False, seed=0)
        >>> learn.predict("red_0.png").values.shape
        torch.Size([2])
    """

    data: ImageDataBunch
    model: nn.Sequential

    def __init__(self, data: ImageDataBunch, model: nn.Sequential, *, made_as: dict[str, Any], **options: Any) -> None:
        # The memory format in which convolutions are fastest, on CPUs and GPUs; the results are the same.
        super().__init__(data, model.to(memory_format=torch.channels_last), **options)
        self.made_as = made_as

    @property
    def model_options(self) -> Mapping[str, Any]:
        return self.made_as

    def _check_data(self, data: DataBunch) -> None:
        super()._check_data(data)
        if isinstance(data, ImageDataBunch):
            with evaluating(self.model):
                check_size(self.model[0], data.picture_size, self.made_as["name"])

    def outputs(self, inputs: Any) -> Tensor:
        try:
            return super().outputs(inputs)
        except RuntimeError:
            with evaluating(self.model):
                check_size(self.model[0], tuple(inputs.shape[2:]), self.made_as["name"])
            raise

    def TTA(self, ds_type: str = "valid", *, n: int = 4, beta: float = 0.4, seed: int | None = None) -> Predictions:
        """Test-time augmentation: predictions averaged over n passes with pictures transformed as in training.

        It improves only predictions of classes and numbers that the transforms do not change.

        Args:
            ds_type: "train", "valid" or "test".
            n: how many passes.
            beta: the weight of the predictions for pictures that are transformed as in validation, 0–1; the mean of the
                n passes has the weight 1 − beta.
            seed: makes the transforms repeatable.

        Returns:
            Predictions and targets, as `get_preds` returns them.

        Raises:
            TrainingError: `n` or `beta` is out of range, or the labels are masks or points.
        """
        if isinstance(self.data.y, OnPictures):
            raise TrainingError(
                f"TTA averages predictions place by place, and a {type(self.data.y).__name__} moves with its picture: "
                "use get_preds."
            )
        if n < 1 or not 0 <= beta <= 1:
            raise TrainingError(f"n must be 1 or more and beta from 0 to 1; n={n} and beta={beta} arrived.")
        with torch.random.fork_rng(enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            plain, targets = self.get_preds(ds_type)
            augmented = self.data.augmented(ds_type)
            passes = torch.stack([self.get_preds(dl=augmented)[0] for _ in range(n)])
        return beta * plain + (1 - beta) * passes.mean(0), targets

    def predict_files(
        self,
        files: Sequence[Path | str],
        *,
        masks: Sequence[Path | str] | None = None,
        heatmaps: Sequence[Path | str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> pd.DataFrame:
        """Predictions for pictures by their paths, a row for each file, in their order.

        Points are in pixels of the upright photo, (y, x) from its top left corner, and masks have its size. Of a mask
        what the model did not see, such as the ends of a long photo that is cropped to a square, is 255, unknown.

        Args:
            files: paths; one that cannot be read, or is too small for the network, gets a row without a prediction,
                which says why.
            masks: only of a model of masks: the PNG file to write for each photo, of class numbers.
            heatmaps: only of a model of classes: the PNG file to write for each photo, the photo as the model sees it
                with the heat map of its most probable class; see `heatmap`.
            progress: called as `progress(done, total)` after each batch.

        Returns:
            The columns of `photo_predictions_frame`; `path` holds the paths as they were given. Of masks the columns
            `path`, `mask` (the file), `share of NAME`, that of each class in the pixels that are known (0–1), and
            `reason`. With heat maps there is a column `heatmap`, of their files.

        Raises:
            DataError: `masks` does not name a file for each photo of a model of masks, or is given for another model;
                so do or are `heatmaps` of a model of classes.
        """
        if heatmaps is not None and (why := why_no_heat_maps(self)):
            raise DataError(f"{why}: leave heatmaps out.")
        if isinstance(self.data.y, MaskList):
            return write_masks(files, self._rows(files, progress), masks, self.data.y.classes or [])
        if masks is not None:
            raise DataError(f"masks= is for a model of masks; this one predicts a {type(self.data.y).__name__}.")
        rows = list(self._rows(files, progress))
        nothing = self.data.y.activate(torch.full((1, self.data.c), torch.nan))[0]
        reasons = [row if isinstance(row, str) else "" for row in rows]
        predictions = [nothing if isinstance(row, str) else row for row in rows]
        table = photo_predictions_frame(
            [str(file) for file in files],
            self.data.y,
            torch.stack(predictions) if predictions else torch.empty(0, *nothing.shape),
            reasons=reasons,
        )
        return table if heatmaps is None else write_heatmaps(self, files, table, heatmaps)

    def answers(self, files: Sequence[Path | str]) -> list[dict[str, Any] | str]:
        """What `predict_files` says of a few pictures, each as plain values; without a prediction the reason alone.

        Masks are part of the answers, see `MaskList.answer`.
        """
        return [row if isinstance(row, str) else self.data.y.answer(row[None]) for row in self._rows(files)]

    def _rows(
        self, files: Sequence[Path | str], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Tensor | str]:
        """A prediction for each file, on the photo if labels lie on pictures; or why there is none."""
        # Masks one after the other, as the probabilities for all pixels take much memory.
        at_once = 1 if self.data.y.in_batches else AT_ONCE
        with ThreadPoolExecutor() as threads:
            # One picture is read here: to start a thread for it would take as long.
            read = map if min(at_once, len(files)) == 1 else threads.map
            for start in range(0, len(files), at_once):
                yield from self._predictions(list(read(self._input, files[start : start + at_once])))
                if progress:
                    progress(min(start + at_once, len(files)), len(files))

    def _input(self, file: Path | str) -> tuple[Tensor, PhotoView] | str:
        """A picture as a batch of one, or why it cannot be read."""
        try:
            return self.data.one_photo(file)
        except DataError as error:
            return why_unreadable(file, error)

    def _predictions(self, found: Sequence[tuple[Tensor, PhotoView] | str]) -> list[Tensor | str]:
        """A prediction for each picture, or why there is none; pictures of one size go through the model together."""
        rows: list[Tensor | str] = [one if isinstance(one, str) else "" for one in found]
        by_shape: dict[torch.Size, list[tuple[int, Tensor, PhotoView]]] = {}
        for i, one in enumerate(found):
            if not isinstance(one, str):
                by_shape.setdefault(one[0].shape, []).append((i, *one))
        y = self.data.y
        for same in by_shape.values():
            try:
                outputs = self.outputs(torch.cat([inputs for _, inputs, _ in same]))
            except BackboneError as error:
                for i, _, _ in same:
                    rows[i] = reason_of(error)
                continue
            for (i, _, view), row in zip(same, self.activate(outputs.float().cpu()), strict=True):
                if row.isnan().any():
                    rows[i] = NOT_NUMBERS
                else:
                    rows[i] = y.on_photo(row, view) if isinstance(y, OnPictures) else row
        return rows

    def show_results(
        self, ds_type: str = "valid", *, rows: int = 4, figsize: tuple[float, float] | None = None
    ) -> Figure:
        """Draw the first pictures of a part of the data with their labels and predictions, see `results.show_results`.

        Args:
            ds_type: "train", "valid" or "test".
            rows: how many rows of pictures.
            figsize: width and height of the figure in inches.

        Returns:
            The figure.

        Raises:
            DataError: there are no items, or the data have no such part.
        """
        from handlens.vision.results import show_results

        return show_results(self, ds_type, rows=rows, figsize=figsize)

    def export(self, name: str = EXPORT) -> Path:
        """Write all that is needed to predict pictures: model, preprocessing and labels; `load_learner` reads it.

        The model card, README.md, has metrics that are measured on the validation data; the answers that people wrote
        into it stay when the model is exported again.

        Args:
            name: the folder's name.

        Returns:
            The folder, below the learner's path, of safetensors, JSON and the card.

        Raises:
            TrainingError: parts of the model were replaced: only a model of `create_cnn` or `unet_learner`
                without a head of your own can be created again from numbers alone.
        """
        own = "custom_head" in self.made_as
        with torch.random.fork_rng():
            same = not own and repr(_make(_again(self.made_as), self.data.c, self.made_as)[0]) == repr(self.model)
        if not same:
            raise TrainingError(
                "export needs a model as create_cnn or unet_learner makes it; parts of this one were replaced: use "
                "learn.save(name), and learn.load(name) on a learner that is made the same way."
            )
        from handlens.audit.model_card import ModelCard  # the audit reads learners, so it is imported late

        folder = self.path / name
        config = {"data": self.data.state(), "model": self.made_as, **saved_loss(self.loss_func, self.data.y)}
        card = ModelCard.from_learner(self, name=folder.name).for_export(folder)
        with self.writing():
            state = self.model.state_dict()
            self.processes.first(lambda: save_artifact(folder, KIND, config, state, card=card))
        return folder

    def _onnx_metadata(self) -> dict[str, Any]:
        return self.data.state()


def create_cnn(
    data: ImageDataBunch,
    arch: Arch,
    *,
    ps: float | Sequence[float] = PS,
    hidden: int = HIDDEN,
    bn_final: bool = False,
    custom_head: nn.Module | None = None,
    pretrained: bool = True,
    weights: Path | str | None = None,
    seed: int | None = None,
    **options: Any,
) -> VisionLearner:
    """A learner with a pretrained convolutional network, the body, and a new head.

    The layer groups are the two parts of the body, see `create_body`, and the head. A pretrained body is frozen, except
    for its batch norms; `learn.unfreeze()` trains all of it.

    The head pools the feature map, as in the course. Pooling loses where things are, so that of points is another,
    `handlens.vision.places.PlacesHead`: a map for each point, and its mean place.

    Args:
        data: made by `ImageItemList.…databunch()`.
        arch: a classifier of torchvision, such as `models.resnet34`, or the name of one in timm.
        ps: dropout of the head, see `create_head`.
        hidden: outputs of the head's first linear layer; 0 for a head with one linear layer only.
        bn_final: a batch norm of the scores at the end.
        custom_head: a head of your own, which gets the body's feature map [B, C, h, w]: `create_head(C, data.c)` is
            that of the course, also for points. A learner with one is saved, and not exported.
        pretrained: start with the library's weights, from its cache or downloaded; False starts with random weights.
        weights: a file of weights to start with instead: safetensors, or what torch.save wrote (.pth, .pt, .bin,
            .pth.tar), read without running code, as weights alone or as a checkpoint that has them under "state_dict",
            "model" and the like; only the classifier may be missing.
        seed: makes the head's initial weights, and random weights, repeatable, without changing the state of torch's
            random numbers.
        options: as in `Learner`: metrics, wd, loss_func, precision, callbacks, ….

    Raises:
        BackboneError: no network has the name, it does not output a feature map, or the pictures are too small for it.
        DataError: the labels are masks; or `ps`, `hidden` or `bn_final` are given for a head that has none.
        DownloadError: its weights are not on this machine and cannot be downloaded, which is known after 10 seconds.
        WeightsError: the weights file is damaged or of another network.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision.items import ImageItemList
        >>> for i in range(8):
        ...     Pillow.new("RGB", (32, 32), ("red", "blue")[i % 2]).save(f"{('red', 'blue')[i % 2]}_{i}.png")
        >>> items = ImageItemList.from_folder(".").split_by_idx([0, 1]).label_from_re(r"([a-z]+)_")
        >>> learn = create_cnn(items.databunch(bs=4), "mobilenetv2_035", pretrained=False, seed=0)
        >>> learn.predict_files(["red_0.png", "missing.png"])["reason"].tolist()
        ['', 'there is no such file']
    """
    if isinstance(data.y, MaskList):
        raise DataError("create_cnn predicts one answer a picture, and these labels are masks: use unet_learner.")
    pools = custom_head is None and not isinstance(data.y, PointsList)
    given = {"ps": _plain(ps), "hidden": _plain(hidden), "bn_final": bool(bn_final)}
    if not pools and given != {"ps": PS, "hidden": HIDDEN, "bn_final": False}:
        whose = "points" if custom_head is None else "your own"
        raise DataError(
            f"ps, hidden and bn_final are of the head that pools, and this one, of {whose}, does not have them: leave "
            "them out, or give custom_head=create_head(channels, data.c, ps=…)."
        )

    def head(body: Body) -> dict[str, Any]:
        if custom_head is not None:
            return {"custom_head": True}
        return given if pools else {"places": _maps_of(body, data)[0]}

    return _new_learner(
        data,
        arch,
        head,
        custom_head=custom_head,
        pretrained=pretrained,
        weights=weights,
        seed=seed,
        options=options,
    )


def unet_learner(
    data: ImageDataBunch,
    arch: Arch,
    *,
    blur: bool = False,
    self_attention: bool = False,
    last_cross: bool = True,
    pretrained: bool = True,
    weights: Path | str | None = None,
    seed: int | None = None,
    **options: Any,
) -> VisionLearner:
    """A learner of masks with a U-Net: a pretrained convolutional network and a decoder, see `handlens.vision.unet`.

    The decoder is made for the sizes of the data's pictures, which may be odd, and also takes others. The layer groups
    are the two parts of the body and the decoder. A pretrained body is frozen, except for its batch norms;
    `learn.unfreeze()` trains all of it.

    Args:
        data: pictures with masks, such as `SegmentationItemList.…databunch()` makes.
        arch: as in `create_cnn`.
        blur: smooth what each block of the decoder enlarges.
        self_attention: let each place of a map of the decoder see all others, see `SelfAttention`; it takes memory.
        last_cross: join the picture itself before the last layers.
        pretrained, weights, seed, options: as in `create_cnn`.

    Raises:
        DataError: the labels are not masks, or the size of the pictures is not known.
        TrainingError: an option of the course that this library does not have; the message says what there is.
        BackboneError, DownloadError, WeightsError: as `create_cnn`.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision.items import SegmentationItemList
        >>> for i in range(4):
        ...     Pillow.new("RGB", (32, 32), "red").save(f"{i}.jpg")
        ...     Pillow.new("L", (32, 32), i % 2).save(f"{i}.png")
        >>> items = SegmentationItemList.from_folder(".", extensions=[".jpg"]).split_by_idx([0])
        >>> labelled = items.label_from_func(lambda file: file.with_suffix(".png"), classes=["road", "car"])
        >>> learn = unet_learner(labelled.databunch(bs=2), "mobilenetv2_035", pretrained=False, seed=0)
        >>> learn.predict("0.jpg").label
        ImageSegment 32×32
    """
    if not isinstance(data.y, MaskList):
        raise DataError(
            f"unet_learner predicts masks; the labels are a {type(data.y).__name__}: use create_cnn, or label with "
            "SegmentationItemList."
        )

    for name in options:
        if name in _NOT_OF_UNETS:
            raise TrainingError(f"unet_learner does not take {name}: {_NOT_OF_UNETS[name]}. Leave {name} out.")

    def head(body: Body) -> dict[str, Any]:
        skips, scale = _maps_of(body, data)
        choices = {"blur": bool(blur), "self_attention": bool(self_attention), "last_cross": bool(last_cross)}
        return {"skips": skips, "scale": scale, **choices}

    return _new_learner(data, arch, head, pretrained=pretrained, weights=weights, seed=seed, options=options)


def _maps_of(body: Body, data: ImageDataBunch) -> tuple[list[list[Any]], int]:
    """The feature maps of a body that a head joins, and how many times more rows the pictures have, as plain JSON."""
    size = data.picture_size
    if size is None:
        raise DataError(
            "a head that joins feature maps is made for pictures of a size, and it is not known: .transform(tfms, "
            "size=224)."
        )
    shape = unet_shape(body.module, size)
    return [list(skip) for skip in shape.skips], shape.scale


def _new_learner(
    data: ImageDataBunch,
    arch: Arch,
    head: Callable[[Body], dict[str, Any]],
    *,
    custom_head: nn.Module | None = None,
    pretrained: bool,
    weights: Path | str | None,
    seed: int | None,
    options: dict[str, Any],
) -> VisionLearner:
    """A learner of a network's body and a new head; `head` gives the arguments that create the head for a body.

    Args:
        custom_head: the head itself, which no arguments create.
    """
    if weights is not None and not pretrained:
        raise WeightsError("weights=… and pretrained=False exclude each other; both arrived: give one of them.")
    if data.train_ds.x.channels != 3:
        raise BackboneError(
            "the networks of torchvision and timm take pictures in colour; these are of one channel: leave "
            'convert_mode="L" out, or give a network of your own to Learner(data, model).'
        )
    name, library = _named(arch)
    with torch.random.fork_rng(enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = _load(name, library, Path(weights) if weights is not None else None, random=not pretrained)
        body = create_body(network)
        check_size(body.module, data.picture_size, name)
        made_as = {"name": name, "library": library, **head(body)}
        model, groups = _joined(body, _head(body.channels, data.c, made_as) if custom_head is None else custom_head)
        learn = VisionLearner(data, model, made_as=made_as, layer_groups=groups, **options)
        if pretrained and folded_norms(model[0]):
            unfold_norms(model[0], _some_inputs(data))
    if pretrained:
        learn.freeze()
    return learn


def load_vision_learner(folder: Path | str) -> VisionLearner:
    """What `load_learner` does for a model of pictures.

    Args:
        folder: what `VisionLearner.export` wrote.

    Raises:
        ArtifactError: it is damaged, of another kind, or from a newer version.
    """
    return vision_learner_of(*load_artifact(folder, KIND), folder=folder)


def vision_learner_of(config: dict[str, Any], tensors: dict[str, Tensor], *, folder: Path | str) -> VisionLearner:
    """The learner of a saved config and its tensors; `folder` is where these were saved.

    Raises:
        ArtifactError: they do not fit each other; the message names the folder.
    """
    with refusing_damage(folder, "a saved learner"):
        data = ImageDataBunch.from_state(config["data"], path=Path(folder).parent)
        made_as = config["model"]
        _check_sizes(made_as, data.c, tensors)
        with torch.random.fork_rng():
            model, groups = _make(_again(made_as), data.c, made_as)
        model.load_state_dict(tensors)
        loss_func = loss_named(config.get("loss"), data.y.loss_func)
    learn = VisionLearner(data, model, made_as=made_as, layer_groups=groups, loss_func=loss_func)
    learn.model.eval()
    return learn


def check_size(body: nn.Module, size: tuple[int, ...] | None, name: str) -> None:
    """Raise BackboneError, with the smallest size that does, unless pictures of a size go through a body."""
    if size is None or goes_through(body, size):
        return
    smallest = smallest_size(body, size)
    needed = "" if smallest is None else f"; the smallest that do are {smallest}×{smallest}"
    advice = "give another network" if smallest is None else f"give them this size, .transform(tfms, size={smallest})"
    raise BackboneError(
        f"pictures must be large enough for the layers of {name}; {size[0]}×{size[1]} pixels do not go through "
        f"them{needed}: {advice}."
    )


def _named(arch: Arch) -> tuple[str, str]:
    """The name of a network and its library."""
    from torchvision import models

    if isinstance(arch, str):
        return arch, library_of(arch)
    name = getattr(arch, "__name__", repr(arch))
    if name not in models.list_models(module=models) or models.get_model_builder(name) is not arch:
        raise BackboneError(
            f"arch must be a classifier of torchvision, such as models.resnet34, or a name that timm knows; got {name}."
        )
    return name, TORCHVISION


def _load(name: str, library: str, weights: Path | None, *, random: bool) -> Network:
    if library == TORCHVISION and name in RESCALES:
        raise BackboneError(
            f"create_cnn cannot use {name} of torchvision, which changes its inputs before its first layer: give "
            "another network."
        )
    try:
        return load_network(name, library, weights=weights, random=random)
    except DownloadError as error:
        raise DownloadError(
            f"{reason_of(error)}. Give a file of the weights, weights=FILE, or start with random ones, "
            "pretrained=False."
        ) from error


def _again(made_as: dict[str, Any]) -> Network:
    return load_network(made_as["name"], made_as["library"], weights=None, random=True)


def _check_sizes(made_as: dict[str, Any], classes: int, tensors: dict[str, Tensor]) -> None:
    """Raise ValueError unless a model of this config has about the size of the tensors; allocates no memory for it."""
    held = sum(tensor.numel() for tensor in tensors.values())
    wanted = sum(tensor.numel() for tensor in outline_of(made_as["name"], made_as["library"]).values())
    # A body is less than its network: the layers that only a classifier uses are nine tenths of some.
    if wanted > _ALLOWANCE * held + _SMALL:
        raise ValueError(f"{made_as['name']} has {wanted:,} parameters, and {held:,} were saved")
    head = part_of(tensors, "1.")
    # The first layer with weights is a batch norm, of twice as many channels after the concat-pool.
    norm, times = next((_NORMS[kind] for kind in _NORMS if kind in made_as), ("2.weight", 2))
    channels = head[norm].numel() // times
    with torch.device("meta"):
        made = _head(channels, classes, made_as)
    if {key: value.shape for key, value in made.state_dict().items()} != {k: v.shape for k, v in head.items()}:
        raise ValueError("model.json describes a head of other sizes")


def _make(network: Network, classes: int, made_as: dict[str, Any]) -> tuple[nn.Sequential, list[nn.Module]]:
    """A body and a head, and the layer groups."""
    body = create_body(network)
    return _joined(body, _head(body.channels, classes, made_as))


def _joined(body: Body, head: nn.Module) -> tuple[nn.Sequential, list[nn.Module]]:
    if isinstance(head, (UNetDecoder, PlacesHead)):
        head.listen_to(body.module)
    return nn.Sequential(body.module, head), [*body.groups, head]


def _head(channels: int, classes: int, made_as: dict[str, Any]) -> nn.Module:
    """The head for a feature map of so many channels."""
    if "skips" in made_as:
        shape = UNetShape(_skips(made_as["skips"]), _scale(made_as["scale"]))
        choices = {name: made_as[name] for name in ("blur", "self_attention", "last_cross") if name in made_as}
        return UNetDecoder(channels, shape, classes, **choices)  # earlier versions kept `blur` alone
    if "places" in made_as:
        return PlacesHead(channels, _skips(made_as["places"]), classes // 2)
    hidden = made_as.get("hidden", HIDDEN)  # earlier versions did not keep it
    return create_head(channels, classes, ps=made_as["ps"], hidden=hidden, bn_final=made_as["bn_final"])


def _skips(saved: Any) -> list[Skip]:
    return [Skip(str(name), whole(n, "channels", DataError), _scale(scale)) for name, n, scale in saved]


def _scale(scale: Any) -> int:
    """A scale of a saved decoder, checked, because the size of a layer is its square."""
    if scale not in (1, 2, 4, 8, 16, 32):
        raise DataError(f"a U-Net enlarges by 2, 4, 8, 16 or 32; {scale!r} arrived.")
    return int(scale)


def _plain(numbers: Any) -> Any:
    """A number or a list of numbers, of any kind, as JSON holds them."""
    return np.asarray(numbers).tolist()


def _some_inputs(data: ImageDataBunch) -> Iterator[Tensor]:
    seen = 0
    for inputs, _ in data.train_dl:
        yield inputs
        seen += len(inputs)
        if seen >= ENOUGH:
            return
