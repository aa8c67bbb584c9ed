"""`predict`: all photos of shards get predictions, by one driver that can be stopped, killed and run again."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from handlens.core.artifact import DESCRIPTION, TENSORS, artifact_kind
from handlens.embedding import EmbedProgress
from handlens.embedding.engines import Driver, Engine, check_options, driving, each_done
from handlens.embedding.progress import follow
from handlens.embedding.work import EngineJob
from handlens.errors import ShardError
from handlens.io.files import atomic_folder
from handlens.io.manifests import MANIFEST
from handlens.predicting.files import PredictedFile, damaged, described, file_name
from handlens.predicting.manifest import (
    FILES,
    MODEL,
    PredictionsManifest,
    hash_of_shards,
    hashes_of_model,
    read_predictions,
    write_predictions,
)
from handlens.predicting.predictions import PredictionSet
from handlens.predicting.scorers import scorer_of
from handlens.scale import ShardSet

COMMAND, WORK = "handlens predict", "handlens.predicting.stage:Scoring"

PREDICTIONS = "predictions"
"""The folder of predictions in that of the shards, unless another one is named."""


def predict(
    model: Path | str,
    shards: Path | str,
    out: Path | str | None = None,
    *,
    engine: Engine = "local",
    address: str | None = None,
    processes: int | None = None,
    threads: int = 1,
    progress: Callable[[EmbedProgress], None] | None = None,
    say: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> PredictionSet:
    """Predict all photos of shards by a saved model, into a Parquet data set.

    Each shard becomes one file, which is committed whole: a run that was stopped or killed goes on where it was when
    the same call is made again, and each photo is in it exactly once. Studio's quick model predicts from the features
    in the shards, which must be of its network with its weights; other models read the original photos.

    Args:
        model: the folder of a saved model for photos that predicts one class for each.
        shards: the folder that `handlens embed` wrote, complete.
        out: the folder of the predictions, SHARDS/predictions unless given; with `engine="ray"` on a disk that all
            machines share.
        engine: "local", processes of this machine, or "ray".
        address: of a cluster of Ray; unless given, a Ray is started on this machine.
        processes: how many work at the same time; one a core, or with Ray as many as there is room for, unless given.
        threads: of each process.
        progress: called as photos are predicted; `left_out` are those without a prediction.
        say: called with sentences: what the run reads, and what it waits for.
        cancel: setting it raises Cancelled, within a second; with Ray once it has started, and within a few seconds.

    Returns:
        the predictions.

    Raises:
        ArtifactError: `model` is not a saved model, or is damaged.
        ShardError: the model cannot predict these shards, `out` is of another model or other shards, a shard is
            missing or damaged, or another process writes to `out`.
        Cancelled: it was cancelled; what is done stays.
        StorageError: the disk refused; what is done stays.

    Example:
        >>> predict("model", "nowhere")
        Traceback (most recent call last):
        handlens.errors.ShardError: ...
    """
    check_options(engine, address=address, processes=processes, threads=threads)
    held = ShardSet.open(Path(shards).expanduser().absolute())
    if not held.manifest.complete:
        raise ShardError(
            f"the shards in {held.out} must be complete; photos are still missing. Run the same `handlens embed` again."
        )
    folder = Path(out).expanduser().absolute() if out is not None else held.out / PREDICTIONS
    _check_out(folder)
    tell = say or (lambda _text: None)
    source = Path(model).expanduser().absolute()
    artifact_kind(source)
    hashes = hashes_of_model(source)
    if (folder / MANIFEST).exists():
        _check_same(folder, hashes, held)
    with driving(folder, command=COMMAND, what="predicted", say=tell, cancel=cancel) as driver:
        manifest = _begun(folder, source, hashes, held, tell)
        files = _files(folder, manifest, held)
        waiting = [number for number, file in enumerate(files) if file is None]
        if waiting:
            _clean(folder)
            job = EngineJob(WORK, folder, manifest.created, threads, COMMAND, "predicted")
            done = each_done(engine, job, waiting, address=address, processes=processes, check=driver.check)
            follow(_before(files, held), done, progress)
        _complete(folder, manifest, files, held, driver)
    return PredictionSet.open(folder)


def _check_out(out: Path) -> None:
    """Raise ShardError if a folder holds something else than predictions."""
    if out.exists() and not out.is_dir():
        raise ShardError(f"{out} must be a folder for the predictions; it is a file. Name another one.")
    known = {MODEL, "driver.json", "driver.lock"}
    if out.is_dir() and any(out.iterdir()):
        if (out / MANIFEST).exists():
            read_predictions(out)
        elif not known & {file.name for file in out.iterdir()}:
            raise ShardError(f"{out} must be a new folder or one of predictions; it holds other files. Name another.")


def _check_same(out: Path, hashes: tuple[str, str], shards: ShardSet) -> None:
    """Raise ShardError if predictions are by another model, or of other shards."""
    manifest = read_predictions(out)
    if (manifest.model, manifest.model_facts) != hashes:
        raise ShardError(
            f"{out} holds predictions by another model. Name another folder for those of this one, or remove {out}."
        )
    if manifest.shards_hash != hash_of_shards(shards):
        raise ShardError(
            f"{out} holds predictions of other shards than those that are in {shards.out} now. Name another folder, "
            f"or remove {out}."
        )


def _begun(
    out: Path, model: Path, hashes: tuple[str, str], shards: ShardSet, tell: Callable[[str], None]
) -> PredictionsManifest:
    """The manifest of a run, written if there is none; the model is kept beside it, the same for each process."""
    if (out / MANIFEST).exists():
        return read_predictions(out)
    scorer = scorer_of(model, shards)
    tell(f"To predict: {len(shards):,} photos. {scorer.reads}")
    with atomic_folder(out / MODEL) as folder:
        for name in (DESCRIPTION, TENSORS):
            shutil.copyfile(model / name, folder / name)
    if hashes_of_model(out / MODEL) != hashes:
        raise ShardError(f"the model in {model} was changed while it was read. Run the same command again.")
    inside = out.is_relative_to(shards.out)
    where = os.path.relpath(shards.out, out) if inside else str(shards.out)
    manifest = PredictionsManifest(
        where, hash_of_shards(shards), *hashes, scorer.classes, datetime.now(UTC).isoformat()
    )
    write_predictions(out, manifest)
    return manifest


def _files(out: Path, manifest: PredictionsManifest, shards: ShardSet) -> list[PredictedFile | None]:
    """The file of each shard that is predicted; what is damaged is removed, to be made again."""
    held = {file.name: file for file in manifest.files}
    found: list[PredictedFile | None] = []
    for shard in shards.manifest.shards:
        name = file_name(shard.name)
        file = out / FILES / name
        known = held.get(name)
        if not file.exists() or known is None or file.stat().st_size != known.bytes:
            known = described(out / FILES, name, run=manifest.created, classes=len(manifest.classes))
            if known is None or known.shard != shard.sha256 or known.rows != shard.rows:
                file.unlink(missing_ok=True)
                known = None
        found.append(known)
    return found


def _before(files: list[PredictedFile | None], shards: ShardSet) -> EmbedProgress:
    """What earlier runs did."""
    known = [file for file in files if file is not None]
    rows, predicted = sum(file.rows for file in known), sum(file.predicted for file in known)
    return EmbedProgress(rows, len(shards), rows - predicted, len(known), len(files))


def _complete(
    out: Path,
    manifest: PredictionsManifest,
    files: list[PredictedFile | None],
    shards: ShardSet,
    driver: Driver,
) -> None:
    """Write the manifest with all files."""
    found = []
    for known, shard in zip(files, shards.manifest.shards, strict=True):
        name = file_name(shard.name)
        file = known or described(out / FILES, name, run=manifest.created, classes=len(manifest.classes))
        if file is None:
            raise damaged(out / FILES / name, "it is not what was just written")
        found.append(file)
    driver.check()
    if not manifest.complete or manifest.files != tuple(found):
        write_predictions(out, replace(manifest, complete=True, files=tuple(found)))


def _clean(out: Path) -> None:
    """Remove what processes of an earlier run left half written, and what was known of their attempts."""
    for file in [*(out / FILES).glob("*/.*.tmp"), *(out / "attempts").glob("*")]:
        with suppress(OSError):
            file.unlink()
