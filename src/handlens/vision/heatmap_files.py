"""Heat maps as files: a PNG for each photo that a model predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from handlens.core.predictions import REASON
from handlens.vision.heatmap import heatmap
from handlens.vision.picture_files import made_for, one_for_each

if TYPE_CHECKING:
    from handlens.vision.learner import VisionLearner

HEATMAP = "heatmap"
"""The column of the files."""


def write_heatmaps(
    learn: VisionLearner, files: Sequence[Path | str], table: pd.DataFrame, heatmaps: Sequence[Path | str]
) -> pd.DataFrame:
    """Write the heat map of each photo's most probable class, and name its file in the table of predictions.

    Args:
        learn: the model, of classes.
        files: N photos.
        table: their predictions; a photo without one has no heat map.
        heatmaps: the N files to write, each complete or not at all.

    Returns:
        The table with a column `heatmap` before `reason`.

    Raises:
        DataError: there are not N files to write, or one would be written twice.
    """
    places = one_for_each(files, heatmaps, "heatmaps")
    written: list[str | None] = []
    for file, place, reason in zip(files, places, table[REASON], strict=True):
        if not reason:
            with made_for(place) as out:
                out.write(heatmap(learn, file)._repr_png_())
        written.append(None if reason else place)
    table = table.copy()
    table.insert(len(table.columns) - 1, HEATMAP, pd.Series(written, table.index, dtype="str"))
    return table
