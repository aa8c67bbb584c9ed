"""Photos that are suggested are labelled one by one, and then in groups: by keys alone, and by the mouse alone."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Studio

KINDS = ("circle", "square")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red circles and blue squares on a noisy ground, which no model confuses."""
    from PIL import Image, ImageDraw

    folder = tmp_path_factory.mktemp("photos") / "shapes"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(40):
        for kind in KINDS:
            picture = Image.fromarray(random.integers(90, 170, (96, 128, 3), dtype=np.uint8))
            x, y, r = (int(v) for v in random.integers([4, 4, 30], [70, 50, 40]))
            pen = ImageDraw.Draw(picture)
            if kind == "circle":
                pen.ellipse((x, y, x + r, y + r), fill=(210, 50, 40))
            else:
                pen.rectangle((x, y, x + r, y + r), fill=(40, 70, 220))
            picture.save(folder / f"{kind} {i}.png")
    return folder


@pytest.fixture(scope="module")
def studio(studio: Studio, shapes: Path) -> Studio:
    """Studio on the shapes, with features learned on them."""
    return studio.on(shapes)


class Labeller:
    """A person who sees what a photo shows, and answers the batch of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog", name="Label the suggested photos")
        self.api = page.url.replace("/c/", "/api/collections/")
        paths = page.request.get(f"{self.api}/photos/paths").text().split("\0")[:-1]
        self.kinds = [path.split(" ")[0] for path in paths]

    @property
    def photo(self) -> Locator:
        """The large photo."""
        return self.dialog.locator(".check-photo")

    def wait(self, place: int, total: int = 24) -> int:
        """Wait until this photo is asked for and sharp; its id."""
        expect(self.dialog.locator(".check-progress")).to_have_text(f"{place} of {total}")
        expect(self.photo).to_have_attribute("aria-busy", "false")
        return int(self.photo.get_attribute("data-photo") or "")

    def name(self, place: int) -> None:
        """Name the photo by a key, or by typing a label that is new."""
        kind = self.kinds[self.wait(place)]
        key = self.key(kind)
        if key:
            self.page.keyboard.press(key)
        else:
            self.page.keyboard.type(kind)
            self.page.keyboard.press("Enter")

    def key(self, kind: str) -> str | None:
        """The key of a label, if there is such a label."""
        button = self.dialog.get_by_role("button", name=re.compile(f"^{kind}( ?, predicted)?$"))
        return button.get_attribute("aria-keyshortcuts") if button.count() else None

    def saved(self) -> dict[str, int]:
        """How many photos have each label, as the server says."""
        names = self.page.request.get(f"{self.api}/labels").json()["names"]
        return {label["name"]: label["count"] for label in names}

    def all_true(self) -> bool:
        """Whether each label is what its photo shows."""
        labels = self.page.request.get(f"{self.api}/labels").json()
        codes = np.frombuffer(base64.b64decode(labels["codes"]), "<i2").tolist()
        names = [label["name"] for label in labels["names"]]
        return all(code < 0 or names[code] == kind for code, kind in zip(codes, self.kinds, strict=True))


def test_the_advice_is_always_in_view_and_can_be_switched_off(studio, page: Page, hand, shoot) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    advice = page.get_by_role("region", name="What next")
    for width, height in ((1280, 800), (390, 844), (1920, 1080), (640, 400)):
        page.set_viewport_size({"width": width, "height": height})
        expect(advice).to_contain_text("Look for photos that belong together")
        expect(advice.get_by_role("button", name="Draw a lasso")).to_be_in_viewport(ratio=1)
        text, button = advice.locator("p").bounding_box(), advice.locator(".filled").bounding_box()
        assert text["x"] + text["width"] <= button["x"] or text["y"] + text["height"] <= button["y"]
        assert page.locator(".button.filled:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, f"00-advice-{width}")
    page.set_viewport_size({"width": 1280, "height": 800})
    advice.get_by_role("button", name="Draw a lasso").click()
    expect(page.get_by_role("button", name="Lasso", exact=True)).to_have_attribute("aria-pressed", "true")
    advice.get_by_role("button", name="Hide the advice").click()
    expect(advice).to_have_count(0)
    page.reload()
    expect(page.get_by_role("group", name="Next")).to_be_visible()
    expect(advice).to_have_count(0)
    page.get_by_role("button", name="Advice", exact=True).click()
    expect(advice).to_be_visible()


def test_a_batch_by_keys_alone(studio, page: Page, hand, shoot, watch) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    page.keyboard.press("j")
    person = Labeller(page)
    place = 1
    while place < 5 or not all(map(person.key, set(person.kinds))):  # which photos are suggested first depends on luck
        person.name(place)
        place += 1
    shoot(page, "01-name")

    # A key that is held down names one photo.
    at = person.wait(place)
    key = person.key(person.kinds[at]) or ""
    for _ in range(5):
        page.keyboard.down(key)
    page.keyboard.up(key)
    person.wait(place + 1)
    # Back and forth.
    page.keyboard.press("ArrowLeft")
    assert person.wait(place) == at
    page.keyboard.press(key)

    # The server is gone between two keys: what is answered is kept, said, and sent again.
    page.route("**/labels/assign*", lambda route: route.abort())
    person.name(place + 1)
    person.name(place + 2)
    expect(person.dialog.get_by_role("alert")).to_contain_text("2 answers are not saved yet; you can go on")
    shoot(page, "02-not-saved")
    page.unroute("**/labels/assign*")
    person.dialog.get_by_role("button", name="Try again").press("Enter")
    expect(person.dialog.get_by_role("alert")).to_have_count(0)
    watch.expect("labels/assign")
    for later in range(place + 3, 25):
        person.name(later)

    # One key trains and suggests; now those that look alike are confirmed together.
    result = person.dialog.get_by_role("group", name="Result")
    expect(result).to_contain_text("24 labelled.")
    expect(result.get_by_role("button", name="Train and suggest")).not_to_have_attribute("aria-disabled", "true")
    assert sum(person.saved().values()) == 24
    page.keyboard.press("Enter")
    group = person.dialog.get_by_role("heading", name=re.compile("which are wrong"))
    expect(group).to_be_visible()
    shoot(page, "03-confirm")
    count, kind = re.findall(r"^(\d+) photos predicted (\w+)", group.inner_text())[0]
    before = person.saved()
    # One is marked, and waits for its name; Back takes the whole group back.
    page.evaluate("window.gone = document.querySelector('.confirm .grid')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    expect(group.get_by_text(kind, exact=True)).to_have_count(0)
    page.evaluate("gone.dispatchEvent(new Event('scroll'))")  # the browser may be late to say so
    page.keyboard.press("Backspace")
    expect(group).to_have_text(f"{count} photos predicted {kind}: which are wrong?")
    assert person.saved() == before
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")  # it was still marked
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(result).to_contain_text("24 labelled.")
    expect(result.get_by_role("button", name="Train and suggest")).not_to_have_attribute("aria-disabled", "true")
    assert sum(person.saved().values()) == 48
    assert person.all_true()
    page.keyboard.press("Escape")
    expect(person.dialog).to_have_count(0)
    # The page has followed once it is seen again.
    expect(page.get_by_role("region", name="Labels")).to_contain_text("48 of 80 photos labelled")


def test_predictions_are_confirmed_by_a_finger(studio, page: Page, hand, shoot) -> None:
    page.goto(studio.collection_url)
    hand(page).wait_prepared()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Labels", exact=False).last.click()
    page.get_by_role("button", name="Confirm predictions…").click()
    dialog = page.get_by_role("dialog", name="Confirm predictions")
    shoot(page, "04-choose")
    dialog.get_by_role("button", name=re.compile("^circle")).click()
    person = Labeller(page)
    photos = dialog.get_by_role("option")
    expect(photos.first).to_be_visible()
    count = photos.count()
    shoot(page, "05-page")
    # What is marked as wrong is named before the next label, and its place is the person's to say.
    photos.nth(1).click()
    dialog.get_by_role("button", name=f"Confirm the other {count - 1}: circle").click()
    dialog.get_by_role("button", name="circle", exact=True).click()
    expect(dialog).to_contain_text(f"{count} labelled.")
    shoot(page, "06-labelled")
    dialog.get_by_role("button", name=re.compile("^Confirm .* predicted square")).click()
    dialog.get_by_role("button", name=re.compile("^Confirm all")).click()
    dialog.get_by_role("button", name=re.compile("^Close Enter")).click()
    expect(dialog).to_have_count(0)
    assert person.saved() == {"circle": 40, "square": 40}
    assert person.all_true()
