"""How long it takes to import many labels: the plan, and all of it in one change; prints one table.

    python benchmarks/importing.py [--only csv,parquet,coco] [--photos 100000] [--out FOLDER]

A collection of made photos gets a label for each from one file. Such a photo is a picture of 8×8 pixels with its number
after the end of the picture, so that no two files are the same; importing labels opens none of them.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import report
from PIL import Image
from report import Bench

from handlens.studio import Collection

RUNS, CLASSES = 5, 100


class Photos(Bench):
    """A collection of made photos in a temporary folder."""

    def __init__(self, data: Path, folder: Path, photos: int) -> None:
        super().__init__(data)
        self.folder, self.photos = folder, photos
        picture = io.BytesIO()
        Image.new("L", (8, 8)).save(picture, "PNG")
        for number in range(photos):
            file = folder / "photos" / f"{number // 1000:03}" / f"{number:06}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture.getvalue() + str(number).encode())
        self.collection = Collection.create(folder / "collection", images=folder / "photos", backbone=None)
        self.labels = [f"class {number % CLASSES}" for number in range(photos)]

    def measure(self, what: str, file: Path) -> None:
        """Plan and import a file several times, and take it back each time."""
        times, busy = [], []
        for _ in range(RUNS):
            started, before = time.perf_counter(), time.process_time()
            done = self.collection.import_labels(self.collection.plan_import(file))
            times.append(time.perf_counter() - started)
            busy.append(time.process_time() - before)
            assert done.imported == self.photos, str(done)
            self.collection.undo()
            assert self.collection.labels.isna().all()
        self.add(f"{self.photos:,} labels from {what}, plan and import", times, at_most=5, unit="s")
        self.add("of it, processor time", busy, unit="s")


def csv(bench: Photos) -> None:
    """A CSV with a column of paths, one of labels and two others."""
    table = pd.DataFrame({"path": bench.collection.paths, "site": "north", "label": bench.labels, "number": 1})
    table.to_csv(bench.folder / "labels.csv", index=False)
    bench.measure("CSV", bench.folder / "labels.csv")


def parquet(bench: Photos) -> None:
    """The same as Parquet."""
    table = pd.DataFrame({"path": bench.collection.paths, "site": "north", "label": bench.labels, "number": 1})
    table.to_parquet(bench.folder / "labels.parquet")
    bench.measure("Parquet", bench.folder / "labels.parquet")


def coco(bench: Photos) -> None:
    """A COCO file with an annotation for each photo."""
    paths = bench.collection.paths
    body = {
        "images": [{"id": i, "file_name": path, "width": 8, "height": 8} for i, path in enumerate(paths)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": i % CLASSES, "bbox": [1, 1, 4, 4]} for i in range(len(paths))
        ],
        "categories": [{"id": i, "name": f"class {i}"} for i in range(CLASSES)],
    }
    (bench.folder / "labels.json").write_text(json.dumps(body))
    bench.measure("COCO", bench.folder / "labels.json")


SECTIONS: dict[str, Callable[[Photos], None]] = {"csv": csv, "parquet": parquet, "coco": coco}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--photos", type=int, default=100_000, help="photos of the collection")

    given = report.options(__doc__ or "", SECTIONS, more)
    with tempfile.TemporaryDirectory() as folder:
        bench = Photos(given.data, Path(folder), given.photos)
        try:
            return report.run("importing", bench, SECTIONS, given)
        finally:
            bench.collection.close()


if __name__ == "__main__":
    sys.exit(main())
