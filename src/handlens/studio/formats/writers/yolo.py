"""YOLO: folders of photos for training, validation and test, in each of them a folder for each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.core.predictions import LABEL, PATH
from handlens.errors import PhotoError
from handlens.io.files import atomic_folder
from handlens.studio.exports import write_csv
from handlens.studio.formats.exporting import Export, named_table
from handlens.studio.formats.writers.folders import zipped_photos
from handlens.studio.scanning import LeftOut

SPLITS = ("train", "val", "test")
SHARE = 10
"""One photo in so many is for validation, and one for test."""


class YoloExporter:
    """Folders train, val and test for YOLO classification, and labels.csv.

    Which photo is where is drawn by the seed, a tenth of each label for validation and a tenth for test; photos with
    the same content are on the same side. Each of the three has a folder for every label, so that labels have the same
    numbers in all of them. labels.csv has for each photo its `name` below the folder, and what an export as CSV has.

    Example:
        >>> YoloExporter().ending
        ''
    """

    name, title, ending = "yolo", "YOLO classification", ""

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the folders; see `Exporter`."""
        labelled = export.labelled
        groups = export.groups[labelled.index]
        splits = split(labelled[LABEL].to_numpy(object), groups, seed=export.seed)
        photos = zipped_photos(dict(zip(labelled[PATH], labelled[LABEL], strict=True)))
        names = [f"{SPLITS[split]}/{photo.name}" for split, photo in zip(splits, photos, strict=True)]
        left_out: list[LeftOut] = []
        with atomic_folder(path) as folder:
            for folders in {photo.name.split("/")[0] for photo in photos}:
                for part in SPLITS:
                    (folder / part / folders).mkdir(parents=True)
            for i, (photo, name) in enumerate(zip(photos, names, strict=True)):
                export.report(i, len(photos))
                try:
                    content = export.read(photo.path)
                except PhotoError as error:
                    left_out.append(LeftOut(photo.path, str(error)))
                    continue
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            write_csv(named_table(export, names, left_out), folder / "labels.csv")
        return left_out


def split(labels: NDArray[np.object_], groups: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """The position in `SPLITS` of each photo, int64 [n].

    Of the groups of each label a tenth, but at least one where there are three or more, is for validation, and as many
    for test. A group whose photos have different labels counts for the label of its first photo.

    Args:
        labels: of each photo [n].
        groups: the same number for photos that are to be on the same side [n].
        seed: of the drawing.

    Example:
        >>> labels = np.array(["a"] * 20 + ["b"] * 3 + ["c"] * 2, object)
        >>> found = split(labels, np.arange(25), seed=0)
        >>> [np.bincount(found[labels == label], minlength=3).tolist() for label in "abc"]
        [[16, 2, 2], [1, 1, 1], [2, 0, 0]]
    """
    groups_found, first, of_group = np.unique(groups, return_index=True, return_inverse=True)
    sides = np.zeros(len(groups_found), np.int64)
    generator = np.random.default_rng(seed)
    labels_of_groups = labels[first]
    for label in sorted(set(labels_of_groups)):
        members = generator.permutation(np.flatnonzero(labels_of_groups == label))
        most = max(1, round(len(members) / SHARE)) if len(members) >= 3 else 0
        sides[members[:most]], sides[members[most : 2 * most]] = 1, 2
    return sides[of_group]
