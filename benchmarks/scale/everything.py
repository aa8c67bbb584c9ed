"""What touches all photos: how long it takes with a million, how soon it stops when asked, and the memory it takes.

Labels, a filter's masks, exports and predictions are of made photos: a table of labels in SQLite, paths without files,
and features in a file. HANDLENS_SCALE_PHOTOS says how many (1,000,000 unless given). Memory is what the process takes
at its peak beyond what it had before; each operation is run in a process of its own.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from handlens.errors import Cancelled
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.formats import exporter_of
from handlens.studio.formats.exporting import PHOTO_COLUMNS, Export
from handlens.studio.labels import Labels
from handlens.studio.many_duplicates import candidates_among_many
from handlens.studio.near_duplicates import candidates, shrunk
from handlens.studio.pictures import tile
from handlens.studio.row_file import RowFile

DIM, CLASSES = 480, 10
SOON = 1.0
"""Seconds within which work must stop."""


class Stopping:
    """Tells the work to stop from its second call on, and how long it took from then."""

    def __init__(self, after: int) -> None:
        self.after, self.calls, self.asked = after, 0, 0.0

    def __call__(self, _done: int, _total: int) -> bool:
        self.calls += 1
        if self.calls >= self.after and not self.asked:
            self.asked = time.perf_counter()  # the work goes on until the next call sees that it is to stop
            return False
        return bool(self.asked)

    def raising(self, done: int, total: int) -> None:
        if self(done, total):
            raise Cancelled("stopped")


def peak() -> float:
    """The largest memory of this process so far, in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def photos_of(n: int) -> pd.DataFrame:
    """Half of the photos have a label, all a prediction."""
    generator = np.random.default_rng(0)
    names = pd.Index([f"label {i}" for i in range(CLASSES)], dtype="str")
    labelled = generator.random(n) < 0.5
    codes = generator.integers(0, CLASSES, n)

    def texts(values: np.ndarray, of: pd.Index) -> pd.Series:
        return pd.Series(pd.Categorical.from_codes(values, of)).astype("str")

    one = np.where(labelled, 0, -1)
    table = pd.DataFrame({"path": pd.Series([f"{i // 1000:04d}/photo {i:07d}.jpg" for i in range(n)], dtype="str")})
    table["label"] = texts(np.where(labelled, codes, -1), names)
    table["origin"], table["gesture"] = (texts(one, pd.Index([text], dtype="str")) for text in ("by hand", "lasso"))
    table["labelled_at"] = pd.to_datetime(pd.Series("2026-01-02T03:04:05Z", table.index).where(labelled), utc=True)
    table["error_at_most"], table["confidence"] = np.nan, np.nan
    table["by"] = pd.Series(None, table.index, "str")
    table["predicted"] = texts(codes, names)
    table["probability"] = generator.random(n, np.float32)
    return table[PHOTO_COLUMNS]


def export(n: int, format: str, stop: Stopping | None) -> Iterator[None]:
    """Write the labels; formats with the photos themselves are not among these, as there are no files."""
    table, exporter = photos_of(n), exporter_of(format)
    yield
    with tempfile.TemporaryDirectory() as folder:
        report = stop.raising if stop else (lambda _done, _total: None)
        exporter.write(Export("made", Path(folder), table, report=report), Path(folder) / f"out{exporter.ending}")


def predict(n: int, _: str, stop: Stopping | None) -> Iterator[None]:
    """The scores of all photos, as the quick model computes them."""
    with tempfile.TemporaryDirectory() as folder:
        rows, generator = RowFile(Path(folder) / "features.f2", DIM, np.float16), np.random.default_rng(0)
        block = generator.standard_normal((10_000, DIM), np.float32)
        for start in range(0, n, len(block)):
            rows.append(block[: n - start])
        weights = generator.standard_normal((DIM, CLASSES), np.float32)
        yield
        FeatureRows(rows).times(weights, report=stop, what="predicting")


def undo(n: int, _: str, __: Stopping | None) -> Iterator[None]:
    """One label for all photos, taken back and given again."""
    with tempfile.TemporaryDirectory() as folder:
        labels = Labels(Path(folder) / "labels.sqlite", n)
        yield
        labels.assign(np.arange(n), "everything")
        labels.undo()
        labels.redo()
        labels.close()


