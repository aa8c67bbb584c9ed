"""A trained model as one folder that predicts photos anywhere, without Studio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from handlens.core.artifact import load_artifact, save_artifact
from handlens.errors import ArtifactError, PhotoError
from handlens.studio.classifier import softmax
from handlens.studio.features import Extractor, rebuild
from handlens.studio.pictures import LeftOut, read_squares, scan
from handlens.studio.separation import Floats

if TYPE_CHECKING:
    from torch import Tensor

KIND = "photo-classifier"
BATCH = 32
TAKEN = ("path", "label", "predicted", "probability")


def class_columns(classes: list[str]) -> list[str]:
    """A column name for each class: its own, or “class NAME” where a table has a column of that name already."""
    taken = {*TAKEN, *classes}
    columns = []
    for name in classes:
        column = name
        if name in TAKEN:
            while column in taken:
                column = f"class {column}"
            taken.add(column)
        columns.append(column)
    return columns


@dataclass
class Predictor:
    """Extractors and, for each layer used, weights [D, C] over its raw features; the scores add up."""

    classes: list[str]
    extractors: list[Extractor]
    weights: dict[str, Floats]  # by layer id
    bias: Floats
    temperature: float
    left_out: list[LeftOut] = field(default_factory=list)

    def predict(self, photos: Path | str, *, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
        """Classify every photo below a folder.

        Returns a row a photo: path (relative), predicted, probability (0–1) and a column of
        probabilities for each class. Files that cannot be used are in `left_out` afterwards.
        `progress(done, total)` is called after each batch. CollectionError if it is no folder.
        """
        folder = Path(photos)
        paths, self.left_out = scan(folder)
        done: list[tuple[str, Floats]] = []
        for names, pictures in _batches(folder, paths, [e.size for e in self.extractors], self.left_out):
            if names:
                scores = self._scores(pictures)
                done.extend(zip(names, softmax(scores / self.temperature), strict=True))
            if progress:
                progress(len(done) + len(self.left_out), len(paths) + len(self.left_out))
        p = np.array([row for _, row in done], np.float32).reshape(-1, len(self.classes))
        table = pd.DataFrame({"path": [name for name, _ in done]})
        table["predicted"] = [self.classes[i] for i in p.argmax(1)]
        table["probability"] = p.max(1) if len(p) else np.empty(0, np.float32)
        for i, column in enumerate(class_columns(self.classes)):
            table[column] = p[:, i]
        return table

    def _scores(self, pictures: list[Tensor]) -> Floats:
        scores = np.tile(self.bias, (len(pictures[0]), 1))
        for extractor, batch in zip(self.extractors, pictures, strict=True):
            for layer, x in zip(extractor.layers, extractor(batch), strict=True):
                if layer.id in self.weights:
                    scores += x.numpy() @ self.weights[layer.id]
        return scores

    def save(self, folder: Path | str) -> None:
        """Write the model as one folder (safetensors + JSON), whole or not at all."""
        tensors = {"bias": torch.from_numpy(self.bias)}
        for layer, weights in self.weights.items():
            tensors[f"layer.{layer}"] = torch.from_numpy(weights)
        # By number: the names of networks have dots, and one may begin like another.
        for i, extractor in enumerate(self.extractors):
            for name, tensor in extractor.tensors().items():
                tensors[f"source.{i}.{name}"] = tensor
        config = {
            "classes": self.classes,
            "temperature": self.temperature,
            "layers": list(self.weights),
            "sources": [{"name": e.name, "config": e.config()} for e in self.extractors],
        }
        save_artifact(folder, KIND, config, tensors)


def load_predictor(folder: Path | str) -> Predictor:
    """Load a model saved by `Collection.export_model`; runs no code from it.

    Raises ArtifactError when the folder is not such a model, is damaged or newer than this library.
    """
    config, tensors = load_artifact(folder, KIND)
    try:
        extractors = []
        for i, source in enumerate(config["sources"]):
            prefix = f"source.{i}."
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            extractors.append(rebuild(source["config"], own))
        classes = [str(name) for name in config["classes"]]
        weights = {str(layer): tensors[f"layer.{layer}"].numpy() for layer in config["layers"]}
        bias = tensors["bias"].numpy()
        temperature = float(config["temperature"])
        dims = {layer.id: layer.dim for e in extractors for layer in e.layers}
        fits = all(w.shape == (dims.get(layer), len(classes)) for layer, w in weights.items())
        if not fits or bias.shape != (len(classes),) or not temperature > 0:
            raise ArtifactError(f"{folder} is damaged: its weights do not fit its layers and classes")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"{folder} is damaged or not a photo classifier: {error}") from error
    return Predictor(classes, extractors, weights, bias, temperature)


def _batches(
    folder: Path, paths: list[str], sizes: list[int], left_out: list[LeftOut]
) -> Iterator[tuple[list[str], list[Tensor]]]:
    """Batches of readable photos as uint8 tensors [B, S, S, 3] for each size, decoded ahead in two threads."""

    def read(path: str) -> list[np.ndarray] | str:
        try:
            squares = read_squares(folder / path, set(sizes))[1]
            return [squares[size] for size in sizes]
        except PhotoError as error:
            return str(error)

    def read_all(chunk: list[str]) -> list[list[np.ndarray] | str]:
        return [read(path) for path in chunk]

    with ThreadPoolExecutor(2) as pool:
        chunks = [paths[i : i + BATCH] for i in range(0, len(paths), BATCH)]
        ahead = [pool.submit(read_all, chunk) for chunk in chunks[:2]]
        for i, chunk in enumerate(chunks):
            results = ahead.pop(0).result()
            if i + 2 < len(chunks):
                ahead.append(pool.submit(read_all, chunks[i + 2]))
            good = [(path, r) for path, r in zip(chunk, results, strict=True) if not isinstance(r, str)]
            left_out.extend(LeftOut(p, r) for p, r in zip(chunk, results, strict=True) if isinstance(r, str))
            pictures = [
                torch.from_numpy(np.stack([r[k] for _, r in good])) if good else torch.empty(0)
                for k in range(len(sizes))
            ]
            yield [path for path, _ in good], pictures
