"""The question the lesson begins with, on real photos: which way does the car face?"""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio

VIEWS = ("front", "front-left", "front-right", "left", "rear", "rear-left", "rear-right", "right")
FIRST, SECOND = "front-left", "front-right"


def view_of(path: str) -> str:
    """The angle that the file's name tells."""
    return Path(path).stem.rpartition("_")[0]


@pytest.fixture(scope="module")
def cars(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty photos of each of the eight views."""
    folder = tmp_path_factory.mktemp("cars") / "cars"
    folder.mkdir()
    for view in VIEWS:
        for i in range(1, 51):
            shutil.copy(shared_data / "cars" / "images" / f"{view}_{i}.jpg", folder)
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, cars: Path, shared_data: Path) -> Studio:
    """Studio on the cars, by a pretrained network."""
    weights = shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    return studio.on(cars, network="mobilenetv2_100", weights=weights)


def test_which_way_the_cars_face(studio, page: Page, hand, shoot: Callable[..., None]) -> None:
    map_of = hand(page)
    page.goto(studio.collection_url)
    map_of.wait_prepared()
    shoot(page, "01-prepared")

    # Features learned on the photos, beside the network's.
    page.get_by_role("button", name="Sources").click()
    sources = page.get_by_role("dialog", name="Sources")
    expect(sources).to_contain_text("mobilenetv2_100")
    sources.get_by_role("button", name="Add", exact=True).first.click()
    expect(sources.get_by_role("listitem").filter(has_text="Learned on these photos")).to_contain_text("in use")
    page.keyboard.press("Escape")
    map_of.wait_prepared()
    table = page.get_by_role("region", name="Light table")
    expect(table.get_by_role("columnheader", name="mobilenetv2_100")).to_be_visible()
    expect(table.get_by_role("columnheader", name="Learned on these photos")).to_be_visible()

    # Two angles: a group of the map, without those that face another way.
    paths = page.request.get(page.url.replace("/c/", "/api/collections/") + "/photos/paths").text().split("\0")[:-1]
    assert len(paths) == 400
    table.get_by_role("button", name="mobilenetv2_100 · stage 4 · where, Neighbours").click()
    map_of.wait_still()
    page.keyboard.press("0")
    shoot(page, "02-neighbours")
    labelled = {}
    for view in (FIRST, SECOND):
        wanted = {id for id, path in enumerate(paths) if view_of(path) == view}
        area = map_of.group(wanted, at_least=5)
        map_of.box(area)
        page.keyboard.press("r")
        review = page.get_by_role("region", name="Review")
        review.get_by_label("Size of photos").fill("56")
        review.get_by_label("Sort").select_option("as-is")
        review.get_by_role("listbox").focus()
        page.keyboard.press("Home")
        for id in sorted(area.ids):  # as they stand in the grid
            if id not in wanted:
                page.keyboard.press("Space")
            page.keyboard.press("ArrowRight")
        labelled[view] = len(area.ids & wanted)
        expect(review).to_contain_text(f"{labelled[view]} kept")
        shoot(page, f"03-{view}")
        review.get_by_label("New label for the kept photos").fill(view)
        page.keyboard.press("Enter")
        expect(map_of.label_button(view)).to_have_attribute("aria-label", f"{view}, {labelled[view]} photos")
        expect(review).to_have_count(0)
        expect(map_of.selection).to_have_count(0)
        map_of.wait_saved()

    # Others like a group of a third angle, of all photos; a label given by mistake is taken back.
    rear = {id for id, path in enumerate(paths) if view_of(path) == "rear"}
    area = map_of.group(rear, at_least=3)
    map_of.box(area)
    page.keyboard.press("1")
    expect(map_of.label_button(FIRST)).not_to_have_attribute("aria-label", f"{FIRST}, {labelled[FIRST]} photos")
    map_of.wait_saved()
    page.keyboard.press("Control+z")
    expect(map_of.label_button(FIRST)).to_have_attribute("aria-label", f"{FIRST}, {labelled[FIRST]} photos")
    map_of.wait_saved()
    map_of.box(area)
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Most similar")).to_be_visible()
    shoot(page, "03-similar")
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name="Review")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(map_of.selection).to_have_count(0)

    # The projection that tells the two apart best, over all layers of both sources.
    page.keyboard.press("s")
    where = page.get_by_role("group", name="Layer and projection")
    expect(where).to_contain_text("Chosen labels apart")
    map_of.wait_still()
    shoot(page, "04-apart")

    page.keyboard.press("t")
    model = page.get_by_role("region", name="Model")
    expect(page.get_by_role("button", name="Check 30 random photos")).to_be_visible()
    page.keyboard.press("o")
    expect(map_of.map.get_by_label("How sure")).to_be_visible()
    expect(model).to_contain_text(re.compile(r"[\d,]+ of 400 faded"))
    shoot(page, "05-faded")

    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download predictions").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows) == 400
    with page.expect_download() as download:
        page.get_by_role("link", name="Download photos in folders").click()
    with zipfile.ZipFile(download.value.path()) as folders:
        names = [name.split("/")[0] for name in folders.namelist() if "/" in name]
    assert {view: names.count(view) for view in set(names)} == labelled
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Help").click()
    expect(page.get_by_role("dialog", name="Help")).to_contain_text("Separate")
    rest = [row for row in rows if view_of(row["path"]) in (FIRST, SECOND) and not row["label"]]
    assert len(rest) == 100 - sum(labelled.values())
    right = sum(row["predicted"] == view_of(row["path"]) for row in rest)
    assert right / len(rest) > 0.7
