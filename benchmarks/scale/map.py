"""The map of 10,000, 100,000 and 1,000,000 made photos, panned and zoomed in headless Chromium without a graphics card.

The page's own map and the server's own squares are measured; places and pictures are made, and a small server hands
them out. The page's packages must be installed (`python hatch_build.py page`). HANDLENS_MAP_COUNTS gives other numbers
of photos, HANDLENS_MAP_SHOTS a folder for pictures of what is drawn.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from handlens.studio.map_tiles import Look, PlacedPhotos, square

if TYPE_CHECKING:
    from report import Bench

WEB = Path(__file__).resolve().parents[2] / "src" / "handlens" / "studio" / "web"
COUNTS = (10_000, 100_000, 1_000_000)
BARS = {100_000: 30, 1_000_000: 20}

PAGE = """<!doctype html><meta charset="utf-8"><style>html,body,#host{margin:0;width:100%;height:100%}</style>
<div id="host"></div><script type="module">
import { MapView } from '/map.js'
const count = COUNT
const xy = new Float32Array(await (await fetch('/places')).arrayBuffer())
const aspect = new Float32Array(await (await fetch('/aspects')).arrayBuffer())
const order = Int32Array.from({ length: count }, (_, i) => i)
const nothing = () => {}
const map = new MapView(document.getElementById('host'), { count, order, aspect }, {
  sheet: (k) => `/tiles?rows=${Array.from({ length: Math.min(256, count - 256 * k) }, (_, i) => 256 * k + i)}&full=1`,
  tiles: (rows) => `/tiles?rows=${rows}`,
  thumb: (id) => `/thumb?id=${id}`,
  square: ({ z, x, y }, look) => `/square?at=${z},${x},${y}&` + new URLSearchParams(look),
}, { select: (mask) => { window.picked = mask.reduce((n, v) => n + v, 0) }, clear: nothing, pick: nothing,
     hover: nothing, open: nothing, camera: nothing, boxed: nothing, moving: (on) => { window.moves = on } })
map.setTheme(new URLSearchParams(location.search).has('dark'))
map.setPrepared(count)
map.setShown(new Uint8Array(count).fill(1))
map.setPositions(xy, false)
map.fit()
window.map = map
</script>"""

# Frames while the map is moved by a hand: a step in each frame, as the browser gives them.
MOVE = """([dx, dy, factor, frames]) => new Promise((done) => {
  const times = []
  const step = (now) => {
    times.push(now)
    if (times.length > frames) return done(times.slice(1).map((t, i) => t - times[i]))
    const { x, y, zoom } = map.camera
    map.camera = { x: x + dx / zoom, y: y + dy / zoom, zoom: zoom * factor }
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
})"""

LASSO = """() => {
  const polygon = []
  for (let i = 0; i < 200; i++) {
    const wide = 0.6 + 0.1 * Math.sin(i)
    polygon.push(wide * Math.cos(i * Math.PI / 100), wide * Math.sin(i * Math.PI / 100))
  }
  const took = [0, 1, 2, 3, 4].map(() => {
    const begun = performance.now()
    map.choice.within(polygon)
    return performance.now() - begun
  })
  const hit = performance.now()
  for (let i = 0; i < 20; i++) map.photoAt(100 + 50 * i, 400)
  return [took, (performance.now() - hit) / 20]
}"""


def places(count: int) -> np.ndarray:
    """Places in 60 groups of unequal width, float32 [count, 2]."""
    random = np.random.default_rng(0)
    centres, widths = random.uniform(-0.85, 0.85, (60, 2)), random.uniform(0.01, 0.12, 60)
    group = random.integers(0, 60, count)
    return (centres[group] + random.normal(size=(count, 2)) * widths[group, None]).clip(-1, 1).astype(np.float32)


def pictures(rows: np.ndarray, side: int) -> np.ndarray:
    """A made picture for each row: a disc on a ground, in colours of its own; uint8 [n, side, side, 3]."""
    rows = np.asarray(rows, np.int64)
    ground = ((rows[:, None] * [7919, 104_729, 1_299_709]) % 150 + 60).astype(np.uint8)
    disc = ((rows[:, None] * [15_485_863, 32_452_843, 49_979_687]) % 220 + 20).astype(np.uint8)
    at = (np.arange(side) + 0.5) / side - 0.5
    inside = at[:, None] ** 2 + at[None] ** 2 < 0.09
    return np.where(inside[None, :, :, None], disc[:, None, None], ground[:, None, None]).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    """The pixels as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85, subsampling=0)
    return out.getvalue()


def tiles(rows: list[int], lines: int) -> bytes:
    """Tiles of rows, 16 a line."""
    canvas = np.zeros((16 * lines, 64, 64, 3), np.uint8)
    canvas[: len(rows)] = pictures(np.array(rows), 64)
    return jpeg(canvas.reshape(lines, 16, 64, 64, 3).swapaxes(1, 2).reshape(64 * lines, 1024, 3))


