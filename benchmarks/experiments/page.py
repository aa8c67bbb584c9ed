"""How long a person waits for the page with 10,000 runs of 15 epochs each, in a browser without a graphics card."""

from __future__ import annotations

import importlib.util
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import report
from faults.campaign import Campaign
from playwright.sync_api import Browser, Page, sync_playwright

NAME = "huge"
SEEDS, EPOCHS = 4, 15
SERVE = """
import sys
from pathlib import Path
from handlens.experiments.server.run import serve
from handlens.experiments.store import Place
serve(Place.of(Path(sys.argv[1])), port=0, browser=False)
"""

TABLE = "document.querySelector('.runs-view [role=row] ~ [role=row], .runs-view tbody tr')"
GRAPH = """(() => {
  const canvas = document.querySelector('.pivot td canvas')
  if (!canvas || canvas.width === 0) return false
  const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
  return bytes.some((byte) => byte > 0)
})()"""
LINES = "document.querySelector('canvas.lines')"

PAINTED = """
(() => {
  window.benchPainted = null
  const look = () => {
    if (!(%s)) return requestAnimationFrame(look)
    // After the frame that shows it.
    requestAnimationFrame(() => setTimeout(() => { window.benchPainted = performance.now() }))
  }
  requestAnimationFrame(look)
})()
"""

CHANGES = """() => {
  window.benchChanges = []
  let at = null
  let before = ''
  const caption = () => document.querySelector('.pivot caption')?.textContent
  addEventListener('click', (event) => {
    if (event.target.closest('[role=menuitem]')) [at, before] = [performance.now(), caption()]
  }, true)
  const look = () => {
    if (at !== null && caption() && caption() !== before) {
      const started = at
      at = null
      requestAnimationFrame(() => setTimeout(() => window.benchChanges.push(performance.now() - started)))
    }
    requestAnimationFrame(look)
  }
  look()
}"""

FRAMES = """() => {
  window.benchFrames = []
  let before = performance.now()
  const step = (now) => { window.benchFrames.push(now - before); before = now; requestAnimationFrame(step) }
  requestAnimationFrame(step)
}"""


