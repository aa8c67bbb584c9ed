"""What a model says of a shard: from its features where they are those that the model takes, else from the photos."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.artifact import tensors_hash
from handlens.core.predictions import PROBABILITY, REASON, probability_columns
from handlens.core.row_blocks import row_products
from handlens.core.saved import PhotoModel, load_learner
from handlens.embedding.items import Item, is_there, items_of
from handlens.embedding.plan import PLAN, EmbeddingPlan
from handlens.errors import PhotoError, ShardError
from handlens.io.problems import reason_of, reporting_disk_errors
from handlens.predicting.files import ShardPredictions
from handlens.scale import ShardSet
from handlens.studio.predictor import Predictor

_AT_ONCE = 64
_READERS = 4


class Scorer(Protocol):
    """Predicts the photos of a shard.

    Attributes:
        classes: the labels.
        reads: what it reads, as a sentence.
    """

    classes: tuple[str, ...]
    reads: str

    def __call__(self, number: int) -> ShardPredictions:
        """The predictions of a shard, by its number in the manifest."""


def scorer_of(folder: Path, shards: ShardSet) -> Scorer:
    """What predicts the photos of shards by a saved model.

    Args:
        folder: the model: Studio's quick one, a fine-tuned one, both together, or one of `learn.export()`.
        shards: the photos.

    Raises:
        ArtifactError: it is not a saved model, or is damaged.
        ShardError: the shards do not have what the model takes.
    """
    model = load_learner(folder)
    if isinstance(model, Predictor):
        return FeatureScorer(model, shards)
    if isinstance(model, PhotoModel):
        return PhotoScorer(model, shards)
    raise ShardError(f"a model for photos is needed to predict shards; {folder} holds one for tables.")


class FeatureScorer:
    """A quick model on the features of shards.

    Args:
        model: must take features of the network of the shards, with the same weights.
        shards: the photos.

    Raises:
        ShardError: the features are of another network or of other weights, or layers are missing.
    """

    reads = "The model reads the features in the shards, and no photo."

    def __init__(self, model: Predictor, shards: ShardSet) -> None:
        _check_features(model, shards)
        self.classes = tuple(model.classes)
        self._model, self._shards = model, shards

    def __call__(self, number: int) -> ShardPredictions:
        """The softmax of (bias + features · weights) / temperature."""
        shard = self._shards.shard(number)
        scores = np.tile(self._model.bias.astype(np.float64), (shard.rows, 1))
        for layer, weights in self._model.weights.items():
            scores += _product(shard.features(layer), weights)
        known = np.atleast_1d(np.isfinite(scores).all(1))
        p = np.full(scores.shape, np.nan, np.float32)
        p[known] = softmax(scores[known] / self._model.temperature, axis=1)
        return ShardPredictions(p, ["" if fine else "its features are not numbers" for fine in known.tolist()])


def _product(features: NDArray[np.float16], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return row_products(lambda start, stop: features[start:stop], features.shape, weights)


def _check_features(model: Predictor, shards: ShardSet) -> None:
    held = shards.manifest
    dims = {layer.id: layer.dim for layer in held.layers}
    used = [e for e in model.extractors if any(layer.id in model.weights for layer in e.layers)]
    other = [e.name for e in used if e.name != held.backbone]
    if other:
        raise ShardError(
            f"the model must take features of {held.backbone}, which are in the shards; it takes those of "
            f"{', '.join(other)}. Embed the photos with that network, or train a model on features of {held.backbone}."
        )
    if any(tensors_hash(e.tensors()) != held.weights for e in used):
        raise ShardError(
            f"the model must take features of {held.backbone} with the weights that the shards were made with; its "
            "weights are others, so each prediction would be wrong. Embed the photos with the model's weights."
        )
    missing = [layer for layer, weights in model.weights.items() if dims.get(layer) != len(weights)]
    if missing:
        raise ShardError(
            f"the shards must have the layers that the model takes; {', '.join(missing[:5])} are missing or have "
            "another number of features. Embed the photos with this version of handlens."
        )
    if model.limits:
        raise ShardError(
            "the model sees photos of more than 8 bits in the range of its training, and the shards in that of each "
            "photo, so predictions would be wrong. `handlens predict MODEL FOLDER --out FILE.csv` predicts the photos "
            "themselves."
        )


class PhotoScorer:
    """A model on the original photos of shards, which must be where they were, unchanged.

    Args:
        model: predicts one class for each photo.
        shards: the photos.

    Raises:
        ShardError: the model predicts something else, or where the photos are is not known.
    """

    reads = "The model reads the original photos, which must be where they were when they were embedded."

    def __init__(self, model: PhotoModel, shards: ShardSet) -> None:
        columns = list(model.predict_files([]).columns)
        if PROBABILITY not in columns:
            raise ShardError(f"the model must predict one class for each photo; it predicts {', '.join(columns[1:4])}.")
        prefix = probability_columns([""])[0]
        self.classes = tuple(name.removeprefix(prefix) for name in columns if name.startswith(prefix))
        if not (shards.out / PLAN).is_dir():
            raise ShardError(
                f"the model reads the original photos, and where they are is kept in {shards.out / PLAN}, which is "
                "missing. Restore it."
            )
        self._model, self._shards, self._plan = model, shards, EmbeddingPlan(shards.out)

    def __call__(self, number: int) -> ShardPredictions:
        """What the model predicts of each photo; those that are missing or have changed have a reason instead."""
        shard = self._shards.shard(number)
        p = np.full((shard.rows, len(self.classes)), np.nan, np.float32)
        reasons = ["it is not in its source any more"] * shard.rows
        items = self._items(number)
        with ThreadPoolExecutor(_READERS) as pool:
            while batch := list(islice(items, _AT_ONCE)):
                with TemporaryDirectory(prefix="handlens-predict-") as folder:
                    places = [Path(folder, f"{row}{Path(item.path).suffix}") for row, item in batch]
                    digests = [shard.digests[row].tobytes() for row, _ in batch]
                    read = list(pool.map(_read, [item for _, item in batch], places, digests))
                    good = [i for i, (_, why) in enumerate(read) if not why]
                    table = self._model.predict_files([read[i][0] for i in good])
                found = table[probability_columns(self.classes)].to_numpy(np.float32)
                for i, (_, why) in enumerate(read):
                    reasons[batch[i][0]] = why
                for i, values, why in zip(good, found, table[REASON], strict=True):
                    p[batch[i][0]], reasons[batch[i][0]] = values, why
        return ShardPredictions(p, reasons)

    def _items(self, number: int) -> Iterator[tuple[int, Item]]:
        """The photos of a shard with their rows; those that were left out are passed over."""
        entry, shard = self._shards.manifest.shards[number], self._shards.shard(number)
        row = 0
        for item in islice(items_of(self._plan.unit(entry.unit), entry.start), entry.stop - entry.start):
            if row < shard.rows and item.path == shard.path(row):
                yield row, item
                row += 1


def _read(item: Item, place: Path, digest: bytes) -> tuple[Path, str]:
    """The file of a photo and "", or a reason why it cannot be predicted."""
    try:
        found = item.fetch()
        data = found.read_bytes() if isinstance(found, Path) else found
    except PhotoError as error:
        return place, str(error)
    except OSError as error:
        if not is_there(item.path):
            raise ShardError(
                f"the folder of {item.path} is not there now ({reason_of(error)}). Bring it back, on each machine, "
                "and run the same command again: what is predicted stays."
            ) from error
        return place, reason_of(error)
    if hashlib.blake2b(data).digest() != digest:
        return place, "it has changed since it was embedded"
    if isinstance(found, Path):
        return found, ""
    with reporting_disk_errors(place):
        place.write_bytes(data)
    return place, ""
