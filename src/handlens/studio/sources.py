"""Sources of features: pretrained networks, or patches learned on the photos, with their layers on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from handlens.core.artifact import TENSORS
from handlens.errors import CollectionError, StorageError
from handlens.io.checksums import with_checksum, without_checksum
from handlens.io.deep_pictures import Limits
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.feature_file import FeatureFile
from handlens.studio.features.extractor import Extractor, Layer
from handlens.studio.features.text_files import get_model, is_text_model, read_text_files, short_name, weights_of
from handlens.studio.pictures import read_squares
from handlens.studio.settings import RequestedSource

if TYPE_CHECKING:
    from torch import Tensor

LEARNED = "patches"
"""The name of the source whose features are learned on the photos themselves."""

AUTO = "auto"
"""The name of a source that is chosen by the photos when they are first prepared."""

EXTRACTOR_KIND = "feature-extractor"

_LAYERS = "layers.json"
_MOST_BYTES = 2**20

LARGEST_DIM = 2**18
"""Numbers that a layer may have of each photo, many times those of any network."""


@dataclass
class Source:
    """A source of layers: a pretrained network, patches learned on the photos (backbone None), or one still to choose.

    Attributes:
        name: "patches", the network's name (of a folder or of a name on the hub the last part), or "auto"; begins the
            ids of its layers.
        title: the name that people see.
        folder: where the extractor and the features of each layer are kept.
        backbone: the network's name, the folder or the hub's name of a CLIP or SigLIP model, None for learned features,
            "auto" if it is still to be chosen by the photos.
        weights: a safetensors file given for the network, None for downloaded or cached weights.
        reason: why it was chosen by the photos, or what a CLIP or SigLIP model is for and its licence, in sentences;
            None for what else a person chose.
        state: "waiting" to be prepared, "preparing", "ready", or "failed" with a `message`.
        layers: first to last; empty before the first preparation.
        rows: the features of each layer on disk.
        extractor: computes the features; None until it is loaded.
    """

    name: str
    title: str
    folder: Path
    backbone: str | None
    weights: str | None
    reason: str | None = None
    state: Literal["waiting", "preparing", "ready", "failed"] = "waiting"
    message: str | None = None
    layers: list[Layer] = field(default_factory=list)
    rows: list[FeatureFile] = field(default_factory=list)
    extractor: Extractor | None = None

    @property
    def prepared(self) -> int:
        """The number of photos whose features of all layers are on disk."""
        return min((rows.count for rows in self.rows), default=0)

    @property
    def has_weights(self) -> bool:
        """Whether the extractor's weights are on disk."""
        return bool(self.layers) and (self.folder / "extractor" / TENSORS).is_file()

    def loaded(self) -> Extractor:
        """The extractor, loaded from disk if need be.

        Raises:
            CollectionError: it is damaged or gone; preparing the collection makes it again.
        """
        if not self.load() or self.extractor is None:
            self.state = "waiting"
            raise CollectionError(f"the features of {self.title} are damaged on disk. Prepare the collection again.")
        return self.extractor

    def square(self, path: Path, *, limits: Limits | None = None) -> Tensor:
        """A photo as the extractor takes it, uint8 [1, size, size, 3]; PhotoError if it cannot be read."""
        import torch

        size = self.loaded().size
        return torch.from_numpy(read_squares(path, {size}, limits=limits)[1][size].copy())[None]

    def read_layers(self) -> None:
        """Read from disk which layers there are, without loading the network."""
        try:
            file = self.folder / _LAYERS
            if file.stat().st_size > _MOST_BYTES:
                raise ValueError(f"{file} must have at most {_MOST_BYTES} bytes")
            found = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(found, dict):  # without checksums, it was a list
                found = without_checksum(found, known=frozenset({"layers"}), of=self.name)["layers"]
            self._take([_layer(entry) for entry in found])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._take([])

    def reload(self) -> None:
        """Take the state that the disk has, after somebody deleted files of the cache; what is gone is made again."""
        self.state, self.extractor = "waiting", None
        self.read_layers()

    def adopt_layers(self, layers: Iterable[Layer], extractor: Path) -> None:
        """Take layers whose features were computed elsewhere, and the folder of their extractor if it exists."""
        self.forget()
        try:
            if extractor.is_dir():
                shutil.copytree(extractor, self.folder / "extractor")
        except OSError as error:
            raise StorageError(f"{extractor} could not be copied: {reason_of(error)}. Make room first.") from error
        self._keep_layers(list(layers))

    def adopt(self, extractor: Extractor) -> None:
        """Take a new extractor and keep it on disk, so that photos added later get the same features."""
        from handlens.core.artifact import save_artifact

        layers = list(extractor.layers)
        self.forget()
        save_artifact(self.folder / "extractor", EXTRACTOR_KIND, extractor.config(), extractor.tensors())
        self._keep_layers(layers)
        self.extractor = extractor

    def forget(self) -> None:
        """Delete the extractor and all its features: those of two extractors must never mix."""
        self.extractor = None
        self._take([])
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise StorageError(
                f"{self.folder} could not be made again: {reason_of(error)}. Make room or check the disk."
            ) from error

    def load(self) -> bool:
        """Load the extractor from disk unless it is loaded; False if it is not there or damaged."""
        from handlens.core.artifact import load_artifact, refusing_damage
        from handlens.errors import ArtifactError
        from handlens.studio.features import rebuild

        if self.extractor is None and self.layers:
            try:
                with refusing_damage(self.folder, "a saved extractor"):
                    extractor = rebuild(*load_artifact(self.folder / "extractor", EXTRACTOR_KIND))
            except ArtifactError:
                return False  # a damaged cache is made again
            if list(extractor.layers) != self.layers:
                return False  # it is the extractor of another source
            self.extractor = extractor
        return self.extractor is not None

    def _keep_layers(self, layers: list[Layer]) -> None:
        content = with_checksum({"layers": [asdict(layer) for layer in layers]}, of=self.name)
        with atomic_write(self.folder / _LAYERS) as file:
            file.write_text(json.dumps(content), encoding="utf-8")
        self._take(layers)

    def _take(self, layers: list[Layer]) -> None:
        self.layers = layers
        self.rows = [FeatureFile(self.folder / f"{i:02d}", layer.dim) for i, layer in enumerate(layers)]