def likeness(n: int, _: str, stop: Stopping | None) -> Iterator[None]:
    """The step of the search for duplicates that looks through all photos, with a fifth of the photos there twice."""
    random, small = np.random.default_rng(0), np.empty((n, 16, 16), np.float16)
    for start in range(0, n, 10_000):
        end = min(start + 10_000, n)
        coarse = random.uniform(0, 255, (end - start, 4, 4)).repeat(4, 1).repeat(4, 2)
        small[start:end] = coarse + random.normal(0, 12, coarse.shape)
    small[-(n // 5) :] = small[: n // 5] + random.normal(0, 4, (n // 5, 16, 16)).astype(np.float16)
    yield
    candidates_among_many(small, report=stop or (lambda _done, _total: False))


def recall(bench: Any) -> None:
    """Of the pairs among 8,000 photos and a crop of each, how many the search in cells finds."""
    random, tiles = np.random.default_rng(0), []
    with zipfile.ZipFile(bench.data / "cars_8000" / "photos.zip") as archive:
        photos = [archive.read(at) for at in sorted(archive.namelist()) if at.endswith(".jpg")]
    for content in photos:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        wide, high = picture.width * 0.95, picture.height * 0.95
        left, top = random.uniform(0, 0.05, 2) * picture.size
        crop = picture.crop((round(left), round(top), round(left + wide), round(top + high)))
        tiles.append(np.stack([tile(picture), tile(crop)]))
    small = shrunk(np.concatenate(tiles), 16).astype(np.float16)
    started = time.process_time()
    exact = {tuple(pair) for pair in candidates(small, report=lambda _done, _total: False).tolist()}
    bench.add(f"all of {len(small):,} pictures compared, processor time", [time.process_time() - started], unit="s")
    started = time.process_time()
    found = {tuple(pair) for pair in candidates_among_many(small, report=lambda _done, _total: False).tolist()}
    bench.add("… looked for in cells, processor time", [time.process_time() - started], unit="s")
    bench.add(f"… share of the {len(exact):,} pairs that cells find", [len(found & exact) / len(exact)])
    crops = {(i, i + 1) for i in range(0, len(small), 2)}
    share = len(found & crops) / max(1, len(exact & crops))
    bench.add("… share of the crops that comparing all finds", [share], at_least=0.99)


OPERATIONS = [
    *((f"export as {format}", export, format) for format in ("csv", "spreadsheet", "parquet", "croissant")),
    *((f"export as {format}", export, format) for format in ("label-studio", "fiftyone", "coco")),
    ("predict", predict, ""),
    ("label all, undo, redo", undo, ""),
    ("look for duplicates", likeness, ""),
]


def measured(which: int, n: int, stopped: bool) -> tuple[float, float, float, float]:
    """Run one operation in this process: seconds, of them those after it was asked to stop, and GB of memory."""
    _, operation, what = OPERATIONS[which]
    stop = Stopping(3) if stopped else None
    work = operation(n, what, stop)
    next(work)
    before, begun = peak(), time.perf_counter()
    with suppress(Cancelled):
        next(work, None)
    ended = time.perf_counter()
    asked = ended - stop.asked if stop and stop.asked else float("nan")
    return ended - begun, asked, peak() - before, peak()


def run(bench) -> None:
    """Each operation to its end, and stopped."""
    recall(bench)
    n = int(os.environ.get("HANDLENS_SCALE_PHOTOS", "1_000_000"))
    for which, (name, operation, _) in enumerate(OPERATIONS):
        for stopped in (False, True):
            if operation is undo and stopped:
                continue
            command = [sys.executable, __file__, str(which), str(n), "1" if stopped else ""]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, asked, more, whole = json.loads(done.stdout)
            if stopped:
                bench.add(f"{name}, {n:,}: stops after", [asked], at_most=SOON, unit="s")
            else:
                bench.add(f"{name}, {n:,}", [seconds], unit="s")
                bench.add("    memory beyond that of the table", [more], unit="GB")
                bench.add("    the whole process, peak", [whole], at_most=2, unit="GB")


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), int(sys.argv[2]), bool(sys.argv[3]))))
