"""What is looked at again: a selection, labels that may be wrong, duplicates, and photos large."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Studio

EACH, COPIES = 14, 2
LONG = [f"{n}: a label with a name that is as long as people make them when nobody stops them" for n in range(30)]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red circles, blue squares, and copies of the first circles."""
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(EACH):
        for kind in ("circle", "square"):
            picture = Image.fromarray(random.integers(90, 170, (12, 16, 3), dtype=np.uint8)).resize((128, 96))
            pen = ImageDraw.Draw(picture)
            x, y, r = (int(v) for v in random.integers([4, 4, 30], [16, 50, 40]))
            if kind == "circle":
                pen.ellipse((x, y, x + r, y + r), fill=(210, 50, 40))
            else:
                pen.rectangle((x + 66, y, x + 66 + r, y + r), fill=(40, 70, 220))
            picture.save(folder / f"{kind} {i:02}.png")
            if kind == "circle" and i < COPIES:
                picture.save(folder / f"circle {i:02} copy.jpg", quality=60)
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, shapes: Path) -> Studio:
    """Studio on the shapes, with features learned on them."""
    return studio.on(shapes)


class Person:
    """Someone before the page of a collection."""

    def __init__(self, page: Page) -> None:
        self.page, self.keyboard = page, page.keyboard
        self.api = page.url.replace("/c/", "/api/collections/")
        self.paths: list[str] = page.request.get(f"{self.api}/photos/paths").text().split("\0")[:-1]
        self.review = page.get_by_role("region", name="Review")
        self.grid = self.review.get_by_role("listbox")

    def post(self, path: str, body: dict | None = None) -> None:
        """Send something to the server, as another tab would."""
        answer = self.page.request.post(f"{self.api}/{path}", data=body or {})
        assert answer.ok, answer.text()

    def label(self, ids: list[int], name: str) -> None:
        """Label photos in another tab."""
        bits = np.zeros(len(self.paths), bool)
        bits[ids] = True
        selection = base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()
        self.post("labels/assign", {"selection": selection, "name": name})

    def labels(self) -> dict[str, str]:
        """The label of each labelled photo by its path, as the server knows them."""
        found = self.page.request.get(f"{self.api}/labels").json()
        codes = np.frombuffer(base64.b64decode(found["codes"]), "<i2")
        return {path: found["names"][code]["name"] for path, code in zip(self.paths, codes, strict=True) if code >= 0}

    def photo(self, path: str) -> Locator:
        """A photo of the grid."""
        return self.grid.get_by_role("option", name=re.compile(f"^{re.escape(path)}(,|$)"))

    def saved(self) -> None:
        """Wait until all labels are on disk."""
        expect(self.page.locator(".saved")).to_have_text("Saved")


@pytest.fixture
def person(studio, page: Page, hand) -> Person:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    return Person(page)


def ids_of(person: Person, pattern: str) -> list[int]:
    return [i for i, path in enumerate(person.paths) if re.search(pattern, path)]


def test_wrong_labels_lose_them_in_one_step_and_the_edge_moves(person, page, hand, shoot):
    person.label(ids_of(person, r"^circle \d+\.png"), "circle")
    person.label(ids_of(person, r"^square 0[01]"), "circle")
    expect(page.get_by_role("button", name=f"circle, {EACH + 2} photos")).to_be_visible()  # the page heard of all
    page.get_by_role("button", name="Menu for circle").click()
    page.get_by_role("menuitem", name="Select its photos").click()
    person.keyboard.press("r")
    person.review.get_by_label("Sort").select_option("odd-first")  # at first only where that takes no time
    expect(person.review.get_by_label("Sort")).to_have_value("odd-first")
    # More than two rows of photos at this size of the window.
    box = person.grid.bounding_box()
    assert box is not None
    assert box["height"] > 2.2 * person.grid.get_by_role("option").first.bounding_box()["height"]

    person.photo("square 00.png").click()
    person.photo("square 01.png").click()
    expect(person.review).to_contain_text("14 kept, 2 thrown out")
    shoot(page, "01-thrown-out")
    person.keyboard.press("w")
    shoot(page, "02-these-are-wrong")
    person.keyboard.press("Delete")
    expect(person.review).to_contain_text("14 kept")
    expect(person.grid.get_by_role("option")).to_have_count(EACH)
    person.saved()
    assert set(person.labels()) == {path for path in person.paths if re.match(r"circle \d+\.png", path)}

    edge = page.get_by_role("separator", name="Edge between map and review")
    edge.focus()
    before = person.review.bounding_box()["height"]
    person.keyboard.press("ArrowUp")
    expect(edge).to_have_attribute("aria-valuenow", "67")
    assert person.review.bounding_box()["height"] > before
    x, y, width, height = edge.bounding_box().values()
    page.mouse.move(x + width / 2, y + height / 2)
    page.mouse.down()
    page.mouse.move(x + width / 2, y - 60, steps=4)
    page.mouse.up()
    moved = int(edge.get_attribute("aria-valuenow") or 0)
    assert moved > 67

    # A refresh changes neither the selection nor the review nor the edge.
    hand(page).wait_kept(f"Math.round(100 * view.review) === {moved}")
    page.reload()
    expect(person.grid.get_by_role("option")).to_have_count(EACH)
    expect(edge).to_have_attribute("aria-valuenow", str(moved))
    edge.focus()
    person.keyboard.press("Enter")
    expect(edge).to_have_attribute("aria-valuenow", "62")
    person.keyboard.press("Escape")
    expect(person.review).to_have_count(0)


