"""Every figure that Studio promises, measured on real photos; prints one table and writes it as JSON.

    python benchmarks/studio.py [--data SHARED/data] [--only accuracy,prepare,…] [--out benchmarks/results]

The photos are `cars/images` (1,200 views of cars, the view in the file name) and the network
`mobilenetv2_100` with the weights beside them. What needs 5,000 photos takes crops and mirror images
of these.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import report
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from report import ROOT, Bench

from handlens.studio import Collection

NETWORK = "mobilenetv2_100"


class Photos(Bench):
    """The car photos, a network's weights and a scratch folder."""

    def __init__(self, data: Path, scratch: Path) -> None:
        super().__init__(data)
        self.photos = data / "cars" / "images"
        self.weights = data / "weights" / "mobilenetv2_100.imagenet.safetensors"
        self.scratch = scratch

    def collection(self, name: str, *, images: Path | None = None, network: bool) -> Collection:
        """A prepared collection, made on first use."""
        folder = self.scratch / name
        if not (folder / "collection.json").exists():
            with Collection.create(
                folder,
                images=images or self.photos,
                backbone=NETWORK if network else None,
                weights=self.weights if network else None,
            ) as made:
                made.prepare()
        return Collection.open(folder)

    def five_thousand(self) -> Path:
        """5,000 photos: the cars, mirrored and cropped a little, each different."""
        folder = self.scratch / "photos-5000"
        if not folder.exists():
            folder.mkdir()
            cars = sorted(self.photos.glob("*.jpg"))
            generator = np.random.default_rng(0)
            for i in range(5000):
                with Image.open(cars[i % len(cars)]) as opened:
                    car = opened.convert("RGB")
                if i >= len(cars):
                    left, top, right, bottom = generator.integers(0, 12, 4)
                    car = car.crop((left, top, car.width - right, car.height - bottom))
                car.save(folder / f"{cars[i % len(cars)].stem}_{i // len(cars)}.jpg", quality=90)
        return folder


def views(paths: list[str]) -> np.ndarray:
    """The true view of each car, from its file name."""
    found = [re.match(r"(.+?)_\d+", path) for path in paths]
    return np.array([match[1] if match else "" for match in found])


def accuracy(bench: Photos) -> None:
    """Accuracy on all other photos from a few random labels a class, five seeds."""
    for network, name, bars in (
        (True, NETWORK, {12: 0.88, 5: 0.79}),
        (False, "learned, no download", {12: 0.76, 5: 0.62}),
    ):
        with bench.collection(f"cars-{network}", network=network) as c:
            truth = views(c.paths)
            for a_class, bar in bars.items():
                found = []
                for seed in range(5):
                    label_at_random(c, truth, a_class, seed)
                    c.train()
                    table = c.predictions()
                    rest = table["label"].isna().to_numpy()
                    found.append(float((table["predicted"].to_numpy() == truth)[rest].mean()))
                bench.add(
                    f"accuracy on the rest, {a_class} labels a class, {name}",
                    found,
                    at_least=bar,
                    value=statistics.mean(found),
                )


def label_at_random(c: Collection, truth: np.ndarray, a_class: int, seed: int) -> None:
    """Label `a_class` random photos of each class and no others."""
    for name in c.label_names:
        c.delete(name)
    generator = np.random.default_rng(seed)
    for name in np.unique(truth):
        c.label(generator.choice(np.flatnonzero(truth == name), a_class, replace=False), str(name))


