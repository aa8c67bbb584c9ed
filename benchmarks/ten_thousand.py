"""How long people wait with 10,000 photos; prints one table and writes it as JSON.

    python benchmarks/ten_thousand.py [--data SHARED/data] [--work FOLDER] [--only library,page,naming] [--out FOLDER]

The photos are those of `cars_8000` and the first of `flowers` that make 10,000 with them. They are prepared once with
EfficientNet-Lite0 and kept in `--work`; 1,000 random ones are labelled car or flower. The page shows all of them on the
map, in headless Chromium without a graphics card, where a person's browser usually has one.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import report
from playwright.sync_api import Page
from report import Bench
from studio import WATCH_NAMES, browser_page, p95, studio, timed

from handlens.errors import Cancelled
from handlens.studio import Collection
from handlens.studio.filters import label, predicted, sureness

NETWORK = "tf_efficientnet_lite0"
PHOTOS = 10_000
LABELS = 1_000
TURNS = 40
"""How often each thing is done in the page."""


class TenThousand(Bench):
    """The photos, and a prepared collection of them that is never labelled itself."""

    def __init__(self, data: Path, work: Path) -> None:
        super().__init__(data)
        self.photos, self.folder = work / "photos" / "ten thousand", work / "ten thousand"

    def prepare(self) -> None:
        """Write the photos and compute their features, unless that is done."""
        weights = self.data / "weights" / f"{NETWORK}.imagenet.safetensors"
        if not (self.folder / "collection.json").exists():
            if not self.photos.exists():
                self._write()
            Collection.create(self.folder, images=self.photos, backbone=NETWORK, weights=weights).close()
        with Collection.open(self.folder) as collection:
            collection.prepare()

    def _write(self) -> None:
        """Unpack the photos that can be used: exact copies are left out by every collection."""
        with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch:
            found = Path(scratch) / "photos"
            for name, source in (("cars", "cars_8000"), ("flowers", "flowers")):
                with zipfile.ZipFile(self.data / source / "photos.zip") as archive:
                    archive.extractall(found / name)
            with Collection.create(Path(scratch) / "collection", images=found, backbone=None) as scanned:
                usable = sorted(scanned.paths)[:PHOTOS]  # cars come first
            for path in usable:
                (self.photos / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(found / path, self.photos / path)

    @contextmanager
    def copy(self) -> Iterator[tuple[Path, Path]]:
        """A home of Studio with a labelled copy of the collection: the folders of both."""
        with tempfile.TemporaryDirectory(prefix="handlens-bench-", ignore_cleanup_errors=True) as scratch:
            home = Path(scratch)
            folder = home / "collections" / "ten-thousand"
            shutil.copytree(self.folder, folder, ignore=lambda at, _: ["cache"] if Path(at) == self.folder else [])
            (folder / "cache").symlink_to((self.folder / "cache").resolve())
            with Collection.open(folder) as collection:
                chosen = np.random.default_rng(0).permutation(len(collection.paths))[:LABELS]
                for name in ("car", "flower"):
                    own = [i for i in chosen.tolist() if collection.paths[i].startswith(name)]
                    collection.label(own, name)
            yield home, folder


def library(bench: TenThousand) -> None:
    """Training, separating, arranging, filtering and suggesting, called from Python."""
    with bench.copy() as (_, folder), Collection.open(folder) as collection:
        bench.add("train, 1,000 labels", [timed(collection.train) for _ in range(5)], at_most=5, unit="s")
        runs = [timed(lambda: collection.separate(["car", "flower"])) for _ in range(5)]
        bench.add("separate", runs, at_most=5, unit="s")
        unsure = (label("car") | predicted("flower")) & ~sureness(at_least=0.9)
        runs = [1000 * timed(lambda: collection.where(unsure)) for _ in range(TURNS)]
        bench.add("a filter of three conditions, p95", runs, unit="ms", value=p95(runs))
        bench.add("suggest 24 photos", [timed(lambda: collection.next(24)) for _ in range(5)], unit="s")
        seconds = [cancelled(collection, after) for after in (0.5, 1, 2, 4)]
        bench.add("neighbours: from cancelling to the end", seconds, at_most=1, unit="s", value=max(seconds))
        layer = collection.layers[-1]
        bench.add("neighbours, one map", [timed(lambda: collection.map(layer, "neighbours"))], unit="s")


def cancelled(collection: Collection, after: float) -> float:
    """Seconds from cancelling an arrangement of neighbours to its end."""
    cancel = threading.Event()
    asked = []

    def stop() -> None:
        asked.append(time.perf_counter())
        cancel.set()

    timer = threading.Timer(after, stop)
    timer.start()
    try:
        collection.map(collection.layers[-1], "neighbours", cancel=cancel)
    except Cancelled:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    raise RuntimeError("the map was made before it was cancelled")


def page(bench: TenThousand) -> None:
    """Labels, undo, filters and colours: from the key or the click to the first frame that shows it."""
    with bench.copy() as (home, folder):
        with Collection.open(folder) as collection:
            collection.train()
        with opened(bench, home) as tab:
            tab.get_by_label("How many photos to show").select_option("all")
            tab.wait_for_timeout(4000)
            tab.evaluate(WATCH_MAP)
            labels, undos = [], []
            for turn in range(TURNS):
                tab.evaluate(SELECT, 20 * turn)
                tab.wait_for_timeout(400)
                labels.append(shown(tab, lambda: tab.keyboard.press("1"), "setColours"))
                tab.wait_for_timeout(800)
                undos.append(shown(tab, lambda: tab.keyboard.press("Control+z"), "setColours"))
                tab.wait_for_timeout(400)
            bench.add("page: 20 photos labelled by a key, p95", labels, at_most=200, unit="ms", value=p95(labels))
            bench.add("page: undone by a key, p95", undos, at_most=200, unit="ms", value=p95(undos))
            colours, by = [], tab.get_by_label("Colour by")
            for turn in range(TURNS):
                choice = ("Sureness", "Prediction", "Label")[turn % 3]
                colours.append(shown(tab, partial(by.select_option, label=choice), "setColours"))
                tab.wait_for_timeout(400)
            bench.add("page: coloured by something else, p95", colours, at_most=200, unit="ms", value=p95(colours))
            tab.keyboard.press("i")
            tab.get_by_role("button", name="Condition", exact=True).click()
            tab.get_by_role("menuitem", name="Label", exact=True).click()
            filters = []
            for turn in range(TURNS):
                box = tab.get_by_role("checkbox", name=("car", "flower")[turn % 2], exact=True)
                filters.append(shown(tab, box.click, "setShown"))
                tab.wait_for_timeout(400)
            bench.add("page: selected by a filter, p95", filters, at_most=200, unit="ms", value=p95(filters))


def naming(bench: TenThousand) -> None:
    """One photo named by a key, the next one sharp on the screen, at the pace of a person."""
    with bench.copy() as (home, _), opened(bench, home) as tab:
        tab.evaluate(WATCH_NAMES)
        tab.keyboard.press("j")
        for _ in range(4):
            for _ in range(24):
                tab.locator(".check-photo[aria-busy=false]").wait_for()
                tab.keyboard.press("1")
                tab.wait_for_timeout(600)
            tab.locator(".check-end .filled[aria-disabled=false]").wait_for()
            tab.keyboard.press("Escape")
            tab.keyboard.press("j")
        waits = tab.evaluate("window.benchNamed")
    what = "page: one photo named, the next one sharp, p95"
    bench.add(what, waits, at_most=150, unit="ms", value=p95(waits))
    bench.add("… median", waits, unit="ms", value=statistics.median(waits))


WATCH_MAP = """() => {
  const map = document.querySelector('.map-host').map
  for (const kind of ['keydown', 'pointerdown', 'change']) {
    addEventListener(kind, () => { window.benchStarted = performance.now() }, true)
  }
  for (const name of ['setColours', 'setShown']) {
    const set = map[name].bind(map)
    map[name] = (...given) => {
      set(...given)
      if (window.benchWaits !== name) return
      window.benchWaits = null
      // The map draws in the next frame, and after that frame a message arrives.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => { window.benchTook = performance.now() - window.benchStarted }
        port2.postMessage(null)
      })
    }
  }
}"""

SELECT = """(from) => {
  const map = document.querySelector('.map-host').map
  const photos = Uint8Array.from({ length: map.photos.count }, (_, id) => (id >= from && id < from + 20 ? 1 : 0))
  map.events.select(photos, 'replace', 'lasso')
}"""


def shown(tab: Page, act: Callable[[], object], by: str) -> float:
    """Milliseconds from what a person does to the first frame after the map was told of it."""
    tab.evaluate("(by) => { window.benchTook = null; window.benchWaits = by }", by)
    act()
    return float(tab.wait_for_function("() => window.benchTook").json_value())


@contextmanager
def opened(bench: TenThousand, home: Path) -> Iterator[Page]:
    """The copy of the collection in a browser."""
    with studio(home, bench.photos) as (address, _), browser_page(address) as tab:
        tab.locator(".map-host canvas").first.wait_for()
        tab.wait_for_timeout(8000)  # the small maps are fetched one after another
        yield tab


SECTIONS = {"library": library, "page": page, "naming": naming}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    work = report.ROOT / "benchmarks" / "work"

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=work, help="folder that keeps the prepared photos")

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "flowers").is_dir():
        return report.fail(f"the benchmark needs cars_8000 and flowers in {given.data}; give --data")
    bench = TenThousand(given.data, given.work)
    bench.prepare()
    return report.run("ten_thousand", bench, SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
