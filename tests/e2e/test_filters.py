"""Filters on the page: by keyboard alone, over a refresh, applied again after labelling, saved, and in downloads."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Studio

PHOTOS = 24


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures, 00.png to 23.png."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos") / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(PHOTOS):
        Image.fromarray(random.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, pictures: Path) -> Studio:
    """Studio on the pictures, with features learned on them."""
    return studio.on(pictures)


@pytest.fixture
def opened(studio, page: Page, hand) -> Page:
    """The collection with photos 0–9 labelled a, and 10–14 labelled b."""
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    for ids, name in ((range(10), "a"), (range(10, 15), "b")):
        assign(page, ids, name)
        expect(hand(page).label_button(name)).to_be_visible()
    return page


def api_of(page: Page) -> str:
    return page.url.replace("/c/", "/api/collections/")


def assign(page: Page, ids: range, name: str) -> None:
    mask = np.packbits(np.isin(np.arange(PHOTOS), ids), bitorder="little").tobytes()
    body = {"selection": base64.b64encode(mask).decode(), "name": name}
    answer = page.request.post(f"{api_of(page)}/labels/assign", data=body)
    assert answer.ok, answer.text()


def on_map(page: Page) -> list[int]:
    """The ids of the photos that the map shows, after it has been drawn."""
    return page.locator(".map-host").evaluate(
        """async host => {
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
            host.map.fit()
            return host.map.onScreen().map(({ id }) => id).sort((a, b) => a - b)
        }"""
    )


def found(page: Page, text: str) -> None:
    expect(page.get_by_role("region", name="Filter").locator(".filter-found")).to_have_text(text)


def test_a_filter_by_keys_alone(opened: Page, hand, shoot, watch) -> None:
    page = opened
    focused = page.locator(":focus")
    page.locator("#map").focus()
    page.keyboard.press("i")
    expect(focused).to_have_text("Condition")
    found(page, "All photos are shown")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Label")
    page.keyboard.press("ArrowDown")
    expect(focused).to_contain_text("Predicted label train first")
    page.keyboard.press("Enter")  # nothing: there is no model
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    editor = page.get_by_role("dialog", name="Condition: Label")
    expect(editor).to_be_visible()
    expect(page.get_by_role("checkbox", name="without a label")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    found(page, "10 photos")
    assert on_map(page) == list(range(10))
    shoot(page, "01-editor")
    page.keyboard.press("Escape")
    expect(editor).to_have_count(0)
    expect(focused).to_have_attribute("aria-label", "Label: a. Change")

    # It is still on after a refresh, and follows the labels as they change.
    expect(page.get_by_role("region", name="Filter")).to_be_visible()
    hand(page).wait_kept("view.filter?.items[0]?.of.names?.includes('a')")
    page.reload()
    hand(page).wait_prepared()
    found(page, "10 photos")
    assign(page, range(8, 10), "b")
    found(page, "8 photos")
    assert on_map(page) == list(range(8))
    page.request.post(f"{api_of(page)}/labels/rename", data={"name": "a", "to": "first"})
    expect(page.get_by_role("button", name="Label: first. Change")).to_be_visible()
    found(page, "8 photos")
    page.request.post(f"{api_of(page)}/labels/rename", data={"name": "first", "to": "a"})

    # A second condition; turned round, it leaves nothing.
    page.keyboard.press("i")
    expect(focused).to_have_attribute("aria-label", "Add a condition")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Label")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Condition: Duplicates")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="Search for duplicates")).to_contain_text(
        "The filter is not applied, so all photos are shown."
    )
    watch.expect("400")
    page.get_by_role("button", name="Remove", exact=True).press("Enter")
    found(page, "8 photos")
    page.keyboard.press("i")
    expect(focused).to_have_attribute("aria-label", "Add a condition")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Label")
    page.keyboard.press("End")
    page.keyboard.press("Enter")  # left out
    expect(page.locator("#map").get_by_text("No photo matches the filter.")).to_be_visible()
    assert on_map(page) == []
    page.get_by_role("checkbox", name="Not these").press("Space")
    found(page, "8 photos")
    page.get_by_label("Which conditions photos must meet").select_option("any")
    found(page, "All 24 photos match")
    page.keyboard.press("Escape")


def test_review_saved_filters_and_downloads(opened: Page, hand, shoot) -> None:
    page = opened
    bar = page.get_by_role("region", name="Filter")
    if bar.is_visible():
        bar.get_by_role("button", name="Clear filter").click()
    page.get_by_role("button", name="Filter", exact=True).click()
    bar.get_by_role("button", name="Condition", exact=True).click()
    page.get_by_role("menuitem", name="Label", exact=True).click()
    page.get_by_role("checkbox", name="b", exact=True).check()
    found(page, "5 photos")
    page.get_by_role("button", name="Done").click()

    # Photos under review stay on the map, also after they have another label.
    bar.get_by_role("button", name="Review these").click()
    review = page.get_by_role("region", name="Review")
    expect(review.get_by_role("listbox").get_by_role("option")).to_have_count(5)
    assign(page, range(10, 12), "a")
    found(page, "3 photos")
    assert on_map(page) == list(range(10, 15))
    review.get_by_role("button", name="Close review").click()
    assert on_map(page) == [12, 13, 14]

    bar.get_by_role("button", name="Saved").click()
    page.get_by_role("menuitem", name="Save this filter…").click()
    page.keyboard.type("the b ones")
    page.keyboard.press("Enter")
    expect(bar.get_by_role("textbox")).to_have_count(0)
    bar.get_by_role("button", name="Clear filter").click()
    expect(bar).to_have_count(0)
    assert on_map(page) == list(range(PHOTOS))
    page.keyboard.press("i")
    bar.get_by_role("button", name="Saved").click()
    page.get_by_role("menuitem", name="the b ones", exact=True).click()
    found(page, "3 photos")

    page.get_by_role("button", name="Take away").click()
    dialog = page.get_by_role("dialog", name="Take away")
    only = dialog.get_by_role("checkbox", name="Only the 3 photos of the filter")
    expect(only).to_be_checked()
    shoot(page, "02-take-away")
    for rows in (3, 15):
        with page.expect_download() as download:
            dialog.get_by_role("link", name="Download labels").click()
        assert len(list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))) == rows
        only.uncheck()
    page.keyboard.press("Escape")


def test_frames_are_coloured_by_a_column(opened: Page, hand, shoot) -> None:
    page = opened
    rows = [f"{i:02}.png,{'old' if i < 20 else 'new'},{2000 + i}" for i in range(PHOTOS)]
    text = "\n".join(["path,camera,year", *rows])
    page.request.put(f"{api_of(page)}/attributes?name=c.csv", data=text, headers={"content-type": "text/csv"})
    colour = page.get_by_label("Colour by")
    legend = page.get_by_role("group", name="Colours of the frames")
    colour.focus()
    colour.select_option(label="camera")
    expect(legend.get_by_role("listitem")).to_have_text(["old20", "new4"])
    shoot(page, "03-column")
    colour.select_option(label="year")
    expect(legend.locator(".map-scale")).to_have_text("20002023")
    hand(page).wait_kept("view.colouring?.column === 'year'")
    page.reload()
    expect(legend.locator(".map-scale")).to_have_text("20002023")
    colour.select_option(label="Label")
    expect(legend.locator(".map-scale")).to_have_count(0)