def prepare(bench: Photos) -> None:
    """The whole of prepare() over the bare forward pass of the same network, batch and precision."""
    import torch

    from handlens.studio.features import backbone_extractor
    from handlens.studio.preparation_run import BATCH

    extractor = backbone_extractor(NETWORK, weights=bench.weights)
    count = len(list(bench.photos.glob("*.jpg")))
    pictures = torch.zeros(BATCH, extractor.size, extractor.size, 3, dtype=torch.uint8).random_(255)
    extractor(pictures)
    ratios = []
    for i in range(3):
        started = time.perf_counter()
        for _ in range(-(-count // BATCH)):
            bare_forward(extractor, pictures)
        bare = (time.perf_counter() - started) * count / (-(-count // BATCH) * BATCH)
        with Collection.create(
            bench.scratch / f"prepare-{i}", images=bench.photos, backbone=NETWORK, weights=bench.weights
        ) as c:
            started = time.perf_counter()
            c.prepare()
            ratios.append((time.perf_counter() - started) / bare)
    bench.add(f"prepare() over the bare forward pass, {NETWORK}", ratios, at_most=1.6, unit="×")


def bare_forward(extractor: object, pictures: object) -> None:
    """The network alone, in the number type and so many pictures at a time as the extractor runs it."""
    from handlens.studio.features.backbones import AT_ONCE

    for part in pictures.split(AT_ONCE):  # type: ignore[attr-defined]
        extractor._run(part)  # type: ignore[attr-defined]  # the network without what we add to it


def interaction(bench: Photos) -> None:
    """Separate, train and label with 5,000 photos."""
    with bench.collection("five-thousand", images=bench.five_thousand(), network=True) as c:
        truth = views(c.paths)
        separate, train = [], []
        for seed in range(3):
            label_at_random(c, truth, 12, seed)
            c.separate(["front", "left"])  # standardisation and components are fitted once, when first looked at
            separate.append(timed(lambda: c.separate(["front", "front-left", "rear"])))
            train.append(timed(c.train))
        bench.add("separate over all layers, 5,000 photos", separate, at_most=2, unit="s")
        bench.add("train, 5,000 photos", train, at_most=5, unit="s")


def similar(bench: Photos) -> None:
    """Find similar among 100,000 photos × 864 features."""
    from handlens.studio.feature_rows import FeatureRows
    from handlens.studio.neighbours import LayerDistances
    from handlens.studio.projections import Scaling

    generator = np.random.default_rng(0)
    x = generator.standard_normal((100_000, 864), dtype=np.float32)
    finder = LayerDistances(lambda: FeatureRows(x), Scaling.of(x[:5000]))
    finder.from_centre_of(np.arange(3))
    runs = [
        1000 * timed(lambda: np.argsort(finder.from_centre_of(generator.integers(0, 100_000, 12)))) for _ in range(100)
    ]
    bench.add("similar, 100,000 × 864, p95", runs, at_most=60, unit="ms", value=float(np.percentile(runs, 95)))


def page(bench: Photos) -> None:
    """What a person feels: first map, a label on disk, frames a second, the page's weight, the server's memory."""
    built = ROOT / "src" / "handlens" / "studio" / "server" / "page"
    scripts = [len(gzip.compress(file.read_bytes())) / 1000 for file in built.rglob("*.js")]
    bench.add("scripts of the page, compressed", [sum(scripts)], at_most=500, unit="kB")

    runs = []
    network = ("--backbone", NETWORK, "--weights", str(bench.weights))
    for i in range(3):
        with browser_page("about:blank") as tab:  # a person's browser is running already
            started = time.perf_counter()
            with studio(bench.scratch / f"home-first-{i}", bench.photos, *network) as (address, _):
                tab.goto(address)
                tab.locator(".map-host canvas").first.wait_for(timeout=60_000)
                tab.locator(".middle").wait_for(state="detached", timeout=60_000)
                while sheets_missing(tab):
                    time.sleep(0.05)
                runs.append(time.perf_counter() - started)
    bench.add(f"first map in the browser after `handlens studio`, {NETWORK}", runs, at_most=12, unit="s")

    home = bench.scratch / "home-5000"
    photos = bench.five_thousand()
    with studio(home, photos, "--backbone", NETWORK, "--weights", str(bench.weights)) as (address, server):
        api = address.replace("/c/", "/api/collections/")
        while json.load(urllib.request.urlopen(api))["preparation"]["phase"] != "done":
            time.sleep(1)
        n = 5000
        runs = []
        for i in range(200):
            mask = np.zeros(n, bool)
            mask[i * 20 : i * 20 + 20] = True
            body = json.dumps({"selection": base64_mask(mask), "name": f"label {i % 8}"}).encode()
            request = urllib.request.Request(f"{api}/labels/assign", body, {"Content-Type": "application/json"})
            runs.append(1000 * timed(lambda r=request: urllib.request.urlopen(r).read()))  # type: ignore[misc]
        bench.add(
            "a label from click to durable on disk, p95",
            runs,
            at_most=50,
            unit="ms",
            value=float(np.percentile(runs, 95)),
        )
        with browser_page(address) as tab:
            tab.get_by_label("How many photos to show").select_option("all")
            while sheets_missing(tab, wanted=20):
                time.sleep(0.2)
            time.sleep(2)
            rates = [frames_while_moving(tab) for _ in range(5)]
            what = "5,000 thumbnails panned and zoomed, software GL, 1280×800"
            bench.add(what, rates, at_least=30, unit="frames/s")
        what = "memory of the server with 5,000 photos open, its peak since starting to prepare them"
        bench.add(what, [peak_memory(server)], at_most=1.5, unit="GB")
    with studio(home, photos) as (address, server), browser_page(address) as tab:
        tab.get_by_label("How many photos to show").select_option("all")
        while sheets_missing(tab, wanted=20):
            time.sleep(0.2)
        bench.add("the same for a collection reopened after preparing", [peak_memory(server)], at_most=1.5, unit="GB")


def serving(bench: Photos) -> None:
    """How soon Studio answers on one kept connection: a thumbnail, and a label while photos are prepared."""
    options = ("--backbone", NETWORK, "--weights", str(bench.weights))
    with studio(bench.scratch / "home of answers", bench.photos, *options) as (address, _):
        server, _, id = address.removeprefix("http://").partition("/c/")
        connection = http.client.HTTPConnection(server, timeout=60)

        def ask(method: str, path: str, body: str | None = None) -> bytes:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, f"/api/collections/{id}{path}", body, headers)
            return connection.getresponse().read()

        def state() -> dict[str, Any]:
            found: dict[str, Any] = json.loads(ask("GET", ""))
            return found

        while (found := state())["preparation"]["done"] < 64:
            time.sleep(0.2)
        labels = []
        for i in range(200):
            mask = np.zeros(found["count"], bool)
            mask[i % 32] = True
            body = json.dumps({"selection": base64_mask(mask), "name": f"label {i % 8}"})
            labels.append(1000 * timed(lambda b=body: ask("POST", "/labels/assign", b)))  # type: ignore[misc]
            time.sleep(0.01)
        still = state()["preparation"]["phase"] != "done"
        what = "a label on one kept connection while photos are prepared, p95"
        bench.add(
            what if still else f"{what} (preparing ended meanwhile)", labels, at_most=20, unit="ms", value=p95(labels)
        )
        while state()["preparation"]["phase"] != "done":
            time.sleep(0.5)
        thumbs = [1000 * timed(lambda i=i: ask("GET", f"/photos/{i}/thumb")) for i in range(200)]  # type: ignore[misc]
        connection.close()
    what = "a thumbnail on one kept connection, p50"
    bench.add(what, thumbs, at_most=5, unit="ms", value=statistics.median(thumbs))


def naming(bench: Photos) -> None:
    """How soon the next photo is sharp on the screen after one is named by a key, at the pace of a person."""
    options = ("--backbone", NETWORK, "--weights", str(bench.weights))
    with studio(bench.scratch / "home of names", bench.photos, *options) as (address, _), browser_page(address) as tab:
        tab.locator(".studio").wait_for(timeout=120_000)
        tab.get_by_label("Preparing", exact=True).wait_for(state="detached", timeout=300_000)
        tab.evaluate(WATCH_NAMES)
        tab.keyboard.press("j")
        for batch in range(4):
            for place in range(24):
                tab.locator(".check-photo[aria-busy=false]").wait_for()
                if batch == place == 0:
                    tab.keyboard.type("car")
                    tab.keyboard.press("Enter")
                else:
                    tab.keyboard.press("1")
                tab.wait_for_timeout(600)
            tab.locator(".check-end .filled[aria-disabled=false]").wait_for()
            tab.keyboard.press("Enter")
        waits = tab.evaluate("window.benchNamed")
    bench.add("one photo named, the next one sharp on the screen, p95", waits, at_most=150, unit="ms", value=p95(waits))


WATCH_NAMES = """() => {
  window.benchNamed = []
  let at = null
  let before = null
  addEventListener('keydown', (event) => {
    const photo = document.querySelector('.check-photo')
    if (photo && event.key === '1') [at, before] = [performance.now(), photo.dataset.photo]
  }, true)
  const look = () => {
    const photo = document.querySelector('.check-photo')
    const image = photo?.querySelector('img')
    if (!photo) at = null // the batch is done
    else if (at !== null && photo.dataset.photo !== before && image?.complete && image.src.endsWith('/view')) {
      const started = at
      at = null
      requestAnimationFrame(() => window.benchNamed.push(performance.now() - started))
    }
    requestAnimationFrame(look)
  }
  look()
}"""


def p95(values: list[float]) -> float:
    """The value that 95 of 100 are below."""
    return float(np.percentile(values, 95))


def peak_memory(server: subprocess.Popen[str]) -> float:
    """The most memory a server has held, in GB, files it has mapped included."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return int(found[1]) / 1e6


COUNT_FRAMES = """() => {
  window.benchFrames = 0
  const step = () => { window.benchFrames += 1; window.benchStep = requestAnimationFrame(step) }
  step()
}"""


def frames_while_moving(tab: Page) -> float:
    """Frames a second while a mouse drags the map about and its wheel zooms in and out, 4 seconds."""
    box = tab.locator(".map-host").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.keyboard.press("v")
    tab.mouse.move(x, y)
    tab.evaluate(COUNT_FRAMES)
    started, i = time.perf_counter(), 0
    while time.perf_counter() - started < 4:
        tab.mouse.down()
        for k in range(20):
            tab.mouse.move(x + 6 * k * (-1) ** i, y + 3 * k)
        tab.mouse.up()
        for _ in range(10):
            tab.mouse.wheel(0, -60 if i % 2 else 60)
        i += 1
    frames = tab.evaluate("() => { cancelAnimationFrame(window.benchStep); return window.benchFrames }")
    return float(frames / (time.perf_counter() - started))


def sheets_missing(tab: Page, wanted: int = 2) -> bool:
    """Whether fewer sheets of thumbnails than wanted have arrived in the page."""
    count = "() => performance.getEntriesByType('resource').filter(e => e.name.includes('/sheets/')).length"
    return bool(tab.evaluate(count) < wanted)


@contextmanager
def studio(home: Path, photos: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `handlens studio PHOTOS`; gives the address it prints."""
    command = [sys.executable, "-m", "handlens", "studio", str(photos), "--no-browser", "--port", "0", *options]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "HANDLENS_HOME": str(home)}
    )
    try:
        assert server.stdout is not None
        for text in server.stdout:
            if match := re.search(r"http://\S+/c/\S+", text):
                yield match[0], server
                break
        else:
            raise RuntimeError("handlens studio printed no address")
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def browser_page(address: str) -> Iterator[Page]:
    """A tab of headless Chromium with software GL, 1280×800."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium",
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(address)
        yield tab
        browser.close()


def base64_mask(mask: np.ndarray) -> str:
    """A selection as the API takes it."""
    import base64

    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode()


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


SECTIONS = {
    "accuracy": accuracy,
    "prepare": prepare,
    "interaction": interaction,
    "similar": similar,
    "page": page,
    "serving": serving,
    "naming": naming,
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    if not (given.data / "cars").is_dir():
        return report.fail(f"the benchmark needs the car photos in {given.data / 'cars'}; give --data")
    with tempfile.TemporaryDirectory(prefix="handlens-bench-", ignore_cleanup_errors=True) as scratch:
        return report.run("studio", Photos(given.data, Path(scratch)), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