def page(campaign: Campaign) -> None:
    """First paint, a change of the pivot, and brushing, with 10,000 runs."""
    folder = campaign.folder("page")
    runs = make_huge(folder, campaign.count(2500, least=25))
    what = f"{runs:,} runs of {EPOCHS} epochs"
    again = campaign.count(7, least=2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium",
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        first = {"table of runs": ("runs", TABLE), "pivot with its graphs": ("pivot", GRAPH)}
        for name, (view, painted) in first.items():
            fresh, warm = [], []
            for _ in range(again):
                with serving(folder) as address:
                    fresh.append(first_paint(browser, f"{address}/{NAME}/{view}", painted))
                    warm.append(first_paint(browser, f"{address}/{NAME}/{view}", painted))
            campaign.add(f"first paint of the {name}, {what}, server just started", fresh, at_most=2, unit="s")
            campaign.add("… the server has them in memory", warm, at_most=2, unit="s")
        with serving(folder) as address:
            changes = pivot_changes(browser, f"{address}/{NAME}/pivot?row=layers&row=emb_drop&column=bn_cont", again)
            campaign.add(
                f"change of the pivot, {what}, from the click to the new table", changes, at_most=200, unit="ms"
            )
            frames = brushing(browser, f"{address}/{NAME}/parallel", again)
            what = f"parallel coordinates: a frame while a brush is dragged over {runs:,} lines"
            campaign.add(what, frames, at_most=50, unit="ms", value=statistics.median(frames))
        browser.close()


def make_huge(folder: Path, combinations: int) -> int:
    """A random search over six choices, each combination with four seeds; returns how many runs it has."""
    made = _made_studies()
    random = np.random.default_rng(0)
    chosen = [
        {
            "layers": [[1000, 500], [200, 100], [500, 250, 100]][random.integers(3)],
            "emb_drop": [0.0, 0.04, 0.2][random.integers(3)],
            "ps": float(random.uniform(0, 0.5)),
            "rate": float(10 ** random.uniform(-4, -2)),
            "bn_cont": bool(random.integers(2)),
            "wd": [0.0, 0.01, 0.1][random.integers(3)],
        }
        for _ in range(combinations)
    ]

    def value(choices: Mapping[str, Any], seed: int) -> float:
        good = 0.02 * (choices["emb_drop"] != 0.04) + 0.03 * abs(np.log10(choices["rate"]) + 3)
        return 0.1 + good + 0.02 * choices["ps"] + 0.002 * seed

    made.make_study(folder, chosen, value, name=NAME, seeds=range(SEEDS), epochs=EPOCHS, metric="exp_rmspe")
    return combinations * SEEDS


def _made_studies() -> Any:
    """The module of the tests that writes studies into the record."""
    file = report.ROOT / "tests" / "experiments" / "made_studies.py"
    spec = importlib.util.spec_from_file_location("made_studies", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server of the folder that has read nothing yet; gives the address of its page."""
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for text in server.stdout:
            if match := re.search(r"http://\S+/experiments", text):
                yield match[0]
                break
        else:
            raise RuntimeError("the server printed no address")
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def _tab(browser: Browser) -> Iterator[Page]:
    """A tab that has nothing in its cache, 1280×800; what is waited for is evaluated, which the page itself may not."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    yield tab
    context.close()


def first_paint(browser: Browser, address: str, painted: str) -> float:
    """Seconds from the navigation to the frame that shows it."""
    with _tab(browser) as tab:
        tab.add_init_script(PAINTED % painted)
        tab.goto(address, wait_until="commit")
        tab.wait_for_function("window.benchPainted !== null", timeout=60_000)
        return float(tab.evaluate("window.benchPainted")) / 1000


def pivot_changes(browser: Browser, address: str, again: int) -> list[float]:
    """Milliseconds from a click that puts a choice into the columns, or takes it out, to the new table."""
    with _tab(browser) as tab:
        tab.add_init_script(PAINTED % GRAPH)
        tab.goto(address)
        tab.wait_for_function("window.benchPainted !== null", timeout=60_000)
        tab.evaluate(CHANGES)
        done = 0
        for _ in range(again):
            for name in ("wd", "rate"):
                for menu, item in (
                    (tab.get_by_role("button", name="Add to columns"), name),
                    (_chip(tab, name), "Remove"),
                ):
                    menu.click()
                    tab.get_by_role("menuitem", name=item, exact=True).click()
                    done += 1
                    tab.wait_for_function(f"window.benchChanges.length === {done}", timeout=60_000)
                    tab.wait_for_timeout(300)
        return list(map(float, tab.evaluate("window.benchChanges")))


def _chip(tab: Page, name: str) -> Any:
    return tab.get_by_role("group", name="Columns", exact=True).get_by_role("button", name=name, exact=True)


def brushing(browser: Browser, address: str, again: int) -> list[float]:
    """Milliseconds of each frame while a mouse drags a brush up and down the axis of the rate."""
    with _tab(browser) as tab:
        tab.add_init_script(PAINTED % LINES)
        tab.goto(address)
        tab.wait_for_function("window.benchPainted !== null", timeout=60_000)
        box = tab.locator("[data-axis=rate] .grab").bounding_box()
        assert box is not None
        x, top, height = box["x"] + box["width"] / 2, box["y"], box["height"]
        frames: list[float] = []
        for _ in range(again):
            tab.mouse.move(x, top + 0.3 * height)
            tab.mouse.down()
            tab.mouse.move(x, top + 0.5 * height)
            tab.evaluate(FRAMES)
            for step in range(60):
                tab.mouse.move(x, top + height * (0.5 + 0.2 * np.sin(step / 5)))
                tab.wait_for_timeout(16)
            frames += map(float, tab.evaluate("window.benchFrames"))
            tab.mouse.up()
            tab.mouse.click(x, top + 2)
        return frames