def source_name(backbone: str | None) -> str:
    """The name of the source that is asked for as `backbone`."""
    return LEARNED if backbone is None else short_name(backbone)


def _requested(name: str | None, weights: Path | str | None) -> RequestedSource:
    """A source as settings keep it; raises a HandlensError if nothing of this name can be used."""
    from handlens.studio.features import SUGGESTED, source_kind

    if is_text_model(name):
        folder = get_model(str(name))
        weights_of(folder)
        given = str(folder) if Path(str(name)).expanduser().is_dir() else name
        return {"backbone": given, "weights": None, "reason": read_text_files(folder).about}
    # Well-known names need no library.
    known = name is None or name == AUTO or any(name == network.name for network in SUGGESTED)
    if not (known or source_kind(str(name))):
        from handlens.vision.backbones import library_of

        library_of(str(name))
    return {"backbone": name, "weights": None if weights is None else str(Path(weights).expanduser().resolve())}


def _layer(entry: Any) -> Layer:
    """A layer as `adopt` wrote it; TypeError, ValueError or AttributeError for what is not one."""
    layer = Layer(**entry)
    for text in (layer.id, layer.source, layer.stage):
        text.encode("utf-8")  # half of a character is not text
    if layer.pooling not in ("what", "where") or type(layer.dim) is not int or not 1 <= layer.dim <= LARGEST_DIM:
        raise TypeError(f"a layer must have a pooling and a number of features; {entry!r:.100} arrived")
    return layer


def requested_sources(
    backbone: str | Sequence[str | None] | None, weights: Path | str | Sequence[Path | str] | None
) -> list[RequestedSource]:
    """The sources that the arguments `backbone` and `weights` ask for, as settings keep them.

    Raises:
        BackboneError: no network has a name that is given.
        CollectionError: a file of weights does not exist, or does not belong to a network that is named; or two sources
            would have one name.
        DownloadError: a CLIP or SigLIP model of the hub could not be downloaded.
        WeightsError: a folder, or a name of the hub, has no CLIP or SigLIP model that can be used.
    """
    backbones = [backbone] if isinstance(backbone, str) else list(backbone or [])
    files = [weights] if isinstance(weights, (str, Path)) else list(weights or [])
    if len(files) > len(backbones):
        raise CollectionError(f"weights need a backbone each; {len(files)} files and {len(backbones)} names arrived.")
    if not {None, AUTO}.isdisjoint(backbones[: len(files)]):
        raise CollectionError("weights need a backbone each that is the name of a network; “auto” or None arrived.")
    for name in filter(is_text_model, backbones[: len(files)]):
        raise CollectionError(
            f"weights need a network each; those of a CLIP or SigLIP model are in its folder, {name}."
        )
    for file in files:
        if not Path(file).expanduser().is_file():
            raise CollectionError(f"weights must be a safetensors file; there is no file {file}.")
    found = [_requested(*pair) for pair in zip_longest(backbones, files)]
    for at, request in enumerate(found):
        check_free(request, [other["backbone"] for other in found[:at]])
    return found or [{"backbone": None, "weights": None}]


def check_free(request: RequestedSource, others: Iterable[str | None]) -> None:
    """Raise CollectionError if another source has the name of a CLIP or SigLIP model, or that of its folder."""
    wanted = request["backbone"]
    name = source_name(wanted)
    for other in others:
        if other != wanted and source_name(other) == name:
            raise CollectionError(
                f"each source must have a name of its own; {name} is that of {other} and of {wanted}. Give the folder "
                "of one of them another name."
            )
    if is_text_model(wanted) and name in (LEARNED, AUTO):
        raise CollectionError(f"the folder of a model must have a name of its own; “{name}” means something else here.")