@contextmanager
def served(count: int, script: bytes) -> Iterator[str]:
    """The page of a map of so many photos."""
    xy, aspects = places(count), np.random.default_rng(1).choice([1.5, 0.67, 1.0], count).astype(np.float32)
    placed = PlacedPhotos(xy, aspects)

    @cache
    def one(at: str, look: Look) -> bytes:
        z, x, y = map(int, at.split(","))
        found = square(placed, (z, x, y), look, pictures)
        return b"" if found is None else jpeg(found)

    def rgb(text: str) -> tuple[int, int, int]:
        red, green, blue = bytes.fromhex(text)
        return red, green, blue

    def answer(path: str, given: dict[str, str]) -> tuple[bytes, str]:
        if path == "/map.js":
            return script, "text/javascript"
        if path == "/places":
            return xy.tobytes(), "application/octet-stream"
        if path == "/aspects":
            return aspects.tobytes(), "application/octet-stream"
        if path == "/tiles":
            rows = [int(row) for row in given["rows"].split(",")]
            return tiles(rows, 16 if "full" in given else -(-len(rows) // 16)), "image/jpeg"
        if path == "/thumb":
            return jpeg(pictures(np.array([int(given["id"])]), 256)[0]), "image/jpeg"
        if path == "/square":
            line = rgb(given["line"]) if "line" in given else None
            shape = (int(given["side"]), int(given["stretch"]), int(given["reach"]), int(given["shown"]))
            return one(given["at"], Look(*shape, rgb(given["ground"]), line)), "image/jpeg"
        return PAGE.replace("COUNT", str(count)).encode(), "text/html"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            content, kind = answer(address.path, {k: v[0] for k, v in parse_qs(address.query).items()})
            self.send_response(200 if content else 204)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def bundle() -> bytes:
    """The page's map as one script."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "map.js"
        rolldown = WEB / "node_modules" / ".bin" / "rolldown"
        subprocess.run(
            [rolldown, "src/map/index.ts", "--format", "esm", "-o", script], cwd=WEB, check=True, timeout=120
        )
        return script.read_bytes()


@contextmanager
def browser_page(**context: Any) -> Iterator[Page]:
    """A page in headless Chromium that draws without a graphics card."""
    software = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=software)
        yield chromium.new_page(viewport={"width": 1280, "height": 800}, **context)
        chromium.close()


def browser_seconds() -> float:
    """Seconds that the processes begun by this one have taken, on all cores, whatever else the machine does."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split() if folder.name.isdigit() else []
        except OSError:
            continue  # it has ended
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            seconds[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total, rest = 0.0, children.get(os.getpid(), [])
    while rest:
        process = rest.pop()
        total += seconds[process]
        rest += children.get(process, [])
    return total


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the map, if a folder is given."""
    if folder := os.environ.get("HANDLENS_MAP_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def run(bench: Bench) -> None:
    """Frames a second, memory, and how long a lasso takes."""
    script = bundle()
    given = os.environ.get("HANDLENS_MAP_COUNTS")
    for count in [int(n) for n in given.split(",")] if given else COUNTS:
        with served(count, script) as address, browser_page() as page:
            page.goto(address, timeout=120_000)
            page.wait_for_function("() => window.map", timeout=120_000)
            page.wait_for_timeout(12_000)
            shoot(page, f"{count}-far")
            times: list[float] = []
            before = browser_seconds()
            for move in ((0.01, 0, 1, 60), (0, 0, 1.02, 120), (-0.01, 0.005, 1, 60), (0, 0, 1 / 1.02, 100)):
                times += page.evaluate(MOVE, list(move))
            busy = 1000 * (browser_seconds() - before) / len(times)
            rates = [1000 / took for took in times]
            slowest = 1000 / statistics.quantiles(times, n=20)[-1]
            bar = BARS.get(count)
            bench.add(f"map of {count:,}: frames a second, median", rates, at_least=bar, value=statistics.median(rates))
            bench.add("… of the slowest 5 %", rates, value=slowest)
            bench.add("… time of all cores for a frame, in all of the browser", [busy], unit="ms")
            took, hit = page.evaluate(LASSO)
            bench.add("… lasso about a third of the photos", took, at_most=50, unit="ms")
            bench.add("… photo under the pointer", [hit], at_most=50, unit="ms")
            bench.add("… memory of the page", [page.evaluate("performance.memory.usedJSHeapSize") / 2**20], unit="MiB")
            stats = page.evaluate("map.stats()")
            bench.add("… textures", [stats["textureBytes"] / 2**20], unit="MiB")
            for name, zoom in (("middle", 8), ("near", 60)):
                page.evaluate("([x, y, zoom]) => { map.camera = { x, y, zoom } }", [*places(count)[0].tolist(), zoom])
                page.wait_for_timeout(6_000)
                shoot(page, f"{count}-{name}")
