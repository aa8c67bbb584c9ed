"""Training Studio's quick model on photos with labels, without a collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.core.predictions import REASON, probability_columns
from handlens.errors import DataError, PhotoError
from handlens.io.deep_pictures import Limits
from handlens.studio.classifier import MOST, stratified_sample, train_classifier
from handlens.studio.discriminant import Floats
from handlens.studio.features import Extractor, backbone_extractor, patches_extractor
from handlens.studio.features.patches import PICTURES, SIZE
from handlens.studio.photographs import looks_like_photograph
from handlens.studio.pictures import READ_AT, limits_of, open_photo
from handlens.studio.predictor import Predictor, read_batches
from handlens.studio.preparation_run import LOOKED_AT
from handlens.studio.preparing import FOR_PHOTOGRAPHS
from handlens.studio.projections import Scaling
from handlens.studio.sources import AUTO


def train_on(
    paths: Sequence[str],
    codes: NDArray[np.int64],
    names: list[str],
    *,
    backbone: str | None,
    weights: Path | str | None,
    seed: int,
) -> Predictor:
    """The quick model of photos, each of which was labelled by itself.

    Args:
        paths: of the photos.
        codes: the class of each.
        names: of the classes.
        backbone, weights: as in `PhotoClassifier`.
        seed: of all random choices.

    Raises:
        DataError: a photo cannot be read.
    """
    chosen = stratified_sample(codes, MOST, seed=seed)
    files, codes = [Path(paths[i]) for i in chosen], codes[chosen]
    limits = limits_of(files)
    extractor = _extractor(files, backbone, weights, limits, seed=seed)
    raw = _features(files, extractor, limits)
    scalings = {layer: Scaling.of(x) for layer, x in raw.items()}
    trained = train_classifier(
        {layer: scalings[layer].apply(x) for layer, x in raw.items()},
        codes,
        gestures=np.arange(len(codes)),
        checked=np.zeros(len(codes), bool),
        seed=seed,
    )
    of_layers, bias = trained.classifier.for_raw(scalings)
    return Predictor(names, [extractor], of_layers, bias, trained.classifier.temperature, limits=limits)


def predictions(model: Predictor, paths: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities [photos, classes] that add up to 1; DataError if a photo cannot be read."""
    table = model.predict_files(paths)
    _raise_for(paths, table[REASON].tolist())
    p = table[probability_columns(model.classes)].to_numpy(np.float64)
    return p / p.sum(1, keepdims=True)


def _extractor(
    files: list[Path], backbone: str | None, weights: Path | str | None, limits: Limits, *, seed: int
) -> Extractor:
    order = np.random.default_rng(seed).permutation(len(files))
    if backbone == AUTO:
        looked_at = [files[i] for i in order[:LOOKED_AT]]
        photographs = sum(_looks_like_photograph(file, limits) for file in looked_at)
        backbone = FOR_PHOTOGRAPHS if 2 * photographs >= len(looked_at) else None
    if backbone is not None:
        return backbone_extractor(backbone, weights=None if weights is None else Path(weights))
    pictures = _squares([files[i] for i in np.sort(order[:PICTURES])], SIZE, limits)
    return patches_extractor(pictures, seed=seed)


def _looks_like_photograph(file: Path, limits: Limits) -> bool:
    try:
        return looks_like_photograph(open_photo(file, at_least=READ_AT, limits=limits))
    except PhotoError as error:
        raise _unreadable(str(file), str(error)) from error


def _squares(files: list[Path], size: int, limits: Limits) -> NDArray[np.uint8]:
    found: list[NDArray[np.uint8]] = []
    for reasons, [pictures] in read_batches(files, [size], limits):
        _raise_for(files[len(found) :], reasons)
        found += list(pictures.numpy())
    return np.stack(found)


def _features(files: list[Path], extractor: Extractor, limits: Limits) -> dict[str, Floats]:
    """The features [photos, D] of each layer."""
    parts: list[list[Floats]] = []
    done = 0
    for reasons, [pictures] in read_batches(files, [extractor.size], limits):
        _raise_for(files[done:], reasons)
        done += len(reasons)
        parts.append([x.numpy() for x in extractor(pictures)])
    layers = [layer.id for layer in extractor.layers]
    return {layer: np.concatenate(of_layer) for layer, of_layer in zip(layers, zip(*parts, strict=True), strict=True)}


def _raise_for(files: Sequence[Path | str], reasons: Sequence[str]) -> None:
    for file, reason in zip(files, reasons, strict=False):
        if reason:
            raise _unreadable(str(file), reason)


def _unreadable(file: str, reason: str) -> DataError:
    return DataError(f"each path must be one of a photo that can be read; {file} is not: {reason}. Leave it out of X.")
