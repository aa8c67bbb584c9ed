"""One Parquet file of predictions, those of one shard, which is written once.

Its columns:

| name | type | what |
|---|---|---|
| path | string | where the photo came from |
| row | int64 | the number of the photo in the shards |
| predicted | dictionary of strings | the label; missing without a prediction |
| probability | float | of that label, 0–1 |
| probability of NAME | float | of each label |
| reason | string | why there is no prediction; "" where there is one |

The pages have checksums; the metadata has "handlens": JSON with the run and the shard, and how many photos have each
label, by probability.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.core.predictions import PATH, PREDICTED, PROBABILITY, REASON, probability_columns
from handlens.errors import ShardError
from handlens.io.files import write_once
from handlens.io.plain_json import parse_json
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "row"
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""From which probability each range of sureness begins; it ends where the next one begins, and the last one at 1."""

KEY = "handlens"
_NAME = re.compile(r"\d{3,7}/\d{6,10}-\d{7,12}\.parquet")


class ShardPredictions(NamedTuple):
    """Predictions of one shard.

    Attributes:
        p: the probability of each class, float32 [n, C]; NaN without a prediction.
        reasons: why there is no prediction, "" where there is one [n].
    """

    p: NDArray[np.float32]
    reasons: list[str]


@dataclass(frozen=True)
class PredictedFile:
    """What the manifest says of a file.

    Attributes:
        name: below the folder `files`.
        shard: SHA-256 of the shard's file.
        rows: photos.
        bytes: its size.
        sha256: of the file.
        counts: photos of each class by sureness, [C][ranges]; the ranges begin at `EDGES`.
    """

    name: str
    shard: str
    rows: int
    bytes: int
    sha256: str
    counts: tuple[tuple[int, ...], ...]

    @property
    def predicted(self) -> int:
        """How many of the photos have a prediction."""
        return sum(map(sum, self.counts))

    @classmethod
    def from_json(cls, content: Any, classes: int) -> PredictedFile:
        """A file from JSON; TypeError or ValueError for what cannot be one, such as a file outside the folder."""
        found = cls(**content | {"counts": tuple(tuple(row) for row in content["counts"])})
        numbers = (found.rows, found.bytes, *(n for row in found.counts for n in row))
        if not all(type(number) is int and number >= 0 for number in numbers) or found.predicted > found.rows:
            raise ValueError(f"the numbers of the file {found.name!r:.80} cannot be right")
        if len(found.counts) != classes or any(len(row) != len(EDGES) for row in found.counts):
            raise ValueError(f"the counts of the file {found.name!r:.80} cannot be right")
        if not isinstance(found.name, str) or not _NAME.fullmatch(found.name):
            raise ValueError(f"a file cannot be called {found.name!r:.80}")
        return found


def file_name(shard: str) -> str:
    """The name of the file of a shard.

    Example:
        >>> file_name("012/012345-0002000.safetensors")
        '012/012345-0002000.parquet'
    """
    return shard.removesuffix(".safetensors") + ".parquet"


def schema_of(classes: tuple[str, ...]) -> pa.Schema:
    """The columns of every file."""
    import pyarrow as pa

    fields = [(PATH, pa.string()), (ROW, pa.int64()), (PREDICTED, pa.dictionary(pa.int32(), pa.string()))]
    fields += [(name, pa.float32()) for name in (PROBABILITY, *probability_columns(classes))]
    return pa.schema([*fields, (REASON, pa.string())])


def sureness_counts(codes: NDArray[np.int64], probability: NDArray[np.float32], classes: int) -> NDArray[np.int64]:
    """How many photos have each class, by sureness [C, ranges]; a code below 0 is without a prediction.

    Example:
        >>> sureness_counts(np.array([1, 1, -1]), np.array([0.5, 1, np.nan], np.float32), 2).tolist()
        [[0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 1]]
    """
    known = codes >= 0
    ranges = np.searchsorted(np.array(EDGES, np.float32), probability[known], "right") - 1
    flat = np.bincount(codes[known] * len(EDGES) + ranges, minlength=classes * len(EDGES))
    return flat.reshape(classes, len(EDGES))


def write_file(
    file: Path,
    found: ShardPredictions,
    *,
    classes: tuple[str, ...],
    paths: list[str],
    start: int,
    run: str,
    shard: str,
) -> None:
    """Write the predictions of a shard, whole or not at all; what is there already stays.

    Args:
        file: to write.
        found: of its n photos.
        classes: the labels.
        paths: of the photos.
        start: the number of its first photo.
        run: tells the run from others.
        shard: SHA-256 of the shard.

    Raises:
        StorageError: the disk refused.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = np.isfinite(found.p).all(1)
    codes = np.where(known, np.nan_to_num(found.p).argmax(1), -1)
    best = np.where(known, np.nan_to_num(found.p).max(1), np.nan).astype(np.float32)
    labels = pa.array(codes, pa.int32(), mask=~known)
    columns = [pa.array(paths, pa.string()), pa.array(start + np.arange(len(paths)), pa.int64())]
    columns.append(pa.DictionaryArray.from_arrays(labels, pa.array(classes, pa.string())))
    columns += [pa.array(column, pa.float32(), mask=~known) for column in (best, *found.p.T)]
    columns.append(pa.array(found.reasons, pa.string()))
    about = {"run": run, "shard": shard, "counts": sureness_counts(codes, best, len(classes)).tolist()}
    schema = schema_of(classes).with_metadata({KEY: json.dumps(about)})
    table = pa.Table.from_arrays(columns, schema=schema)
    with write_once(file) as partial:
        pq.write_table(table, partial, write_page_checksum=True, compression="zstd")


def described(out: Path, name: str, *, run: str, classes: int) -> PredictedFile | None:
    """What is known of a file; None if it is not there, of another run, or damaged.

    Args:
        out: the folder of the files.
        name: of the file.
        run: as `write_file` was given.
        classes: how many labels there are.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = (out / name).read_bytes()
        held = pq.read_metadata(pa.BufferReader(data))
        about = parse_json(held.metadata[KEY.encode()])
        if about["run"] != run:
            return None
        digest = hashlib.sha256(data).hexdigest()
        facts = {"name": name, "shard": about["shard"], "rows": held.num_rows, "bytes": len(data), "sha256": digest}
        return PredictedFile.from_json(facts | {"counts": about["counts"]}, classes)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def read_file(out: Path, entry: PredictedFile, columns: list[str]) -> pa.Table:
    """Some columns of a file; ShardError if it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = out / entry.name
    try:
        if file.stat().st_size != entry.bytes:
            raise ValueError("it is not the file that the manifest describes")
        return pq.read_table(file, columns=columns, partitioning=None, page_checksum_verification=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(file, reason_of(error)) from error


def damaged(file: Path | str, reason: str) -> ShardError:
    """The error for a file that is missing or damaged."""
    return ShardError(
        f"the predictions in {file} are missing or damaged: {reason.rstrip('.')[:300]}. Remove the file and run the "
        "same `handlens predict` again: it is made again."
    )
