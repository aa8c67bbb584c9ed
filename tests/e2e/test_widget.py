"""The widget in JupyterLab: selected on the map and read in Python, and labels from both sides."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import jupyterlab
import pytest
from playwright.sync_api import Browser, Page, expect

from handlens.studio.builtin import write_builtin
from handlens.studio.collection import Collection
from tests.e2e.conftest import SLOW, STARTING

SIZES = (("wide", 1280, 800), ("narrow", 390, 844))

CELL = """\
import time
from handlens.studio import Collection
collection = Collection.open("my-digits")
widget = collection.widget()
def note(change):
    with open("heard.txt", "a") as file:
        print(time.time(), *change["new"].tolist(), file=file)
widget.observe(note, "selection")
widget
"""


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a prepared collection of 300 digits and a notebook that shows its widget."""
    folder = tmp_path_factory.mktemp("notebooks")
    write_builtin("digits", folder / "all")
    (folder / "digits").mkdir()
    for file in sorted((folder / "all").rglob("*.png"))[::6][:300]:
        shutil.copy(file, folder / "digits" / file.name)
    with Collection.create(folder / "my-digits", images=folder / "digits", backbone=None) as collection:
        collection.prepare()
        collection.label(range(30), "seen before")
    cells = [CELL, "print('read:', widget.selection.dtype, len(widget.selection))", "collection.label([40], 'typed')"]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {"cell_type": "code", "id": str(i), "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
            for i, cell in enumerate(cells)
        ],
    }
    (folder / "map.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def lab(notebooks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab of this test's own, with `notebooks` as its folder."""
    own = tmp_path_factory.mktemp("jupyter")
    environment = dict(os.environ)
    # Where packages lie in a folder of their own, what they share lies there too.
    shared = Path(jupyterlab.__file__).parents[1] / "share" / "jupyter"
    arguments = []
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).resolve()) for entry in entries if entry)
    if shared.is_dir():
        environment["JUPYTER_PATH"] = str(shared)
        arguments = [f"--LabApp.app_dir={shared / 'lab'}"]
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME"):
        (own / name).mkdir()
        environment[name] = str(own / name)
    config = own / "JUPYTER_CONFIG_DIR" / "labconfig" / "page_config.json"
    config.parent.mkdir()
    disabled = {"@jupyterlab/apputils-extension:announcements": True}  # it asks whether to get news
    config.write_text(json.dumps({"disabledExtensions": disabled}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    command += [f"--ServerApp.root_dir={notebooks}", "--IdentityProvider.token=", "--ServerApp.password="]
    command += ["--LabApp.extension_manager=readonly", *arguments]
    log = own / "log.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
    try:
        yield _address(own / "JUPYTER_RUNTIME_DIR", process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(runtime: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    give_up = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < give_up:
        for file in runtime.glob("jpserver-*.json"):
            try:
                address: str = json.loads(file.read_text())["url"]
                urllib.request.urlopen(f"{address}api", timeout=5).close()
            except (OSError, ValueError):
                continue
            return address
        time.sleep(0.2)
    process.kill()
    pytest.fail(f"JupyterLab does not listen:\n{log.read_text(errors='replace')}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser, at no address yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(SLOW)
    yield page
    context.close()


def run_cell(page: Page, number: int) -> None:
    """Run a cell of the notebook, and wait until its number is there."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(number)
    prompt = cell.locator(".jp-InputArea-prompt")
    for _ in range(5):  # a click may be lost while the page starts, as keys may; else it is seen at once, as [*]
        cell.locator(".jp-InputArea-editor").click()
        expect(cell).to_have_class(re.compile("jp-mod-active"))
        page.get_by_role("button", name="Run this cell and advance").click()
        with contextlib.suppress(AssertionError):
            expect(prompt).to_have_text(re.compile(r"\[(\*|\d+)\]:"), timeout=60_000)
            break
    expect(prompt).to_have_text(f"[{number + 1}]:")


def drag(page: Page, *through: tuple[float, float]) -> float:
    """Draw with the mouse over the map, at shares of its width and height; returns when the mouse was released."""
    canvas = page.locator(".handlens-map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in through]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    released = time.time()
    page.mouse.up()
    return released


def lines(file: Path, count: int) -> list[str]:
    """The lines of a file as soon as it has so many."""
    give_up = time.monotonic() + STARTING
    while True:
        found = file.read_text().splitlines() if file.exists() else []
        if len(found) >= count or time.monotonic() > give_up:
            return found
        time.sleep(0.01)


def test_selected_on_the_map_and_read_in_python(page, lab, notebooks, shoot: Callable[..., None]):
    page.goto(f"{lab}lab/tree/map.ipynb?reset")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=120_000)
    run_cell(page, 0)
    widget = page.locator(".handlens-map")
    expect(widget.get_by_role("status").filter(has_text="0 of 300 selected")).to_be_visible()
    expect(widget.get_by_role("button", name="seen before")).to_contain_text("30")

    # What is selected is in Python: an observer writes down when it was told.
    left_half = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98)]
    seconds: list[float] = []
    for round in range(9):
        released = drag(page, *left_half)
        heard = lines(notebooks / "heard.txt", 2 * round + 1)
        assert len(heard) == 2 * round + 1
        at, *ids = heard[-1].split()
        seconds.append(float(at) - released)
        assert 30 < len(ids) < 300
        expect(widget.get_by_role("status").filter(has_text=f"{len(ids)} of 300")).to_be_visible()
        if round < 8:
            widget.get_by_role("button", name="Clear").click()
            assert lines(notebooks / "heard.txt", 2 * round + 2)[-1].split()[1:] == []
    print("from the mouse released to the observer told:", *(f"{wait:.3f} s" for wait in sorted(seconds)))
    run_cell(page, 1)
    read = page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output")
    expect(read).to_have_text(f"read: int64 {len(ids)}\n")

    # Labels from the map, and from Python.
    widget.get_by_role("textbox", name="Label").fill("left")
    page.keyboard.press("Enter")
    expect(widget.get_by_role("button", name="left")).to_contain_text(str(len(ids)))
    expect(widget.get_by_role("textbox", name="Label")).to_have_value("")
    run_cell(page, 2)
    expect(widget.get_by_role("button", name="typed")).to_contain_text("1")

    # Keys on the map are the map's, such as D D, which would delete a cell; but saving the notebook works there, too.
    assert '"outputs": []' in (notebooks / "map.ipynb").read_text(encoding="utf-8")
    widget.locator("canvas").focus()
    for key in ("d", "d", "Control+s"):
        page.keyboard.press(key)
    expect(page.locator(".jp-mod-current.jp-mod-dirty")).to_have_count(0)
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(4)

    # Another map, and how all of it looks.
    page.keyboard.press("Control+b")  # JupyterLab's list of files takes the whole of a narrow page
    for theme in ("Light", "Dark"):
        page.evaluate("dark => { document.body.dataset.jpThemeLight = String(!dark) }", theme == "Dark")
        shoot(page, f"01-lab-{theme.lower()}", sizes=SIZES)
    page.set_viewport_size({"width": 1280, "height": 800})
    widget.get_by_role("combobox", name="Projection").select_option("pca-3-4")
    expect(widget.get_by_text("Computing the map…")).to_be_hidden()
    expect(widget.locator(".problem")).to_have_text("")

    # After a restart of the kernel a label is not lost in silence.
    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    widget.get_by_role("textbox", name="Label").fill("lost")
    page.keyboard.press("Enter")
    expect(widget.get_by_role("textbox", name="Label")).to_have_value("lost")
    expect(widget.locator(".problem")).to_contain_text("Python has not answered")
