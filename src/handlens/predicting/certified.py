"""Labels that a model gave and a random check certified: with which confidence at most how many of them are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.predictions import LABEL, PATH, PREDICTED, PROBABILITY
from handlens.errors import DataError
from handlens.io.files import atomic_write
from handlens.studio.pac_labels import fewest_checks, pac_labels

if TYPE_CHECKING:
    from handlens.predicting.predictions import PredictionSet


@dataclass(frozen=True)
class CertifiedLabels:
    """Which photos get the label that the model predicts, and what is certain about them.

    Attributes:
        predictions: of which they are.
        answers: the labels of the checked photos, by path.
        chosen: whether a photo gets its predicted label, bool [photos].
        left: photos that get no label.
        bound: at most this share (0–1) of all labels is wrong; None if no photo is chosen.
        sure_from: the least probability among the chosen ones; None if no photo is chosen.
        more_checks: about how many more checks are expected to let clearly more photos be labelled; 0 if all are, None
            if no number is.
        error, confidence: what was asked for.

    Example:
        >>> CertifiedLabels.__name__
        'CertifiedLabels'
    """

    predictions: PredictionSet
    answers: Mapping[str, str]
    chosen: NDArray[np.bool_]
    left: int
    bound: float | None
    sure_from: float | None
    more_checks: int | None
    error: float
    confidence: float

    def __len__(self) -> int:
        """How many photos get the label that the model predicts."""
        return int(self.chosen.sum())

    def __repr__(self) -> str:
        """What it means, as a sentence."""
        if not len(self):
            return f"No label can be certified with at most {100 * self.error:g} % of all labels wrong."
        get = "1 photo gets" if len(self) == 1 else f"{len(self):,} photos get"
        rest = {0: "no photo is", 1: "1 photo is"}.get(self.left, f"{self.left:,} photos are")
        return (
            f"{get} the label that the model predicts, and {rest} left: with {100 * self.confidence:g} % confidence at "
            f"most {100 * self.error:g} % of all labels are wrong."
        )

    def write(self, file: Path | str) -> None:
        """Write the labels as Parquet, block by block: those of the person, and those that are certified.

        The columns are those of labels.csv: `path`, `label`, `origin` ("checked" or "certified"), `error_at_most` and
        `confidence` of certified ones, and `by`, the SHA-256 of the model that gave them; and `probability`.

        Raises:
            StorageError: the disk refused; nothing was overwritten.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts = [pa.field(name, pa.string()) for name in (PATH, LABEL, "origin", "by")]
        numbers = [pa.field(name, pa.float64()) for name in ("error_at_most", "confidence")]
        schema = pa.schema([*texts[:3], *numbers, texts[3], pa.field(PROBABILITY, pa.float32())])
        start = 0
        with atomic_write(file) as partial, pq.ParquetWriter(partial, schema) as writer:
            for block in self.predictions.blocks([PATH, PREDICTED, PROBABILITY]):
                chosen = self.chosen[start : start + len(block)]
                start += len(block)
                paths = block[PATH].to_pylist()
                answered = np.array([path in self.answers for path in paths], bool)
                labels = block[PREDICTED].cast(pa.string()).to_pylist()
                given = [self.answers.get(path, label) for path, label in zip(paths, labels, strict=True)]
                kept = chosen | answered
                mask = answered[kept]
                count = int(kept.sum())

                def of_certified(value: object, mask: NDArray[np.bool_] = mask, count: int = count) -> pa.Array:
                    return pa.array([value] * count, mask=mask)

                columns = [
                    pa.array([path for path, one in zip(paths, kept, strict=True) if one], pa.string()),
                    pa.array([label for label, one in zip(given, kept, strict=True) if one], pa.string()),
                    pa.array(np.where(mask, "checked", "certified").tolist(), pa.string()),
                    of_certified(self.error),
                    of_certified(self.confidence),
                    of_certified(self.predictions.manifest.model),
                    block[PROBABILITY].combine_chunks().filter(pa.array(kept)),
                ]
                if count:
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def certify(
    predictions: PredictionSet,
    drawn: pd.DataFrame,
    answers: Mapping[str, str | None],
    *,
    error: float,
    sure: float,
    seed: int,
) -> CertifiedLabels:
    """Certify labels; see `PredictionSet.certify`.

    Args:
        predictions: of all photos.
        drawn: path, row, predicted and probability of as many photos as there are answers, drawn at random.
        answers, error, sure, seed: as there.
    """
    _check_answers(drawn, answers)
    n, population = len(drawn), predictions.predicted
    labels = {path: label for path, label in answers.items() if label is not None}
    fewest = fewest_checks(population, len(labels) - n, error=error, sure=sure)
    if n < fewest:
        raise DataError(
            f"at least {fewest:,} random photos must be checked before labels can be certified with at most "
            f"{100 * error:g} % wrong; {n:,} answers arrived. `to_check({fewest})` names them."
        )
    probability = np.empty(len(predictions), np.float32)
    start = 0
    for block in predictions.blocks([PROBABILITY]):
        probability[start : start + len(block)] = block[PROBABILITY].to_numpy()
        start += len(block)
    open_ones = np.isfinite(probability)
    checked = drawn["row"].to_numpy(np.int64)
    open_ones[checked] = False
    rows = np.flatnonzero(open_ones)
    right = [label == answers[path] for path, label in zip(drawn[PATH], drawn[PREDICTED], strict=True)]
    best = pac_labels(
        right,
        np.minimum(probability[checked].astype(np.float64), 1.0),
        np.minimum(probability[rows].astype(np.float64), 1.0),
        population=population,
        labelled=len(labels),
        error=error,
        sure=sure,
        seed=seed,
    )
    chosen = np.zeros(len(predictions), bool)
    chosen[rows[best.chosen]] = True
    left = len(predictions) - len(labels) - int(best.chosen.sum())
    return CertifiedLabels(
        predictions, labels, chosen, left, best.bound, best.threshold, best.more_checks, float(error), float(sure)
    )


def _check_answers(drawn: pd.DataFrame, answers: Mapping[str, str | None]) -> None:
    """Raise DataError unless the answers are those of the draw."""
    wanted = set(drawn[PATH])
    unknown = next((path for path in answers if path not in wanted), None)
    if unknown is not None:
        missing = next((path for path in drawn[PATH] if path not in answers), "none")
        raise DataError(
            f"answers must be of the photos that to_check({len(answers)}) draws with this seed, and of all of them: "
            f"others say nothing about the rest. {unknown!r:.120} arrived, and {missing!r:.120} has no answer. Give "
            "None where a photo cannot be told."
        )
    odd = next((label for label in answers.values() if label is not None and not isinstance(label, str)), None)
    if odd is not None:
        raise DataError(f"an answer must be a label, as text, or None; {odd!r:.80} arrived.")
