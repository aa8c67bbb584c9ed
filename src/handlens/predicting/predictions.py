"""Predictions of all photos of shards: counted, sampled, joined with attributes, checked and certified."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.predictions import PATH, PREDICTED, PROBABILITY
from handlens.errors import DataError, ShardError
from handlens.io.problems import reason_of
from handlens.predicting.certified import CertifiedLabels, certify
from handlens.predicting.files import EDGES, PredictedFile, damaged, read_file, schema_of
from handlens.predicting.manifest import FILES, PredictionsManifest, read_predictions
from handlens.scale.order import RandomOrder

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import dataset as arrow_dataset


class PredictionSet:
    """What a model predicts of each photo of shards; photos are numbered as in the shards.

    Nothing is loaded: files are read when they are asked for, and checked as they are read.

    Args:
        folder: that `predict` wrote.
        manifest: what it holds.

    Attributes:
        folder, manifest: as given.
        classes: the labels that the model knows.

    Raises:
        ShardError: (all methods) a file is missing or damaged.

    Example:
        >>> PredictionSet.open("nowhere")
        Traceback (most recent call last):
        handlens.errors.ShardError: ...
    """

    def __init__(self, folder: Path, manifest: PredictionsManifest) -> None:
        self.folder, self.manifest, self.classes = folder, manifest, manifest.classes
        self._starts = np.cumsum([0, *(file.rows for file in manifest.files)], dtype=np.int64)

    @classmethod
    def open(cls, folder: Path | str) -> PredictionSet:
        """Open the folder of predictions that are complete.

        Raises:
            ShardError: it is not such a folder, is not complete, is damaged, or was made by a newer version.
        """
        path = Path(folder)
        manifest = read_predictions(path)
        if not manifest.complete:
            raise ShardError(f"the predictions in {path} are not complete. Run the same `handlens predict` again.")
        return cls(path, manifest)

    def __len__(self) -> int:
        """How many photos there are, those without a prediction included."""
        return int(self._starts[-1])

    @property
    def predicted(self) -> int:
        """How many photos have a prediction."""
        return sum(file.predicted for file in self.manifest.files)

    def counts(self) -> pd.DataFrame:
        """How many photos have each label, and how sure the model is; no file is read for that.

        Returns:
            A row for each label that the model knows: `photos`, and a column for each range of the probability, named
            after its lower end: "from 0.9" are those from 0.9 to below 0.95.
        """
        table = np.zeros((len(self.classes), len(EDGES)), np.int64)
        for file in self.manifest.files:
            table += np.array(file.counts, np.int64).reshape(table.shape)
        columns = [f"from {edge:g}" for edge in EDGES]
        found = pd.DataFrame(table, index=pd.Index(self.classes, name=PREDICTED), columns=columns)
        found.insert(0, "photos", table.sum(1))
        return found

    @property
    def dataset(self) -> arrow_dataset.Dataset:
        """The data set of pyarrow, to read columns and rows of it lazily.

        Its columns are `path`, `row`, `predicted`, `probability`, `probability of NAME` for each label, and `reason`.
        """
        from pyarrow import dataset as arrow_dataset

        files = [str(self.folder / FILES / file.name) for file in self.manifest.files]
        options = arrow_dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
        return arrow_dataset.dataset(
            files,
            schema=schema_of(self.classes),
            format=arrow_dataset.ParquetFileFormat(default_fragment_scan_options=options),
        )

    def frame(self, columns: Sequence[str] | None = None, *, where: Any = None) -> pd.DataFrame:
        """Some columns of the photos that a condition means, all photos unless it is given.

        Args:
            columns: their names, as in `dataset`; all unless given.
            where: an expression of pyarrow, such as `pyarrow.dataset.field("probability") < 0.6`.
        """
        with self._reading():
            found = self.dataset.to_table(columns=None if columns is None else list(columns), filter=where)
        return _frame(found)

    def blocks(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of all photos, file after file."""
        for file in self.manifest.files:
            yield self._read(file, columns)

    def rows(self, rows: Iterable[int] | NDArray[Any], columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Some columns of some photos, in the order in which they are asked for.

        Args:
            rows: their numbers.
            columns: as in `frame`.
        """
        import pyarrow as pa

        names = schema_of(self.classes).names if columns is None else list(columns)
        wanted = np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"rows must be from 0 to {len(self) - 1:,}; {wanted.min():,} to {wanted.max():,} arrived")
        order = np.argsort(wanted, kind="stable")
        numbers = np.searchsorted(self._starts, wanted[order], "right") - 1
        schema = schema_of(self.classes)
        parts = [schema.empty_table().select(names)]
        for at in np.split(order, np.flatnonzero(np.diff(numbers)) + 1):
            if len(at):
                number = int(np.searchsorted(self._starts, wanted[at[0]], "right")) - 1
                held = self._read(self.manifest.files[number], names)
                parts.append(held.take(pa.array(wanted[at] - self._starts[number])).cast(parts[0].schema))
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return _frame(pa.concat_tables(parts).take(pa.array(back)))

    def sample(self, n: int, *, seed: int = 0, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Photos that are drawn at random, each at most once, in the order of drawing.

        Args:
            n: how many; all in a random order if there are fewer.
            seed: another seed draws others. The first k of a sample are a sample of k.
            columns: as in `frame`.
        """
        return self.rows(RandomOrder(len(self), seed=_number(seed, ""))(0, n), columns)

    def join(self, table: pd.DataFrame, columns: Sequence[str] = (PREDICTED, PROBABILITY)) -> pd.DataFrame:
        """A table of attributes or true labels, with what the model predicts of its photos.

        Predictions are read in blocks, and only those of the table are kept. `handlens.audit.subgroups` takes the
        columns of the result.

        Args:
            table: with the column `path`, as in the shards, each path once.
            columns: of the predictions.

        Returns:
            The rows of the table, in its order, with these columns; missing values for a photo without a prediction.

        Raises:
            DataError: the table has no column `path`, a path twice, a column of the predictions, or none of the photos.
        """
        import pyarrow as pa

        _check_attributes(table, columns)
        paths = table[PATH].to_numpy(object)
        keys = pd.util.hash_array(paths, categorize=False)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        places, parts = [], []
        for block in self.blocks([PATH, *columns]):
            here = block[PATH].to_numpy()
            hashed = pd.util.hash_array(here.astype(object), categorize=False)
            at = np.searchsorted(keys, hashed)
            # Different paths rarely have one hash; those that follow are looked at as well.
            for _ in range(2):
                near = np.minimum(at, len(keys) - 1)
                same = (at < len(keys)) & (keys[near] == hashed)
                rows = order[near]
                same[same] = paths[rows[same]] == here[same]
                places.append(rows[same])
                parts.append(block.select(list(columns)).filter(pa.array(same)))
                at = at + 1
        found, place = pa.concat_tables(parts) if parts else None, np.concatenate([np.empty(0, np.int64), *places])
        if found is None or not len(place):
            raise DataError(
                f"none of the {len(table):,} paths of the table is that of a predicted photo, such as "
                f"{self.rows([0], [PATH])[PATH][0] if len(self) else 'none'!r:.120}. Write them in the same way."
            )
        back = np.full(len(table), -1, np.int64)
        back[place] = np.arange(len(place))
        taken = _frame(found.take(pa.array(back, mask=back < 0)))
        return pd.concat([table, taken.set_index(table.index)], axis=1)

    def to_check(self, n: int, *, seed: int = 0) -> list[str]:
        """Paths of photos that a person labels, without seeing the predictions, so that labels can be certified.

        They are drawn at random from all photos with a prediction, by the seed and the model: photos that a later
        model learned from are not those that are drawn for it. More photos of the same seed begin with these.

        Args:
            n: how many; choose it before any answer is known.
            seed: of the draw.

        Returns:
            n paths, fewer if there are fewer photos.
        """
        return self._draw(n, seed)[PATH].tolist()

    def certify(
        self, answers: Mapping[str, str | None], *, error: float = 0.05, confidence: float = 0.95, seed: int = 0
    ) -> CertifiedLabels:
        """Choose the photos that get the predicted label, such that few of all labels are wrong.

        The mathematics is that of `handlens.studio.pac_labels`; docs/how-sure.md explains it.

        Args:
            answers: for each path that `to_check(len(answers), seed=seed)` gave, the right label, or None where the
                person cannot tell: there the prediction counts as wrong.
            error: the largest share (0–1) of wrong labels.
            confidence: the probability (0.5–1) with which it is not exceeded.
            seed: of the draw, and of the order of photos of which the model is equally sure.

        Raises:
            DataError: the answers are not those of that draw, or too few, or a number is not in its range.
        """
        drawn = self._draw(len(answers), seed)
        return certify(self, drawn, answers, error=error, sure=confidence, seed=seed)

    def check(self) -> None:
        """Read all files and compare them with their checksums; ShardError says which one is missing or damaged."""
        for entry in self.manifest.files:
            file = self.folder / FILES / entry.name
            try:
                with file.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                raise damaged(file, reason_of(error)) from error
            if digest != entry.sha256:
                raise damaged(file, "it is not the file that the manifest describes")

    def _draw(self, n: int, seed: int) -> pd.DataFrame:
        """The first n photos with a prediction in a random order: path, row, predicted and probability."""
        order = RandomOrder(len(self), seed=_number(seed, self.manifest.model))
        found, start = self.rows([], [PATH, "row", PREDICTED, PROBABILITY]), 0
        while len(found) < n and start < len(self):
            more = n - len(found)
            next_ones = self.rows(order(start, start + more), list(found.columns))
            found = pd.concat([found, next_ones[next_ones[PREDICTED].notna()]], ignore_index=True)
            start += more
        return found

    def _read(self, file: PredictedFile, columns: Sequence[str]) -> pa.Table:
        return read_file(self.folder / FILES, file, list(columns))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except pa.ArrowInvalid as error:
            if "No match for FieldRef" in str(error):
                raise DataError(
                    f"columns must be among those of the data set; {reason_of(error).splitlines()[0]:.200}."
                ) from error
            raise damaged(self.folder, reason_of(error)) from error
        except (OSError, pa.ArrowException) as error:
            raise damaged(self.folder, reason_of(error)) from error


def _frame(table: pa.Table) -> pd.DataFrame:
    found: pd.DataFrame = table.to_pandas()
    return found


def _check_attributes(table: pd.DataFrame, columns: Sequence[str]) -> None:
    if PATH not in table.columns:
        raise DataError(f"the table must have a column {PATH!r}; it has {', '.join(map(str, table.columns))}.")
    if not len(table):
        raise DataError("the table must have rows; it is empty.")
    both = [name for name in columns if name in table.columns]
    if both:
        raise DataError(f"the table must not have columns of the predictions; it has {', '.join(both)}. Rename them.")
    twice = table[PATH].duplicated()
    if twice.any():
        raise DataError(f"each path must be in the table once; {table[PATH][twice].iloc[0]!r} is there more than once.")


def _number(seed: int, of: str) -> int:
    """A number from a seed and what it is for."""
    return int.from_bytes(hashlib.sha256(f"{int(seed)} {of}".encode()).digest()[:8])
