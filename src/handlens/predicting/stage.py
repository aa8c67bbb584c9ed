"""The one stage of predicting, the same for each engine: a shard becomes a Parquet file."""

from __future__ import annotations

from pathlib import Path

from handlens.embedding.attempts import attempt
from handlens.embedding.work import UnitDone
from handlens.predicting.files import described, file_name, write_file
from handlens.predicting.manifest import FILES, MODEL, read_predictions
from handlens.predicting.scorers import scorer_of


class Scoring:
    """Predicts shards of one run, in one process.

    Args:
        out: the folder of the predictions, with manifest and model.
        threads: of each product and network.

    Raises:
        ShardError: the folder or the shards are not there, as on a machine that does not share them, or have changed.
    """

    def __init__(self, out: Path, *, threads: int = 1) -> None:
        import torch

        torch.set_num_threads(threads)
        self._out, self._manifest = out, read_predictions(out)
        self._shards = self._manifest.shard_set(out)
        self._scorer = scorer_of(out / MODEL, self._shards)

    @staticmethod
    def created(out: Path) -> str:
        """When the run in a folder began, as its manifest says."""
        return read_predictions(out).created

    def run(self, number: int) -> UnitDone:
        """Predict a shard; what is committed is never written again.

        Raises:
            ShardError: it is missing or damaged, or the folder of its photos is not there.
            StorageError: the disk refused.
        """
        entry = self._shards.manifest.shards[number]
        name, files = file_name(entry.name), self._out / FILES
        if not (files / name).exists():
            with attempt(self._out, number):
                self._write(files / name, number)
        found = described(files, name, run=self._manifest.created, classes=len(self._manifest.classes))
        predicted = found.predicted if found else 0
        return UnitDone(number, predicted, entry.rows - predicted)

    def _write(self, file: Path, number: int) -> None:
        entry = self._shards.manifest.shards[number]
        write_file(
            file,
            self._scorer(number),
            classes=self._manifest.classes,
            paths=self._shards.shard(number).paths(),
            start=int(self._shards.starts[number]),
            run=self._manifest.created,
            shard=entry.sha256,
        )
