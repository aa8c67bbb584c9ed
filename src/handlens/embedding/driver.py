"""`embed`: photos of a source become shards, by one driver that can be stopped, killed and run again."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from handlens.core.artifact import load_artifact, save_artifact, tensors_hash
from handlens.embedding.attempts import ATTEMPTS, parts
from handlens.embedding.engines import Engine, check_options, driving, each_done
from handlens.embedding.items import items_of
from handlens.embedding.lease import Lease
from handlens.embedding.plan import PLAN, PLAN_FACTS, EmbeddingPlan, PlanFacts, make_plan, without_photos
from handlens.embedding.progress import EmbedProgress, follow
from handlens.embedding.stage import clean
from handlens.embedding.work import EngineJob
from handlens.errors import Cancelled, PhotoError, ShardError
from handlens.io.manifests import MANIFEST
from handlens.io.problems import reason_of, reporting_disk_errors
from handlens.scale import ShardSet
from handlens.scale.manifest import (
    DONE,
    EXTRACTOR,
    SHARDS,
    LayerFacts,
    ShardManifest,
    done_file,
    done_so_far,
    done_units,
    read_done,
    read_manifest,
    write_manifest,
)
from handlens.scale.shards import DIGEST, LeftOutPhoto
from handlens.studio.features import Extractor, backbone_extractor, patches_extractor, rebuild
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.pictures import read_squares
from handlens.studio.sources import EXTRACTOR_KIND, LEARNED

COMMAND, WORK = "handlens embed", "handlens.embedding.stage:Stage"

BACKBONE = "tf_efficientnet_lite0"
"""The network unless another one is named: its weights are installed with handlens."""

LEARN_FROM, LEARN_SIZE = 500, 96
"""How many photos features are learned on, and the side of their pictures in pixels."""

THUMBNAIL_BYTES = 8_000
"""What a thumbnail takes, about, for what a run is said to need."""


def embed(
    source: Path | str | Sequence[Path | str] | PhotoSource,
    out: Path | str,
    *,
    backbone: str | None = BACKBONE,
    weights: Path | None = None,
    engine: Engine = "local",
    address: str | None = None,
    processes: int | None = None,
    threads: int = 1,
    seed: int = 0,
    found: Callable[[int], None] | None = None,
    progress: Callable[[EmbedProgress], None] | None = None,
    say: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> ShardManifest:
    """Embed photos into a folder of shards: the features of every layer in half precision, thumbnails and paths.

    Photos stream through; none is copied. What is done is committed piece by piece, so a run that was stopped or
    killed goes on where it was when the same call is made again, and each photo is in the shards exactly once.

    Args:
        source: a folder, pattern, list, or addresses, of photos, of tar archives as of WebDataset, or of Parquet files
            with a column of bytes.
        out: the folder of the shards; with `engine="ray"` on a disk that all machines share.
        backbone: the network's name; None for features learned on 500 of the photos.
        weights: a safetensors file for the network.
        engine: "local", processes of this machine, or "ray".
        address: of a cluster of Ray; unless given, a Ray is started on this machine.
        processes: how many work at the same time; one a core, or with Ray as many as there is room for, unless given.
        threads: for the network in each process.
        seed: of every random choice.
        found: called with the number of files found so far, for each file, while the source is looked through.
        progress: called as photos are done.
        say: called with sentences: what the run needs, and what it waits for.
        cancel: setting it raises Cancelled, within a second; with Ray once it has started, and within a few seconds.

    Returns:
        what `out` holds.

    Raises:
        ShardError, CollectionError: the source or `out` cannot be used, or another process writes to it; or no file of
            the source is a photo, and then nothing of the run stays.
        BackboneError, WeightsError, DownloadError: the network or its weights cannot be used.
        Cancelled: it was cancelled; what is done stays.
        StorageError: the disk refused; what is done stays.

    Example:
        >>> from handlens.studio.builtin import write_builtin
        >>> _ = write_builtin("digits", Path("digits"))
        >>> embed("digits/digit_00*.png", "shards", backbone=None, processes=1).photos
        99
    """
    check_options(engine, address=address, processes=processes, threads=threads)
    folder = Path(out).expanduser().absolute()
    _check_out(folder)
    tell = say or (lambda _text: None)
    photos = PhotoSource.of(source)
    photos.check()
    with driving(folder, command=COMMAND, what="embedded", say=tell, cancel=cancel) as (held, check):
        # Before the source is looked through, which may take long, all that was asked for is known to be possible.
        manifest = _known(folder, backbone, weights, seed)
        network = None if manifest is not None or backbone is None else _network(folder, backbone, weights)

        def count(files: int) -> None:
            if cancel is not None and cancel.is_set():
                raise Cancelled("cancelled while the source was looked through; nothing is kept.")
            check()
            if found:
                found(files)

        goes_on = (folder / PLAN / PLAN_FACTS).exists()
        plan = make_plan(folder, photos, found=count)
        if goes_on:
            _tell_list(folder, plan.facts, tell)
        clean(folder)
        _forget_missing(folder, tell)
        manifest = manifest or _begun(folder, plan, backbone, network, seed)
        waiting = sorted(set(range(plan.facts.units)) - set(done_units(folder)))
        if waiting:
            _tell_cost(folder, plan.facts, manifest, tell)
            job = EngineJob(WORK, folder, manifest.created, threads, COMMAND, "embedded")
            done = each_done(engine, job, waiting, address=address, processes=processes, check=check)
            follow(_before(folder, plan.facts, len(waiting)), done, progress, lambda: parts(folder))
        _check_photos(folder, plan)
        return _completed(folder, plan, manifest, held)


def _check_out(out: Path) -> None:
    """Raise ShardError if a folder holds something else than shards."""
    if out.exists() and not out.is_dir():
        raise ShardError(f"{out} must be a folder for the shards; it is a file. Name another one.")
    known = {MANIFEST, PLAN, "driver.json", "driver.lock"}
    if out.is_dir() and any(out.iterdir()) and not known & {file.name for file in out.iterdir()}:
        raise ShardError(f"{out} must be a new folder or one of shards; it holds other files. Name another one.")


def _known(out: Path, backbone: str | None, weights: Path | None, seed: int) -> ShardManifest | None:
    """The manifest of a run that has begun; None if there is none. ShardError if it is of something else."""
    if not (out / MANIFEST).exists():
        return None
    name, manifest = LEARNED if backbone is None else backbone, read_manifest(out)
    if manifest.backbone != name or manifest.seed != seed:
        raise ShardError(
            f"{out} is being made with backbone {manifest.backbone} and seed {manifest.seed}; {name} and {seed} "
            "were asked for. Give the same ones to go on, or another folder."
        )
    if weights is not None and _hash(name, weights) != manifest.weights:
        raise ShardError(
            f"{out} is being made with other weights than {weights}. Give the same ones, or another folder."
        )
    return manifest


def _network(out: Path, name: str, weights: Path | None) -> Extractor:
    """The network of a run: that which is kept, or a new one."""
    if not (out / EXTRACTOR).exists():
        return backbone_extractor(name, weights=weights)
    kept = rebuild(*load_artifact(out / EXTRACTOR, EXTRACTOR_KIND))
    if kept.name != name:
        raise ShardError(f"{out} is being made with backbone {kept.name}; {name} was asked for. Give the same one.")
    return kept


def _begun(out: Path, plan: EmbeddingPlan, backbone: str | None, network: Extractor | None, seed: int) -> ShardManifest:
    """A new manifest of a run; the network is kept beside it, the same for each process.

    Args:
        out: the folder of the shards.
        plan: of the run.
        backbone: as in `embed`.
        network: that of the name; None for features that are learned on some of the photos.
        seed: of the run.
    """
    extractor: Extractor
    if network is None and (out / EXTRACTOR).exists():
        extractor = _network(out, LEARNED, None)
    else:
        extractor = network or _learned(out, plan, seed)
    if not (out / EXTRACTOR).exists():
        save_artifact(out / EXTRACTOR, EXTRACTOR_KIND, extractor.config(), extractor.tensors())
    manifest = ShardManifest(
        source=plan.facts.source,
        backbone=LEARNED if backbone is None else backbone,
        weights=tensors_hash(extractor.tensors()),
        layers=tuple(LayerFacts(**asdict(layer)) for layer in extractor.layers),
        seed=seed,
        created=datetime.now(UTC).isoformat(),
    )
    write_manifest(out, manifest)
    return manifest


def _hash(backbone: str, weights: Path) -> str:
    return tensors_hash(backbone_extractor(backbone, weights=weights).tensors())


def _forget_missing(out: Path, tell: Callable[[str], None]) -> None:
    """Let units be done again whose shards are missing or have another size; what is left of those is removed."""
    for unit in done_units(out):
        shards = read_done(out, unit) or []
        wrong = [file for shard in shards if _size_of(file := out / SHARDS / shard.name) != shard.bytes]
        if not wrong:
            continue
        done_file(out, unit).unlink(missing_ok=True)
        for file in wrong:
            with reporting_disk_errors(file):
                file.unlink(missing_ok=True)
        tell(f"{wrong[0]} is missing or has another size than when it was written; it is made again.")


def _size_of(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _learned(out: Path, plan: EmbeddingPlan, seed: int) -> Extractor:
    """Features learned on some photos of units that are drawn at random."""
    order = np.random.default_rng(seed).permutation(plan.facts.units)[:LEARN_FROM]
    each = -(-LEARN_FROM // len(order))
    reasons: list[LeftOutPhoto] = []
    pictures = [picture for unit in order for picture in _some_pictures(plan, int(unit), each, seed, reasons)]
    if not pictures:
        if plan.facts.units > LEARN_FROM:
            raise ShardError(f"none of the photos of {', '.join(plan.facts.source)} that were tried could be read.")
        _forget(out)
        raise without_photos(plan.facts.source, len(reasons), sorted(reasons))
    return patches_extractor(np.stack(pictures[:LEARN_FROM]), seed=seed)


def _some_pictures(
    plan: EmbeddingPlan, number: int, most: int, seed: int, reasons: list[LeftOutPhoto]
) -> Iterator[np.ndarray]:
    """Pictures of a unit, so many at most; `reasons` gets those that cannot be read."""
    unit = plan.unit(number)
    if "files" in unit:  # of these a random choice costs nothing
        order = np.random.default_rng([seed, number]).permutation(len(unit["files"]))
        unit = {"files": [unit["files"][at] for at in order]}
    with TemporaryDirectory() as folder:
        found = 0
        for item in items_of(unit, 0):
            if found == most:
                return
            try:
                content = item.fetch()
                file = content if isinstance(content, Path) else Path(folder, "photo")
                if not isinstance(content, Path):
                    file.write_bytes(content)
                picture = read_squares(file, {LEARN_SIZE})[1][LEARN_SIZE]
            except (PhotoError, OSError) as error:
                reasons.append(LeftOutPhoto(item.path, reason_of(error)))
                continue
            found += 1
            yield picture


def bytes_of_a_photo(layers: Sequence[LayerFacts]) -> int:
    """What a photo takes in the shards, about: features, checksums, a thumbnail, its path and hash."""
    return sum(2 * layer.dim + 4 for layer in layers) + THUMBNAIL_BYTES + DIGEST + 100


def size(count: float) -> str:
    """A number of bytes for people.

    Example:
        >>> size(20_500), size(12_345_678), size(2.5e9)
        ('20 kB', '12 MB', '2.5 GB')
    """
    if count < 1e6:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def _tell_list(out: Path, facts: PlanFacts, tell: Callable[[str], None]) -> None:
    """Say that a run that goes on has the files that were there when it began."""
    tell(
        f"The files of {', '.join(facts.source)} were listed when {out} was begun, and are not listed again. To embed "
        "files that were added since, give another folder."
    )


def _tell_cost(out: Path, facts: PlanFacts, manifest: ShardManifest, tell: Callable[[str], None]) -> None:
    """Say what a run needs before it begins; ShardError if the disk does not have that."""
    each = bytes_of_a_photo(manifest.layers)
    if facts.archives:
        known = (
            f"{facts.photos:,} photos and those in {facts.archives:,} archives"
            if facts.photos
            else (f"the photos in {facts.archives:,} archives")
        )
        tell(f"To embed: {known}; each takes about {each / 1e3:.0f} kB in {out}.")
        return
    left = facts.photos - sum(shard.rows + shard.left_out for shard in done_so_far(out))
    tell(f"To embed: {left:,} photos, about {size(left * each)} in {out}.")
    free = shutil.disk_usage(out).free
    if left * each > free:
        raise ShardError(
            f"{left:,} photos take about {size(left * each)} in {out}, and the disk has {size(free)} left. "
            "Make room, or give a folder on another disk."
        )


def _before(out: Path, facts: PlanFacts, waiting: int) -> EmbedProgress:
    """What earlier runs did."""
    shards = done_so_far(out)
    return EmbedProgress(
        sum(shard.rows + shard.left_out for shard in shards),
        None if facts.archives else facts.photos,
        sum(shard.left_out for shard in shards),
        facts.units - waiting,
        facts.units,
    )


def _check_photos(out: Path, plan: EmbeddingPlan) -> None:
    """Raise CollectionError if all units are done and no file was a photo; nothing of the run stays."""
    units = done_units(out)
    if len(units) < plan.facts.units or any(shard.rows for unit in units for shard in read_done(out, unit) or []):
        return
    left_out = sum(shard.left_out for shard in done_so_far(out))
    error = without_photos(plan.facts.source, left_out, ShardSet.open(out).left_out())
    _forget(out)
    raise error


def _forget(out: Path) -> None:
    """Remove what a run without photos has written."""
    for name in (PLAN, EXTRACTOR, SHARDS, DONE, ATTEMPTS):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / MANIFEST).unlink(missing_ok=True)


def _completed(out: Path, plan: EmbeddingPlan, manifest: ShardManifest, held: Lease) -> ShardManifest:
    """Write the manifest with all shards, and remove what no shard of it is."""
    missing = plan.facts.units - len(done_units(out))
    if missing or held.lost:
        raise ShardError(f"{missing:,} units of {out} are not done. Run the same command again.")
    shards = tuple(done_so_far(out))
    found = replace(manifest, complete=True, shards=shards)
    if not manifest.complete or manifest.shards != shards:
        write_manifest(out, found)
    names = {shard.name for shard in shards}
    for file in (out / SHARDS).glob("*/*.safetensors"):
        if file.relative_to(out / SHARDS).as_posix() not in names:
            file.unlink(missing_ok=True)
    return found
