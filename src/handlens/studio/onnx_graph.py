"""A saved model of Studio as one ONNX graph: from pixels to the probability of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handlens.core.onnx import export_onnx
from handlens.core.predictions import REASON, probability_columns
from handlens.core.saved import PhotoModel
from handlens.errors import DataError, ExportError, PhotoError
from handlens.io.files import atomic_write
from handlens.studio.ensemble_predictor import EnsemblePredictor
from handlens.studio.features.precision import device, half_precision, rounded_to_half
from handlens.studio.models.fine_tuned import TINY
from handlens.studio.pictures import read_squares
from handlens.studio.predictor import Predictor
from handlens.vision.learner import VisionLearner
from handlens.vision.normalization import normalised

EXACT, COARSE = 1e-3, 0.05
"""The largest difference from the predicted probabilities, where features are computed in float32 and in bfloat16."""

_SQUEEZED = (
    "the whole photo, upright, squeezed to this size with the bilinear filter of Pillow's Image.resize, which averages "
    "over all pixels of the photo"
)
"""How the quick model's photos are resized: with other filters, probabilities differ by several percent."""


class Input(NamedTuple):
    """An input of a graph: uint8 [B, height, width, 3], red, green and blue.

    Attributes:
        height, width: in pixels.
        how: how a photo is brought to this size, as a sentence.
    """

    height: int
    width: int
    how: str


class Graph(Protocol):
    """A model from pixels to probabilities, as a module whose `forward` takes the inputs and gives [B, C]."""

    inputs: list[Input]
    classes: list[str]

    def read(self, file: Path) -> list[NDArray[np.uint8]]:
        """The pixels of a photo for each input; PhotoError or DataError if it cannot be read."""


def write_onnx(model: PhotoModel, path: Path | str, *, photos: Sequence[Path], about: dict[str, Any]) -> float:
    """Write a saved model as one ONNX graph, checked to predict the same.

    Args:
        model: a model of Studio, as `load_learner` opens it.
        path: the file.
        photos: that the file is checked on; those that cannot be read are left out.
        about: plain JSON, kept in the file's metadata with the classes and the inputs.

    Returns:
        The largest difference between a probability of the graph and of the model.

    Raises:
        ExportError: ONNX's packages are missing, no photo can be read, the model cannot be written as ONNX, or
            predicts something else.
        StorageError: the disk refused; what was at `path` before stays.
    """
    graph = graph_of(model)
    read: list[list[NDArray[np.uint8]]] = []
    files: list[Path] = []
    for file in photos:
        try:
            read.append(graph.read(file))
            files.append(file)
        except (PhotoError, DataError):
            continue
    if not files:
        raise ExportError("an ONNX file is checked on photos, and none could be read. Bring the photos back first.")
    inputs = tuple(torch.from_numpy(np.stack(pixels)) for pixels in zip(*read, strict=True))
    names = ["pixels"] if len(inputs) == 1 else [f"pixels_{i}" for i in range(1, len(inputs) + 1)]
    described = {name: one._asdict() for name, one in zip(names, graph.inputs, strict=True)}
    with atomic_write(path) as partial:
        metadata = {**about, "classes": graph.classes, "inputs": described}
        export_onnx(graph, inputs, partial, metadata, names=names)  # type: ignore[arg-type]  # a Graph is a module
        return _compared(model, partial, files, dict(zip(names, inputs, strict=True)), graph.classes)


