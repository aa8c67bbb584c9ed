"""Draws the first picture of README.md: Studio with a model that was checked.

    python docs/studio_picture.py FOLDER

FOLDER is empty; the built-in vehicles are written there, prepared, labelled, and checked by somebody who knows the
truth. It needs Chromium, as the tests of the page do.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from handlens.studio import Collection
from handlens.studio.builtin import truth, write_builtin

PICTURE = Path(__file__).resolve().parent / "images" / "studio.png"
GESTURES, EACH = 2, 5
"""How often each angle is labelled, and how many photos at a time."""
CHECKED = 90
"""Random photos that are checked."""


def main(folder: Path) -> None:
    """Make the collection, and photograph its page."""
    home = folder / "home"
    write_builtin("vehicles", folder / "vehicles")
    label(home / "collections" / "vehicles", folder / "vehicles")
    command = [sys.executable, "-c", "from handlens.cli import app; app()", "studio", "--no-browser", "--port", "0"]
    environment = {**os.environ, "HANDLENS_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        photograph(address(folder / "log"))
    finally:
        server.terminate()
        server.wait()
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


def label(folder: Path, photos: Path) -> None:
    """Label some photos of each angle, train, check, and train again."""
    angles = truth("vehicles")
    with Collection.create(folder, images=photos, name="Vehicles from eight angles") as collection:
        collection.prepare()
        for name in dict.fromkeys(sorted(angles)):
            ids = [id for id, angle in enumerate(angles) if angle == name]
            for start in range(0, GESTURES * EACH, EACH):
                collection.label(ids[start : start + EACH], name)
        collection.train()
        for id in collection.draw_spot_check(CHECKED).tolist():
            collection.answer_spot_check(id, angles[id])
        collection.train()


def address(log: Path) -> str:
    """The address that the server prints."""
    until = time.monotonic() + 120
    while not (found := re.search(r"http://\S+", log.read_text())):
        if time.monotonic() > until:
            sys.exit(log.read_text())
        time.sleep(0.2)
    return found[0]


def photograph(url: str) -> None:
    """Save what the page shows."""
    with sync_playwright() as playwright:
        chromium = os.environ.get("HANDLENS_CHROMIUM") or shutil.which("chromium")
        arguments = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 880}, color_scheme="light")
        page.goto(f"{url.rstrip('/')}/c/vehicles")
        settle(page)
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.convert("RGB").quantize(256).save(PICTURE, optimize=True)
        browser.close()


def settle(page: Page) -> None:
    """Wait until the map and the light table are there."""
    page.locator(".studio").wait_for()
    page.locator(".map-pane[aria-busy=false]").wait_for(timeout=120_000)
    page.locator(".history").wait_for()
    page.locator(".cell.best").wait_for(timeout=120_000)
    # The small maps arrive one by one, those of labels last.
    page.locator(".cell[aria-label*='All labels apart'] canvas").nth(9).wait_for(timeout=120_000)
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