def test_large_photos_have_a_next_one_and_keys_for_labels(person, page, shoot):
    page.get_by_role("button", name="Menu for circle").click()
    page.get_by_role("menuitem", name="Select its photos").click()
    person.keyboard.press("r")
    person.grid.press("Home")
    first, second = (person.grid.get_by_role("option").nth(i).get_attribute("aria-label") for i in (0, 1))
    assert first is not None
    assert second is not None
    person.grid.press("Enter")
    dialog = page.get_by_role("dialog")
    name_of = [text.split(",")[0] for text in (first, second)]
    expect(dialog.get_by_role("heading", name=name_of[0])).to_be_visible()
    expect(dialog).to_contain_text(f"1 of {EACH}")
    expect(dialog.get_by_role("button", name="Previous photo")).to_have_attribute("aria-disabled", "true")
    person.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", name=name_of[1])).to_be_visible()
    expect(dialog.get_by_role("img", name=name_of[1])).to_be_visible()
    shoot(page, "03-large")
    person.keyboard.press("Delete")
    expect(dialog).to_contain_text("No label")
    person.keyboard.press("1")
    expect(dialog).to_contain_text("Label: circle")
    person.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    active = person.grid.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-label") == second  # the grid went along
    person.saved()
    person.keyboard.press("Escape")


def test_labels_that_may_be_wrong_by_keys_alone(person, page, shoot):
    for name in set(person.labels().values()):
        person.post("labels/delete", {"name": name})
    for i in range(EACH):
        wrong = i in (2, 5)
        person.label(ids_of(person, rf"^circle {i:02}\.png"), "square" if wrong else "circle")
        person.label(ids_of(person, rf"^square {i:02}\.png"), "square")
    expect(page.get_by_role("button", name=f"square, {EACH + 2} photos")).to_be_visible()
    person.keyboard.press("t")
    expect(page.get_by_role("button", name="Train again")).to_be_visible()
    person.keyboard.press("u")
    expect(person.review.get_by_role("heading", name="Labels that may be wrong")).to_be_visible()
    one, two = person.photo("circle 02.png"), person.photo("circle 05.png")
    expect(one).to_contain_text("labelled square")
    expect(one).to_contain_text("circle")
    shoot(page, "04-suspects")
    order = [person.grid.get_by_role("option").nth(i).get_attribute("id") for i in (0, 1)]
    first = person.grid.get_by_role("option").first.get_attribute("aria-label")
    assert first is not None
    kept, changed = (one, two) if first.startswith("circle 02") else (two, one)
    person.keyboard.press("k")
    expect(kept).to_contain_text("kept")
    person.keyboard.press("c")
    expect(changed).to_contain_text("now circle")
    # At a zoom of 200 %, photos and keys have their place.
    page.set_viewport_size({"width": 640, "height": 400})
    expect(person.grid.get_by_role("option").first).to_be_in_viewport()
    shoot(page, "04-suspects-zoomed")
    page.set_viewport_size({"width": 1280, "height": 800})
    # Nothing moved.
    assert [person.grid.get_by_role("option").nth(i).get_attribute("id") for i in (0, 1)] == order
    person.saved()
    person.keyboard.press("Control+z")
    expect(changed).not_to_contain_text("now circle")
    person.saved()
    # What was kept is not shown again; what is undone is.
    name = kept.get_attribute("aria-label").split(",")[0]
    person.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("button", name="Train again")).to_be_visible()
    person.keyboard.press("u")
    expect(person.grid).to_be_visible()
    expect(person.photo(name)).to_have_count(0)
    person.keyboard.press("Escape")


def test_duplicates_from_the_search_to_a_label_of_the_group(person, page, shoot):
    person.keyboard.press("d")
    expect(person.review.get_by_role("heading", name="Duplicates")).to_be_visible()
    expect(person.review).to_contain_text(f"{COPIES} groups, {2 * COPIES} photos")
    expect(person.review).to_contain_text("2 photos · circle, 1 without a label")
    shoot(page, "05-duplicates")
    person.review.get_by_role("button", name=f"Label {COPIES} like their group").click()
    expect(person.review).to_contain_text("2 photos · circle")
    person.saved()
    labels = person.labels()
    assert [labels[f"circle {i:02} copy.jpg"] for i in range(COPIES)] == ["circle"] * COPIES
    person.keyboard.press("Control+z")
    expect(person.review).to_contain_text("1 without a label")
    person.saved()
    # By keys: the group that the keys are in gets a label, and they go on to the next one.
    person.grid.focus()
    person.keyboard.press("g")
    expect(person.grid.locator("[role=option][aria-selected=true]")).to_have_count(2)
    person.keyboard.press("1")
    expect(person.grid.locator("[role=option][aria-selected=true]")).to_have_count(0)
    person.saved()
    person.review.get_by_role("button", name="Select the copies").click()
    expect(page.get_by_role("group", name="Selection")).to_contain_text(f"{COPIES} selected")
    person.keyboard.press("Escape")


def test_thirty_labels_with_long_names_can_all_be_reached(person, page, shoot):
    for i, name in enumerate(LONG):
        person.label([i], name)
    person.keyboard.press("Control+a")
    person.keyboard.press("r")
    chips = person.review.get_by_role("group", name="Label the kept photos")
    last = chips.get_by_role("button", name=LONG[-1])
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    shoot(page, "06-thirty-labels")
    person.grid.focus()
    person.keyboard.press("g")
    expect(person.review.get_by_role("searchbox", name="Find a label")).to_be_focused()
    page.keyboard.type("29:")
    expect(chips.get_by_role("button")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(person.review).to_have_count(0)
    person.saved()
    assert set(person.labels().values()) == {LONG[29]}