def _compared(
    model: PhotoModel, file: Path, photos: list[Path], inputs: dict[str, Tensor], classes: list[str]
) -> float:
    """The largest difference from what the model predicts; ExportError if it is too large."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: pixels.numpy() for name, pixels in inputs.items()})[0]
    table = model.predict_files(photos)
    said = table[probability_columns(classes)].to_numpy(np.float32)
    difference = float(np.abs(found - said)[(table[REASON] == "").to_numpy()].max())
    most = COARSE if half_precision(device()) else EXACT
    if not difference <= most:
        raise ExportError(
            f"the ONNX file does not predict what the model does: probabilities differ by up to {difference:.3g}, and "
            f"{most:g} is allowed. It was not kept."
        )
    return difference


def graph_of(model: PhotoModel) -> Graph:
    """The graph of a model.

    Raises:
        ExportError: it has features that cannot be written as ONNX.
    """
    if isinstance(model, Predictor):
        return _Quick(model)
    if isinstance(model, VisionLearner):
        return _Tuned(model)
    if isinstance(model, EnsemblePredictor):
        return _Both(model)
    raise ExportError(f"only models of Studio are written as one ONNX graph; {type(model).__name__} arrived.")


class _Quick(nn.Module):
    """The quick model: the features of each source, and a linear classifier."""

    def __init__(self, model: Predictor) -> None:
        super().__init__()
        without = [e.name for e in model.extractors if not hasattr(e, "network")]
        if without:
            raise ExportError(
                f"features of {', '.join(without)} cannot be written as ONNX: the source has no network()."
            )
        self.classes = model.classes
        self._sizes = list(dict.fromkeys(e.size for e in model.extractors))
        self._of = [self._sizes.index(e.size) for e in model.extractors]
        self._limits, self._temperature = model.limits, model.temperature
        self.inputs = [Input(size, size, _SQUEEZED) for size in self._sizes]
        self.networks = nn.ModuleList(e.network() for e in model.extractors)  # type: ignore[attr-defined]
        self.weights = nn.ParameterList(
            torch.cat([self._weights(model, layer.id, layer.dim) for layer in e.layers]) for e in model.extractors
        )
        self._layers = [[(layer.dim, layer.id in model.halved) for layer in e.layers] for e in model.extractors]
        self.bias = nn.Parameter(torch.from_numpy(model.bias))
        self.requires_grad_(False)

    @staticmethod
    def _weights(model: Predictor, layer: str, dim: int) -> Tensor:
        return torch.from_numpy(model.weights.get(layer, np.zeros((dim, len(model.classes)), np.float32)))

    def read(self, file: Path) -> list[NDArray[np.uint8]]:
        squares = read_squares(file, set(self._sizes), limits=self._limits)[1]
        return [squares[size] for size in self._sizes]

    def forward(self, *pixels: Tensor) -> Tensor:
        scores = self.bias
        for network, of, layers, weights in zip(self.networks, self._of, self._layers, self.weights, strict=True):
            features = network(pixels[of]).split([dim for dim, _ in layers], 1)
            kept = [rounded_to_half(x) if is_half else x for x, (_, is_half) in zip(features, layers, strict=True)]
            scores = scores + torch.cat(kept, 1) @ weights
        return torch.softmax(scores / self._temperature, 1)


class _Tuned(nn.Module):
    """The fine-tuned model: normalised pixels, and the network."""

    def __init__(self, model: VisionLearner) -> None:
        super().__init__()
        self.classes = list(model.data.classes or [])
        size = model.data.picture_size
        if size is None:
            raise ExportError("a network with pictures of any size cannot be written as one ONNX graph of Studio.")
        self.inputs = [Input(*size, "the whole photo, upright, brought to this size as the saved model does")]
        self._data, self.net = model.data, model.model.eval()

    def read(self, file: Path) -> list[NDArray[np.uint8]]:
        return [self._data.pixels(file).numpy()]

    def forward(self, *pixels: Tensor) -> Tensor:
        return torch.softmax(self.net(normalised(pixels[0], self._data.stats)), 1)


class _Both(nn.Module):
    """The ensemble: the mean of the probabilities of both, calibrated."""

    def __init__(self, model: EnsemblePredictor) -> None:
        super().__init__()
        self.classes, self._temperature = model.classes, model.temperature
        self.quick, self.tuned = _Quick(model.quick), _Tuned(model.tuned)
        self._orders = [[part.classes.index(name) for name in self.classes] for part in (self.quick, self.tuned)]
        self.inputs = [*self.quick.inputs, *self.tuned.inputs]

    def read(self, file: Path) -> list[NDArray[np.uint8]]:
        return [*self.quick.read(file), *self.tuned.read(file)]

    def forward(self, *pixels: Tensor) -> Tensor:
        both = self.quick(*pixels[:-1])[:, self._orders[0]], self.tuned(pixels[-1])[:, self._orders[1]]
        mean = (both[0] + both[1]) / 2
        return torch.softmax(mean.clamp_min(TINY).log() / self._temperature, 1)
