"""manifest.json of predictions: of which shards and by which model they are, and how each file is known again."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from handlens.core.artifact import DESCRIPTION, TENSORS
from handlens.errors import ShardError
from handlens.io.manifests import ManifestFormat
from handlens.predicting.files import PredictedFile
from handlens.scale import ShardSet

MODEL, FILES = "model", "files"
"""The folder of the model, and that of the Parquet files."""

FORMAT = ManifestFormat(
    name="handlens-predictions",
    version=1,
    members=frozenset(("shards", "shards_hash", "model", "model_facts", "classes", "created", "complete", "files")),
    holds="predictions",
    command="handlens predict",
    usage="handlens predict MODEL SHARDS",
    repair="Remove its folder and run the same `handlens predict` again",
)


@dataclass(frozen=True)
class PredictionsManifest:
    """What a folder of predictions holds.

    Attributes:
        shards: the folder of the shards, relative to this one if that is in it.
        shards_hash: as `hash_of_shards` gives it.
        model: SHA-256 of the model's tensors.safetensors, as certified labels name it.
        model_facts: SHA-256 of its model.json: what it is called and how it is set.
        classes: the labels that the model knows.
        created: when, in ISO 8601.
        complete: whether all photos of the shards are in it.
        files: one for each shard, in their order.
    """

    shards: str
    shards_hash: str
    model: str
    model_facts: str
    classes: tuple[str, ...]
    created: str
    complete: bool = False
    files: tuple[PredictedFile, ...] = ()

    def shard_set(self, out: Path) -> ShardSet:
        """The shards, which must be those that were predicted; ShardError if they are not."""
        shards = ShardSet.open(Path(os.path.normpath(out / self.shards)))
        if hash_of_shards(shards) != self.shards_hash:
            raise ShardError(
                f"the shards in {shards.out} have changed since the predictions in {out} began. Predict them again "
                "into another folder, or remove this one."
            )
        return shards


def hash_of_shards(shards: ShardSet) -> str:
    """SHA-256 that tells shards from others: their network, layers and files.

    Args:
        shards: must be complete.
    """
    held = shards.manifest
    layers = [asdict(layer) for layer in held.layers]
    files = [[shard.name, shard.rows, shard.sha256] for shard in held.shards]
    facts = [held.backbone, held.weights, layers, files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def hashes_of_model(folder: Path) -> tuple[str, str]:
    """SHA-256 of a saved model's tensors, and of its description."""
    tensors = folder / TENSORS
    with tensors.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest, hashlib.sha256((folder / DESCRIPTION).read_bytes()).hexdigest()


def write_predictions(out: Path, manifest: PredictionsManifest) -> None:
    """Write the manifest of a folder, whole or not at all; StorageError if the disk refuses."""
    FORMAT.write(out, asdict(manifest))


def read_predictions(out: Path) -> PredictionsManifest:
    """The manifest of a folder.

    Raises:
        ShardError: there is none, it is damaged, or it was written by a newer version.
    """
    return FORMAT.read(out, _manifest)


def _manifest(content: dict[str, Any]) -> PredictionsManifest:
    found = PredictionsManifest(**{name: content[name] for name in FORMAT.members})
    texts = (found.shards, found.shards_hash, found.model, found.model_facts, found.created, *found.classes)
    if not all(isinstance(text, str) for text in texts) or len(set(found.classes)) != len(found.classes):
        raise ValueError("shards, model, classes or created cannot be right")
    files = tuple(PredictedFile.from_json(file, len(found.classes)) for file in content["files"])
    return replace(found, classes=tuple(found.classes), complete=found.complete is True, files=files)
